"""Searching 200,000 items with 1,000,000 events: what a person waits for, its event on record included.

The archive is drawn by chance from a fixed seed: 40 units of very different size, 800 officers, 600 devices,
half the recordings with a case, a third with a track and a note. Asked by reviewers of one unit, and by
somebody who sees all of them, who is the worst case and whom the policy knows not yet.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite

from cases.figures import FigureDesk
from cases.linking import Linking
from custos.clock import SystemClock
from evidence.access import Viewer
from evidence.agents import Action, Agent, AgentKind, Resource, Role
from evidence.cases import CaseDetail
from evidence.events import EventDraft, EventType, Subject, seal
from evidence.figures import Dimension, FigureQuery
from evidence.items import Category, Item, Submission
from evidence.jobs import JobState, Stage
from evidence.keys import original_key
from evidence.places import MICRO
from evidence.projection import Known, entry_of
from evidence.search import Query, read_query
from evidence.timekeeping import OFFICE_ZONE, TimeStatement, to_micros, to_text
from identity.policy import RolePolicy
from retrieval.reading import Reading
from retrieval.search import Search
from storage.catalogue import codec
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.search import links_of, values_of
from tests.benchmarks.results import Report
from transcode.segments import segment_of

ITEMS = 200_000
EVENTS_AN_ITEM = 5
QUESTIONS = 60
_SEED = 20260101
_BATCH = 5_000
#: The newest items, for which dispatch lists are there.
_LISTED = 20_000
#: Items that are counted, and days whose gaps are counted, in one transaction.
_COUNTED = 500
_SETTLED = 500
_START = datetime(2024, 1, 1, tzinfo=UTC)
_EMITTER = str(uuid.UUID(int=_SEED))
_FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀兰霞平刚桂英华文建国志海燕玲波宁辉力鹏斌浩凯健俊帆雪"
_PHRASES = (
    "现场检查", "当事人", "未按规定", "暂扣车辆", "询问笔录", "夜间巡查", "无证经营", "责令改正", "听证告知",
    "送达回证", "抽样取证", "先行登记保存", "占道经营", "超限运输", "违法建设", "安全隐患", "投诉举报",
    "复查合格",
)  # fmt: skip


def _id(number: int, kind: int) -> str:
    """An identifier that sorts by `number`."""
    return str(uuid.UUID(int=(0x018D_0000_0000 + number) << 80 | 0x7 << 76 | 2 << 62 | kind))


class _Archive:
    """What is drawn: people, devices, and item after item of theirs."""

    def __init__(self) -> None:
        self.draw = random.Random(_SEED)
        self.units = [f"城市管理{number}大队" for number in range(1, 41)]
        weights = [1 / (rank + 3) for rank in range(len(self.units))]
        self.officers = [(self._name(), unit) for unit in self.draw.choices(self.units, weights, k=800)]
        self.devices = [f"DSJ-{number:05d}" for number in range(600)]
        self.stations = {
            unit: Agent(
                _id(number, 1), AgentKind.DEVICE, f"dock-{number}", f"{unit}采集站", Role.STATION, unit
            )
            for number, unit in enumerate(self.units)
        }
        self.reviewers = {
            unit: Agent(_id(number, 2), AgentKind.PERSON, f"rev-{number}", self._name(), Role.REVIEWER, unit)
            for number, unit in enumerate(self.units)
        }

    def _name(self) -> str:
        return self.draw.choice(_FAMILY) + "".join(self.draw.choices(_GIVEN, k=self.draw.choice((1, 2))))

    def known(self, number: int) -> Known:
        """The next item, and all that is known of it."""
        draw = self.draw
        officer, unit = draw.choice(self.officers)
        device = self.devices[hash_of(officer, unit) % len(self.devices)]
        at = _START + timedelta(seconds=number * 360)
        shot = at - timedelta(minutes=draw.randrange(20, 900))
        local = shot + timedelta(hours=8)
        item_id = _id(number, 0)
        kind = draw.choices(("video", "audio", "photo", "document"), (80, 8, 9, 3))[0]
        case = f"城管罚〔{local.year}〕{draw.randrange(60_000):05d}号" if draw.random() < 0.5 else None
        name = f"{device}_{local:%Y%m%d%H%M%S}_{draw.randrange(9999):04d}.mp4"
        times = (TimeStatement("device-clock", local.isoformat() + "", None, "start"),)
        submission = Submission(
            name, "video/mp4", case, draw.choice([*Category]), officer, device, times=times
        )
        item = Item(
            item_id, _id(number, 3), unit, self.stations[unit].id, submission, kind, "video/mp4", 10**8,
            f"{number:064x}", number, original_key(item_id, f"{number:064x}", at), at, at + timedelta(180),
            fully_locked=True,
            summary={"route": "copy", "reason": "plays as it is", "duration_ms": 600_000, "warnings": []},
        )  # fmt: skip
        mvhd = {
            "source": "QuickTime CreateDate (mvhd)", "value": f"{local:%Y:%m:%d %H:%M:%S}", "zone": None,
            "marks": "unknown", "tags": [], "is_utc": False, "at": None,
        }  # fmt: skip
        named = {**mvhd, "source": "file name", "value": f"{local:%Y%m%d%H%M%S}", "marks": "start"}
        facts = {
            "clocks": [mvhd, named],
            "device": {"serial": [{"source": "tag", "value": device, "tag": "x"}]},
            "positions": self._track() if draw.random() < 1 / 3 else [],
            "file_name": {"template": "t", "basis": "b", "statements": {"device": device}},
        }
        notes = ("，".join(draw.choices(_PHRASES, k=5)),) if draw.random() < 1 / 3 else ()
        states = draw.choices((JobState.DONE, JobState.FAILED, JobState.QUEUED), (98, 1, 1))
        playable = kind in ("video", "audio") and states == [JobState.DONE]
        description: Mapping[str, Any] = {"facts": facts, "duration_ms": 600_000}
        return Known(
            item, description, self.stations[unit].name, playable, states, [case] if case else [], notes
        )

    def _track(self) -> list[dict[str, Any]]:
        draw = self.draw
        longitude = 116_400_000 + draw.randrange(-400_000, 400_000)
        latitude = 39_900_000 + draw.randrange(-300_000, 300_000)
        line = []
        for _ in range(draw.randrange(10, 120)):
            longitude += draw.randrange(-300, 300)
            latitude += draw.randrange(-300, 300)
            line.append([f"{longitude / MICRO:.6f}", f"{latitude / MICRO:.6f}"])
        return [{"geometry": {"type": "LineString", "coordinates": line}}]


def hash_of(*texts: str) -> int:
    """A number that is the same in every process."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "/".join(texts)).int


def _rows(known: Known, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of one item beside its entry: what lists show, and its events."""
    item, at = known.item, to_micros(known.item.committed_at)
    yield "items", {**codec.item_values(item), "links": len(known.case_numbers)}
    yield "uploads", {
        "id": item.upload_id, "agent_id": item.agent_id, "unit": item.unit, "length": item.size,
        "offset": item.size, "state": "committed", "submission": "{}", "crc32": 0, "created_at": at,
        "touched_at": at, "item_id": item.id,
    }  # fmt: skip
    if known.is_playable:
        yield "renditions", {
            "id": _id(number, 4), "item_id": item.id, "kind": "playable", "key": item.id,
            "media_type": "video/mp4", "size": 1, "sha256": "", "made_at": at, "provenance": "{}",
            "layout": "{}",
        }  # fmt: skip
    for place, stage in enumerate((Stage.READ_BACK, Stage.DESCRIBE, Stage.PLAYABLE, Stage.PREVIEW)):
        yield "jobs", {
            "id": _id(number, 10 + place), "stage": stage.value, "subject": item.id, "unit": item.unit,
            "state": known.jobs[0].value if stage is Stage.PLAYABLE else "done", "attempts": 1, "fence": 1,
            "not_before": at, "progress": 1000, "updated_at": at,
        }  # fmt: skip
    for place in range(EVENTS_AN_ITEM):
        draft = EventDraft(
            EventType.ITEM_SHOWN, item.agent_id, item.committed_at, (Subject("item", item.id),), id=None
        )
        event = seal(
            draft, event_id=_id(number, 20 + place), emitter=_EMITTER, n=number * 5 + place, salt=bytes(32)
        )
        yield "events", {"id": event.id, "data": event.data, "at": at}
        yield "event_bodies", {"event_id": event.id, "salt": event.salt, "detail": event.detail}
        yield "event_subjects", {"subject": item.id, "event_id": event.id}
    yield from _recorded(known, number)
    entry = entry_of(known)
    yield "search_rows", {"seq": number + 1, **values_of(entry)}
    for table, links in links_of(entry).items():
        names = [column.name for column in table.c if column.name != "seq"]
        for link in links:
            yield table.name, {"seq": number + 1, **dict(zip(names, link, strict=True))}


def _recorded(known: Known, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """When it was recorded, and for the newest that wait two cases that it may be of, by a list."""
    segment = segment_of(known.item, known.description)
    if segment is None:
        return
    yield "recording_segments", {
        "item_id": segment.item_id, "own": _id(number, 40), "recording_id": _id(number, 40), "line": None,
        "known": codec.dump(segment.as_json()),
    }  # fmt: skip
    for place, start in enumerate(segment.starts):
        yield "recording_starts", {
            "item_id": segment.item_id, "number": place, "unit": segment.unit, "device": segment.device,
            "zoned": start.clock.zoned, "clock": str(place), "begins_us": start.at_us,
            "ends_us": start.at_us + (segment.length_us or 0),
        }  # fmt: skip
    if known.case_numbers or number < ITEMS - _LISTED or not segment.starts:
        return
    begins = segment.starts[0].at_us - 8 * 3_600_000_000
    for place in range(2):
        yield "cases", {
            "id": _id(number, 50 + place), "unit": segment.unit, "number": f"{number}-{place}号",
            "category": "penalty", "state": "open", "opened_by": known.item.agent_id, "opened_at": begins,
            "detail": codec.dump(CaseDetail().as_json()), "restriction": "none",
        }  # fmt: skip
        yield "dispatches", {
            "unit": segment.unit, "reference": f"J{number}-{place}", "case_number": f"{number}-{place}号",
            "officer": known.item.submission.officer, "device": segment.device if place else None,
            "begins_at": begins, "ends_at": begins + 3_600_000_000, "category": "penalty", "title": "",
            "place": "", "imported_by": known.item.agent_id, "imported_at": begins,
        }  # fmt: skip


def _fill(path: Path, archive: _Archive) -> None:
    """Everything in one transaction; what is kept in the order of its words comes in sorted at the end."""
    connection = sqlite.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-200000")
    connection.execute("BEGIN")
    for agent in (*archive.stations.values(), *archive.reviewers.values()):
        connection.execute(
            "INSERT INTO agents (id, kind, username, name, role, unit, disabled, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, 0, 0)",
            (agent.id, agent.kind.value, agent.username, agent.name, agent.role.value, agent.unit),
        )
    connection.execute("CREATE TEMP TABLE words (term, seq)")
    connection.execute("CREATE TEMP TABLE squares (cell, seq)")
    instead = {"search_terms": "words", "search_cells": "squares"}
    for first in range(0, ITEMS, _BATCH):
        gathered: dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]] = {}
        for number in range(first, min(first + _BATCH, ITEMS)):
            for table, row in _rows(archive.known(number), number):
                key = (instead.get(table, table), tuple(row))
                gathered.setdefault(key, []).append(tuple(row.values()))
        for (table, names), rows in gathered.items():
            columns = ", ".join(f'"{name}"' for name in names)
            marks = ", ".join("?" * len(names))
            connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
    connection.execute("INSERT INTO search_terms SELECT term, seq FROM words ORDER BY term, seq")
    connection.execute("INSERT INTO search_cells SELECT cell, seq FROM squares ORDER BY cell, seq")
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


class _Everywhere(RolePolicy):
    """Somebody who sees the items of all units."""

    def scope(self, agent: Agent, action: Action) -> Resource | None:
        return Resource()


def _questions(archive: _Archive) -> dict[str, list[dict[str, str]]]:
    """By criterion, what is asked; values of real items, so that something is found."""
    draw = random.Random(_SEED + 1)
    asked: dict[str, list[dict[str, str]]] = {}
    for _ in range(QUESTIONS):
        officer, _unit = draw.choice(archive.officers)
        since = _START + timedelta(seconds=draw.randrange(ITEMS * 360))
        near = f"{116.4 + draw.uniform(-0.3, 0.3):.5f},{39.9 + draw.uniform(-0.2, 0.2):.5f}"
        day = {"from": to_text(since), "to": to_text(since + timedelta(days=1))}
        month = {"from": to_text(since), "to": to_text(since + timedelta(days=30))}
        for name, criteria in {
            "nothing": {},
            "name of two or three characters": {"text": officer},
            "one character": {"text": officer[0]},
            "phrase of a note": {"text": draw.choice(_PHRASES)},
            "words of a file name": {"text": f"dsj {draw.randrange(600):05d}"},
            "word in every item": {"text": "mp4"},
            "case": {"case": f"城管罚〔2025〕{draw.randrange(60_000):05d}号"},
            "officer": {"officer": officer},
            "device": {"device": draw.choice(archive.devices)},
            "unit": {"unit": draw.choice(archive.units)},
            "kind": {"kind": draw.choice(("video", "document"))},
            "category and state": {"category": draw.choice([*Category]).value, "state": "failed"},
            "a day by any clock": day,
            "a month by the file's name": {**month, "clock": "file-name"},
            "500 m around": {"near": f"{near},500"},
            "a city": {"box": "116,39.6,116.8,40.2"},
            "phrase, kind, month, 5 km": {
                "text": draw.choice(_PHRASES),
                "kind": "video",
                **month,
                "near": f"{near},5000",
            },
        }.items():
            asked.setdefault(name, []).append(criteria)
    return asked


async def _slowest(questions: list[Any], ask: Callable[[int, Any], Awaitable[Any]]) -> float:
    """The 95th percentile of how long each took, in milliseconds."""
    await ask(0, questions[0])
    taken = []
    for number, question in enumerate(questions):
        started = time.perf_counter()
        await ask(number, question)
        taken.append(time.perf_counter() - started)
    taken.sort()
    return taken[len(taken) * 95 // 100] * 1000


async def _page(search: Search, reviewers: list[Agent], number: int, query: Query) -> None:
    await search.page(reviewers[number % len(reviewers)], query, None)


async def _facets(search: Search, reviewers: list[Agent], number: int, query: Query) -> None:
    await search.facets(reviewers[number % len(reviewers)], query)


async def _measure(path: Path, archive: _Archive, report: Report) -> None:
    clock = SystemClock()
    reviewers = [*archive.reviewers.values()]
    asked = _questions(archive)
    async with open_catalogue(path, clock, "benchmark") as catalogue:
        for who, authority in (("one unit", RolePolicy()), ("all units", _Everywhere())):
            search = Search(catalogue, authority, clock)

            for name, criteria in asked.items():
                queries = [read_query(one) for one in criteria]
                slowest = await _slowest(queries, partial(_page, search, reviewers))
                slowest = await _slowest(queries, partial(_page, search, reviewers))
                report.at_most(f"search, {who}, by {name}", slowest, 100, "ms, p95")
            for name, criteria in asked.items():
                queries = [read_query(one) for one in criteria]
                slowest = await _slowest(queries, partial(_facets, search, reviewers))
                report.at_most(f"counts, {who}, by {name}", slowest, 150, "ms, p95")
        await _lists(catalogue, reviewers, report)
        await _figures(catalogue, reviewers, report)


async def _lists(catalogue: SqlCatalogue, reviewers: list[Agent], report: Report) -> None:
    clock = SystemClock()
    reading = Reading(catalogue, None, RolePolicy(), clock, None)  # type: ignore[arg-type]
    search = Search(catalogue, RolePolicy(), clock)

    async def first(number: int, _: object) -> None:
        await reading.items(reviewers[number % len(reviewers)], None)

    async def suggest(number: int, text: str) -> None:
        await search.suggestions(reviewers[number % len(reviewers)], text)

    linking = Linking(catalogue, RolePolicy(), clock, OFFICE_ZONE)

    async def waiting(number: int, _: object) -> None:
        await linking.inbox(reviewers[number % len(reviewers)], None)

    report.at_most("inbox of a unit", await _slowest([None] * QUESTIONS, waiting), 50, "ms, p95")
    report.at_most("list of a unit", await _slowest([None] * QUESTIONS, first), 50, "ms, p95")
    report.at_most("suggestions", await _slowest([*_FAMILY] * 2, suggest), 100, "ms, p95")
    viewer = Viewer(reviewers[0].id, reviewers[0].unit, False, clock.now())

    async def deep(_: int, __: object) -> None:
        def last_page(tx: Any) -> None:
            tx.search.page(viewer, Query(kind="video"), before=300, limit=50)

        await catalogue.read(last_page)

    report.at_most("the last page", await _slowest([None] * QUESTIONS, deep), 100, "ms, p95")


async def _figures(catalogue: SqlCatalogue, reviewers: list[Agent], report: Report) -> None:
    """Counted once over everything, then asked by somebody whose unit all others lie below."""
    begun, after = time.perf_counter(), None
    while some := await catalogue.read(partial(_after, after=after)):
        await catalogue.write(partial(_count, item_ids=some))
        after = some[-1]
    while await catalogue.read(lambda tx: tx.figures.unsettled()):
        await catalogue.write(lambda tx: tx.figures.settle(_SETTLED))
    print(f"     every figure counted in {time.perf_counter() - begun:.0f} s")
    desk = FigureDesk(catalogue, RolePolicy(), SystemClock())

    def place(tx: Any) -> None:
        for one in reviewers:
            tx.units.place(one.unit, "市局")

    await catalogue.write(place)
    chief = replace(reviewers[0], unit="市局")
    for by in Dimension:
        query = FigureQuery(by)

        async def ask(_: int, __: object, query: FigureQuery = query) -> None:
            await desk.table(chief, query)

        slowest = await _slowest([None] * QUESTIONS, ask)
        report.at_most(f"figures of 40 units by {by}", slowest, 150, "ms, p95")


def _after(tx: Any, after: str | None) -> list[str]:
    return [*tx.search.items_after(after, _COUNTED)]


def _count(tx: Any, item_ids: list[str]) -> None:
    tx.figures.recount(item_ids, moved=True)


def measure(work: Path, report: Report) -> None:
    """One line a criterion and a reach."""
    path, archive = work / "c.db", _Archive()

    async def make() -> None:
        async with open_catalogue(path, SystemClock(), "benchmark"):
            pass

    asyncio.run(make())
    begun = time.perf_counter()
    _fill(path, archive)
    seconds, size = time.perf_counter() - begun, path.stat().st_size / 1e6
    print(f"     {ITEMS:,} items, {size:,.0f} MB, made in {seconds:.0f} s")
    asyncio.run(_measure(path, archive, report))
