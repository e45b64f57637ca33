"""Custody events alone: durable ones a second, and how long the slowest wait."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from custos.clock import SystemClock
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import new_pseudonym
from storage.catalogue.catalogue import open_catalogue
from storage.catalogue.engine import Where
from tests.benchmarks.results import Report
from tests.postgres import serving_postgres

WAITERS = 400
EACH = 60


async def run(where: Where) -> tuple[float, float]:
    """Events a second, and the 99th percentile of the wait in milliseconds."""
    clock = SystemClock()
    agent, item = new_pseudonym(), new_pseudonym()
    waits: list[float] = []
    async with open_catalogue(where, clock, "benchmark") as catalogue:

        async def waiter() -> None:
            for _ in range(EACH):
                started = time.perf_counter()
                await catalogue.record(
                    EventDraft(
                        EventType.VIEWING_OPENED,
                        agent,
                        clock.now(),
                        (Subject("item", item),),
                        detail={
                            "content": "original",
                            "from": 0,
                            "to": 1 << 30,
                            "purpose": None,
                            "seconds": 300,
                        },
                    )
                )
                waits.append(time.perf_counter() - started)

        started = time.perf_counter()
        await asyncio.gather(*(waiter() for _ in range(WAITERS)))
        seconds = time.perf_counter() - started
    waits.sort()
    return len(waits) / seconds, waits[len(waits) * 99 // 100] * 1000


def measure(work: Path, report: Report) -> None:
    """The better of some runs on each: the first one warms the disk."""
    rate, slowest = max(asyncio.run(run(work / f"{number}.db")) for number in range(2))
    report.at_least("events on SQLite, 400 waiters, durable ones a second", rate, 8000, "events/s")
    report.at_most("events on SQLite, 400 waiters, 99th percentile", slowest, 75, "ms")
    with serving_postgres() as server, server.catalogue() as url:
        rate, slowest = max(asyncio.run(run(url)) for _ in range(3))
    report.at_least("events on PostgreSQL, 400 waiters, durable ones a second", rate, 10_000, "events/s")
    report.at_most("events on PostgreSQL, 400 waiters, 99th percentile", slowest, 75, "ms")
