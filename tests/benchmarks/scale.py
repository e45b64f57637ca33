"""A PostgreSQL with millions of items: what a person waits for, its event on record included.

`--items` says how many; events are twice as many. How large everything is, and the plan of one question of
each kind, goes to `build/scale-ITEMS.txt`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from custos.clock import SystemClock
from evidence.access import Share, SubjectKind, Viewer
from evidence.agents import Agent
from evidence.ids import new_id
from evidence.ports.catalogue import Transaction
from evidence.search import PAGE, Query, read_query
from evidence.timekeeping import OFFICE_ZONE
from identity.policy import RolePolicy
from retrieval.reading import Reading
from retrieval.recordings import Recordings
from retrieval.search import Search
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import begin_reading, open_engine
from storage.catalogue.log import Emitter
from storage.catalogue.transaction import SqlTransaction
from tests.benchmarks.province import Province, fill, prepared, shape_of
from tests.benchmarks.results import Report
from tests.benchmarks.search import Everywhere, questions_of
from tests.benchmarks.serving import ROOT
from tests.postgres import Server, serving_postgres
from tests.searching import statements

#: docs/postgresql.md recommends these.
SETTINGS = (
    "shared_buffers=2GB",
    "effective_cache_size=12GB",
    "work_mem=32MB",
    "maintenance_work_mem=1GB",
    "random_page_cost=1.1",
    "effective_io_concurrency=200",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "wal_compression=on",
)
_LIMIT, _DETAIL_LIMIT = 50, 10
#: Counting has no limit at this size: it looks at all that is found.
_COUNTED = ("nothing", "phrase of a note", "case", "officer", "device", "a day by any clock", "500 m around")
_COUNTS = 10
#: Questions of a kind, and how often each is asked.
_ASKED = 40
_TIMES = 5

_TABLES = """
SELECT c.relname, c.reltuples::bigint, pg_relation_size(c.oid), pg_indexes_size(c.oid),
       pg_total_relation_size(c.oid) - pg_relation_size(c.oid) - pg_indexes_size(c.oid)
FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
AND pg_total_relation_size(c.oid) > 1000000 ORDER BY pg_total_relation_size(c.oid) DESC
"""
_INDEXES = """
SELECT c.relname, pg_relation_size(c.oid) FROM pg_class AS c
WHERE c.relkind = 'i' AND c.relnamespace = 'public'::regnamespace AND pg_relation_size(c.oid) > 1000000
ORDER BY 2 DESC
"""


def measure(work: Path, report: Report, *, items: int) -> None:
    """One line a criterion and a reach, and a file beside."""
    archive = Province(shape_of(items))
    said = ROOT / "build" / f"scale-{items}.txt"
    with serving_postgres(*SETTINGS) as server:
        begun = time.perf_counter()
        url = prepared(server)
        fill(server, url, archive)
        (size,) = server.execute(f"SELECT pg_database_size('{_name_of(url)}')")[0]
        assert isinstance(size, int)
        print(f"     {items:,} items, {size / 1e9:.2f} GB, made in {time.perf_counter() - begun:.0f} s")
        with said.open("w", encoding="utf-8") as out:
            out.writelines(f"{line}\n" for line in _sizes(server, url, size))
        asyncio.run(_measured(url, archive, report))
        with said.open("a", encoding="utf-8") as out:
            out.writelines(f"{line}\n" for line in _plans(url, archive))
    print(f"     sizes and plans: {said}")


def _name_of(url: str) -> str:
    return url.rpartition("?")[0].rpartition("/")[2]


def _sizes(server: Server, url: str, size: int) -> Iterator[str]:
    yield f"# {size / 1e6:,.0f} MB in all; MB: table, indexes, what is long"
    with server.connect(_name_of(url)) as connection:
        for name, rows, *parts in connection.execute(_TABLES.encode()):
            yield f"{name}: {rows:,} rows; " + ", ".join(f"{int(str(part)) / 1e6:,.0f}" for part in parts)
        yield "# each index, MB"
        for name, part in connection.execute(_INDEXES.encode()):
            yield f"{name}: {int(str(part)) / 1e6:,.0f}"
    yield ""


async def _measured(url: str, archive: Province, report: Report) -> None:
    clock, database = SystemClock(), _name_of(url)
    asked, units = questions_of(archive)
    reviewers = [archive.reviewers[unit] for unit in units]
    async with open_catalogue(url, clock, "benchmark") as catalogue:
        for who, authority in (
            ("one unit", RolePolicy()),
            ("all units", Everywhere()),
            ("one unit and a shared item", RolePolicy()),
        ):
            if "shared" in who:
                await catalogue.write(lambda tx: _share_one(tx, archive, reviewers, clock.now()))
            search = Search(catalogue, authority, clock)
            for name, criteria in asked.items():
                questions = [*zip(reviewers, map(read_query, criteria), strict=True)][:_ASKED]

                async def page(agent: Agent, query: Query, search: Search = search) -> None:
                    await search.page(agent, query, None)

                async def counts(agent: Agent, query: Query, search: Search = search) -> None:
                    await search.facets(agent, query)

                taken, said = await _slowest(database, questions, page)
                report.at_most(f"search, {who}, by {name}", taken, _LIMIT, said)
                if name in _COUNTED:
                    taken, said = await _slowest(database, questions[:_COUNTS], counts)
                    report.seen(f"counts, {who}, by {name}", f"{taken:.2f} ({said})")
        await _details(catalogue, database, archive, reviewers, report)


def _share_one(tx: Transaction, archive: Province, reviewers: Sequence[Agent], now: datetime) -> None:
    """The newest item of another unit, with each of them, for a day."""
    for reviewer in {one.id: one for one in reviewers}.values():
        other = next(unit for unit in archive.reviewers if unit != reviewer.unit)
        viewer = Viewer(reviewer.id, other, False, now)
        (item,) = tx.items.page(viewer, before=None, limit=1)
        until = now + timedelta(days=1)
        tx.access.share(
            Share(new_id(now), SubjectKind.ITEM, item.id, reviewer.id, reviewer.id, now, until, "benchmark")
        )


async def _details(
    catalogue: SqlCatalogue, database: str, archive: Province, reviewers: list[Agent], report: Report
) -> None:
    clock = SystemClock()
    search = Search(catalogue, RolePolicy(), clock)
    reading = Reading(catalogue, None, RolePolicy(), clock, None)  # type: ignore[arg-type]
    seen = []
    for reviewer, asked in zip(reviewers, questions_of(archive)[0]["a day by any clock"], strict=True):
        # Of any age, not only what was just listed.
        page = await search.page(
            reviewer, read_query({"to": asked["to"], "from": "2023-12-01T00:00:00Z"}), None
        )
        seen += [(reviewer, found.view.item.id) for found in page.found[::10]]

    async def detail(agent: Agent, item_id: str) -> None:
        await reading.item(agent, item_id)

    async def listed(agent: Agent, before: str | None) -> None:
        await reading.items(agent, before)

    recordings = Recordings(catalogue, RolePolicy(), clock)

    async def listed_recordings(agent: Agent, before: str | None) -> None:
        await recordings.page(agent, before)

    taken, said = await _slowest(database, seen, detail)
    report.at_most(f"an item's page, {len(seen)} items", taken, _DETAIL_LIMIT, said)
    for name, show in (("a unit's list", listed), ("a unit's list of recordings", listed_recordings)):
        taken, said = await _slowest(database, [(reviewer, None) for reviewer in reviewers], show)
        report.at_most(f"{name}, one item shared besides", taken, _LIMIT, said)


async def _slowest(
    database: str, questions: Sequence[tuple[Any, ...]], ask: Callable[..., Awaitable[None]]
) -> tuple[float, str]:
    """Of how long questions took in milliseconds the 95th percentile; and the same in words, with more.

    Each counts as it took the quickest of some times: others may use the machine meanwhile. What they cannot
    change is beside it: the time on a processor, of this process and of those of the database together.
    """
    quickest, busiest, first = [], [], []
    for question in questions:
        taken, busy = [], []
        for _ in range(_TIMES):
            served = _serving(database)
            before, started = _busy(served), time.perf_counter()
            await ask(*question)
            taken.append((time.perf_counter() - started) * 1000)
            busy.append((_busy(served) - before) * 1000)
        quickest.append(min(taken))
        busiest.append(min(busy))
        first.append(taken[0])
    middle, last = len(questions) // 2, len(questions) * 95 // 100
    words = f"median {sorted(quickest)[middle]:.1f}, on a processor {sorted(busiest)[last]:.1f}"
    return sorted(quickest)[last], f"ms, p95; {words}; first time {sorted(first)[last]:.1f}"


def _serving(database: str) -> list[Path]:
    """The processes of PostgreSQL that serve Custos there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"postgres: custos {database} ".encode() in (process / "cmdline").read_bytes():
                found.append(process / "schedstat")
    return found


def _busy(served: Sequence[Path]) -> float:
    """Seconds for which this process and those have had a processor."""
    return time.process_time() + sum(int(one.read_text().split()[0]) for one in served) / 1e9


def _plans(url: str, archive: Province) -> Iterator[str]:
    asked, units = questions_of(archive)
    reviewer = archive.reviewers[units[0]]
    clock = SystemClock()
    engine = open_engine(url, readers=True)
    with engine.connect() as connection:
        begin_reading(connection)
        tx = SqlTransaction(connection, Emitter(), OFFICE_ZONE)
        for unit in (reviewer.unit, None):
            viewer = Viewer(reviewer.id, unit, False, clock.now())
            for name, criteria in asked.items():
                query = read_query(criteria[0])
                reach = "all units" if unit is None else "one unit"
                yield f"# page by {name}, {reach}: {criteria[0]}"
                yield from _explained(
                    connection, partial(tx.search.page, viewer, query, before=None, limit=PAGE)
                )
    engine.dispose()


def _explained(connection: Connection, ask: Callable[[], object]) -> Iterator[str]:
    with statements(connection) as seen:
        ask()
    for statement, parameters in seen:
        plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", parameters)  # type: ignore[arg-type]
        yield from (f"  {line}" for line in plan.scalars())
        yield ""
