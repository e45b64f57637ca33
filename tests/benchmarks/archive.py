"""An archive of made-up items, drawn by chance from a fixed seed: `BUREAU` has 200,000 with 1,000,000 events.

Units of very different size, their officers and devices, half the recordings with a case, a third with a
track and a note.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite

from evidence.agents import Agent, AgentKind, Role
from evidence.cases import CaseDetail
from evidence.events import EventDraft, EventType, Subject, seal
from evidence.items import Category, Item, Submission
from evidence.jobs import JobState, Stage
from evidence.keys import original_key
from evidence.places import MICRO
from evidence.projection import Known, entry_of
from evidence.timekeeping import TimeStatement, to_micros
from storage.catalogue import codec
from storage.catalogue.search import links_of, values_of
from transcode.segments import segment_of

SEED = 20260101
_BATCH = 5_000
START = datetime(2024, 1, 1, tzinfo=UTC)
#: The first part of identifiers: items count from here, people from far behind the last of them.
FIRST_ID = 0x018D_0000_0000
_AGENTS = 0x1000_0000
_EMITTER = str(uuid.UUID(int=SEED))
FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀兰霞平刚桂英华文建国志海燕玲波宁辉力鹏斌浩凯健俊帆雪"
PHRASES = (
    "现场检查", "当事人", "未按规定", "暂扣车辆", "询问笔录", "夜间巡查", "无证经营", "责令改正", "听证告知",
    "送达回证", "抽样取证", "先行登记保存", "占道经营", "超限运输", "违法建设", "安全隐患", "投诉举报",
    "复查合格",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of everything there is, and how many seconds lie between two items.

    `listed`: for so many of the newest there are dispatch lists.
    """

    items: int
    seconds: int
    units: int
    officers: int
    devices: int
    cases: int
    events_an_item: int
    listed: int = 0
    device_digits: int = 5


BUREAU = Shape(
    200_000, 360, units=40, officers=800, devices=600, cases=60_000, events_an_item=5, listed=20_000
)


def id_of(number: int, kind: int) -> str:
    """An identifier that sorts by `number`."""
    return str(uuid.UUID(int=(FIRST_ID + number) << 80 | 0x7 << 76 | 2 << 62 | kind))


class Archive:
    """What is drawn: people, devices, and item after item of theirs."""

    def __init__(self, shape: Shape = BUREAU) -> None:
        self.shape = shape
        self.draw = random.Random(SEED)
        self.units = [f"城市管理{number}大队" for number in range(1, shape.units + 1)]
        weights = [1 / (rank + 3) for rank in range(len(self.units))]
        chosen = self.draw.choices(self.units, weights, k=shape.officers)
        self.officers = [(self._name(), unit) for unit in chosen]
        self.devices = [f"DSJ-{number:0{shape.device_digits}d}" for number in range(shape.devices)]
        self.stations = {
            unit: Agent(
                id_of(number, 1), AgentKind.DEVICE, f"dock-{number}", f"{unit}采集站", Role.STATION, unit
            )
            for number, unit in enumerate(self.units, _AGENTS)
        }
        self.reviewers = {
            unit: Agent(
                id_of(number, 2), AgentKind.PERSON, f"rev-{number}", self._name(), Role.REVIEWER, unit
            )
            for number, unit in enumerate(self.units, _AGENTS)
        }

    def case_of(self, draw: random.Random, year: int, unit: str) -> str:
        """The number of any case of the unit's, or of all."""
        return f"城管罚〔{year}〕{draw.randrange(self.shape.cases):05d}号"

    def _name(self) -> str:
        return self.draw.choice(FAMILY) + "".join(self.draw.choices(_GIVEN, k=self.draw.choice((1, 2))))

    def known(self, number: int) -> Known:
        """The next item, and all that is known of it."""
        draw = self.draw
        officer, unit = draw.choice(self.officers)
        device = self.devices[hash_of(officer, unit) % len(self.devices)]
        at = START + timedelta(seconds=number * self.shape.seconds)
        shot = at - timedelta(minutes=draw.randrange(20, 900))
        local = shot + timedelta(hours=8)
        item_id = id_of(number, 0)
        kind = draw.choices(("video", "audio", "photo", "document"), (80, 8, 9, 3))[0]
        case = self.case_of(draw, local.year, unit) if draw.random() < 0.5 else None
        name = f"{device}_{local:%Y%m%d%H%M%S}_{draw.randrange(9999):04d}.mp4"
        times = (TimeStatement("device-clock", local.isoformat() + "", None, "start"),)
        submission = Submission(
            name, "video/mp4", case, draw.choice([*Category]), officer, device, times=times
        )
        item = Item(
            item_id, id_of(number, 3), unit, self.stations[unit].id, submission, kind, "video/mp4", 10**8,
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
        notes = ("，".join(draw.choices(PHRASES, k=5)),) if draw.random() < 1 / 3 else ()
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


def rows_of(known: Known, number: int, shape: Shape) -> Iterator[tuple[str, dict[str, Any]]]:
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
            "id": id_of(number, 4), "item_id": item.id, "kind": "playable", "key": item.id,
            "media_type": "video/mp4", "size": 1, "sha256": "", "made_at": at, "provenance": "{}",
            "layout": "{}",
        }  # fmt: skip
    for place, stage in enumerate((Stage.READ_BACK, Stage.DESCRIBE, Stage.PLAYABLE, Stage.PREVIEW)):
        yield "jobs", {
            "id": id_of(number, 10 + place), "stage": stage.value, "subject": item.id, "unit": item.unit,
            "state": known.jobs[0].value if stage is Stage.PLAYABLE else "done", "attempts": 1, "fence": 1,
            "not_before": at, "progress": 1000, "updated_at": at,
        }  # fmt: skip
    for place in range(shape.events_an_item):
        draft = EventDraft(
            EventType.ITEM_SHOWN, item.agent_id, item.committed_at, (Subject("item", item.id),), id=None
        )
        event = seal(
            draft,
            event_id=id_of(number, 20 + place),
            emitter=_EMITTER,
            n=number * shape.events_an_item + place,
            salt=bytes(32),
        )
        yield "events", {"id": event.id, "data": event.data, "at": at}
        yield "event_bodies", {"event_id": event.id, "salt": event.salt, "detail": event.detail}
        yield "event_subjects", {"subject": item.id, "event_id": event.id}
    yield from _recorded(known, number, shape)
    entry = entry_of(known)
    yield "search_rows", {"seq": number + 1, **values_of(entry)}
    for table, links in links_of(entry).items():
        names = [column.name for column in table.c if column.name != "seq"]
        for link in links:
            yield table.name, {"seq": number + 1, **dict(zip(names, link, strict=True))}


def _recorded(known: Known, number: int, shape: Shape) -> Iterator[tuple[str, dict[str, Any]]]:
    """When it was recorded, and for the newest that wait two cases that it may be of, by a list."""
    segment = segment_of(known.item, known.description)
    if segment is None:
        return
    yield "recording_segments", {
        "item_id": segment.item_id, "own": id_of(number, 40), "recording_id": id_of(number, 40), "line": None,
        "known": codec.dump(segment.as_json()),
    }  # fmt: skip
    for place, start in enumerate(segment.starts):
        yield "recording_starts", {
            "item_id": segment.item_id, "number": place, "unit": segment.unit, "device": segment.device,
            "zoned": start.clock.zoned, "clock": str(place), "begins_us": start.at_us,
            "ends_us": start.at_us + (segment.length_us or 0),
        }  # fmt: skip
    if known.case_numbers or number < shape.items - shape.listed or not segment.starts:
        return
    begins = segment.starts[0].at_us - 8 * 3_600_000_000
    for place in range(2):
        yield "cases", {
            "id": id_of(number, 50 + place), "unit": segment.unit, "number": f"{number}-{place}号",
            "category": "penalty", "state": "open", "opened_by": known.item.agent_id, "opened_at": begins,
            "detail": codec.dump(CaseDetail().as_json()), "restriction": "none",
        }  # fmt: skip
        yield "dispatches", {
            "unit": segment.unit, "reference": f"J{number}-{place}", "case_number": f"{number}-{place}号",
            "officer": known.item.submission.officer, "device": segment.device if place else None,
            "begins_at": begins, "ends_at": begins + 3_600_000_000, "category": "penalty", "title": "",
            "place": "", "imported_by": known.item.agent_id, "imported_at": begins,
        }  # fmt: skip


def fill(path: Path, archive: Archive) -> None:
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
    for first in range(0, archive.shape.items, _BATCH):
        gathered: dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]] = {}
        for number in range(first, min(first + _BATCH, archive.shape.items)):
            for table, row in rows_of(archive.known(number), number, archive.shape):
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
