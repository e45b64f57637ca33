"""Searching 200,000 items with 1,000,000 events: what a person waits for, its event on record included.

Asked of `tests.benchmarks.archive` by reviewers of one unit, and by somebody who sees all of them, who is the
worst case and whom the policy knows not yet.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cases.figures import FigureDesk
from cases.linking import Linking
from custos.clock import SystemClock
from evidence.access import Viewer
from evidence.agents import Action, Agent, Resource
from evidence.figures import Dimension, FigureQuery
from evidence.items import Category
from evidence.search import Query, read_query
from evidence.timekeeping import OFFICE_ZONE, to_text
from identity.policy import RolePolicy
from retrieval.reading import Reading
from retrieval.search import Search
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from tests.benchmarks.archive import FAMILY, PHRASES, SEED, START, Archive, fill
from tests.benchmarks.results import Report

QUESTIONS = 60
#: Items that are counted, and days whose gaps are counted, in one transaction.
_COUNTED = 500
_SETTLED = 500


class Everywhere(RolePolicy):
    """Somebody who sees the items of all units."""

    def scope(self, agent: Agent, action: Action) -> Resource | None:
        return Resource()


def questions_of(archive: Archive) -> tuple[dict[str, list[dict[str, str]]], list[str]]:
    """By criterion, what is asked; values of real items, so that something is found.

    With it for each question the unit in which something is found by its officer.
    """
    draw = random.Random(SEED + 1)
    asked: dict[str, list[dict[str, str]]] = {}
    units = []
    for _ in range(QUESTIONS):
        officer, unit = draw.choice(archive.officers)
        units.append(unit)
        since = START + timedelta(seconds=draw.randrange(archive.shape.items * archive.shape.seconds))
        near = f"{116.4 + draw.uniform(-0.3, 0.3):.5f},{39.9 + draw.uniform(-0.2, 0.2):.5f}"
        day = {"from": to_text(since), "to": to_text(since + timedelta(days=1))}
        month = {"from": to_text(since), "to": to_text(since + timedelta(days=30))}
        for name, criteria in {
            "nothing": {},
            "name of two or three characters": {"text": officer},
            "one character": {"text": officer[0]},
            "phrase of a note": {"text": draw.choice(PHRASES)},
            "words of a file name": {"text": draw.choice(archive.devices).replace("-", " ")},
            "word in every item": {"text": "mp4"},
            "case": {"case": archive.case_of(draw, 2025, unit)},
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
                "text": draw.choice(PHRASES),
                "kind": "video",
                **month,
                "near": f"{near},5000",
            },
        }.items():
            asked.setdefault(name, []).append(criteria)
    return asked, units


async def slowest_of(questions: list[Any], ask: Callable[[int, Any], Awaitable[Any]]) -> float:
    """The 95th percentile of how long each took, in milliseconds."""
    await ask(0, questions[0])
    taken = []
    for number, question in enumerate(questions):
        started = time.perf_counter()
        await ask(number, question)
        taken.append(time.perf_counter() - started)
    taken.sort()
    return taken[len(taken) * 95 // 100] * 1000


async def first_page(search: Search, reviewers: list[Agent], number: int, query: Query) -> None:
    await search.page(reviewers[number % len(reviewers)], query, None)


async def counts_of(search: Search, reviewers: list[Agent], number: int, query: Query) -> None:
    await search.facets(reviewers[number % len(reviewers)], query)


async def _measure(path: Path, archive: Archive, report: Report) -> None:
    clock = SystemClock()
    reviewers = [*archive.reviewers.values()]
    asked, _ = questions_of(archive)
    async with open_catalogue(path, clock, "benchmark") as catalogue:
        for who, authority in (("one unit", RolePolicy()), ("all units", Everywhere())):
            search = Search(catalogue, authority, clock)

            for name, criteria in asked.items():
                queries = [read_query(one) for one in criteria]
                # Once unmeasured: what is asked first of a new file comes from the disk.
                await slowest_of(queries, partial(first_page, search, reviewers))
                slowest = await slowest_of(queries, partial(first_page, search, reviewers))
                report.at_most(f"search, {who}, by {name}", slowest, 100, "ms, p95")
            for name, criteria in asked.items():
                queries = [read_query(one) for one in criteria]
                slowest = await slowest_of(queries, partial(counts_of, search, reviewers))
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

    report.at_most("inbox of a unit", await slowest_of([None] * QUESTIONS, waiting), 50, "ms, p95")
    report.at_most("list of a unit", await slowest_of([None] * QUESTIONS, first), 50, "ms, p95")
    report.at_most("suggestions", await slowest_of([*FAMILY] * 2, suggest), 100, "ms, p95")
    viewer = Viewer(reviewers[0].id, reviewers[0].unit, False, clock.now())

    async def deep(_: int, __: object) -> None:
        def last_page(tx: Any) -> None:
            tx.search.page(viewer, Query(kind="video"), before=300, limit=50)

        await catalogue.read(last_page)

    report.at_most("the last page", await slowest_of([None] * QUESTIONS, deep), 100, "ms, p95")


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

        slowest = await slowest_of([None] * QUESTIONS, ask)
        report.at_most(f"figures of 40 units by {by}", slowest, 150, "ms, p95")


def _after(tx: Any, after: str | None) -> list[str]:
    return [*tx.search.items_after(after, _COUNTED)]


def _count(tx: Any, item_ids: list[str]) -> None:
    tx.figures.recount(item_ids, moved=True)


def measure(work: Path, report: Report) -> None:
    """One line a criterion and a reach."""
    path, archive = work / "c.db", Archive()

    async def make() -> None:
        async with open_catalogue(path, SystemClock(), "benchmark"):
            pass

    asyncio.run(make())
    begun = time.perf_counter()
    fill(path, archive)
    seconds, size = time.perf_counter() - begun, path.stat().st_size / 1e6
    print(f"     {archive.shape.items:,} items, {size:,.0f} MB, made in {seconds:.0f} s")
    asyncio.run(_measure(path, archive, report))
