"""A day at a county bureau, gone through and compared with its plan step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from clients.demo import day_figures, day_log, day_review, day_work, keeping
from clients.demo.concurrently import all_of
from clients.demo.console import Console, table
from clients.demo.county import Day, plan
from clients.demo.county_media import Docked, make
from clients.demo.office import Office, open_office
from clients.demo.running import Options, Run
from clients.demo.sending import measure, send_watched
from clients.demo.server import Custos
from clients.demo.watching import Watch

_STAGES = {
    "commit": "committed",
    "describe": "described",
    "playable": "playable",
    "fingerprint": "fingerprints",
}
_SAID_EVERY = 25


class CountyDay:
    """`custos demo --day`."""

    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self._console = console
        self._run = Run(options, console)
        self._day: Day = plan(datetime.now(UTC))
        self._docked: Sequence[Docked] = ()

    async def run(self) -> int:
        """The exit status (see `show.demonstrate`)."""
        return await self._run.run(self._prepare, self._story)

    async def _prepare(self) -> None:
        self._console.step("Making what twelve officers recorded")
        self._docked = await make(self._day.segments, self._options.cache / "county")
        size = sum(one.path.stat().st_size for one in self._docked)
        self._console.say(f"  {len(self._docked)} files, {size / 1e6:.0f} MB")

    async def _story(self, custos: Custos) -> None:
        console, checks, day = self._console, self._run.checks, self._day
        console.step(f"Taking on {len(day.people)} people and stations from one list")
        async with open_office(custos, console, checks, day, self._docked) as office:
            await keeping.first_schedule(office)
            await day_work.morning(office)
            await self._dock(office)
            await day_work.what_came_in(office)
            await day_work.evening(office)
            await day_work.officers_tag(office)
            await day_work.squad_leader_decides(office)
            await keeping.hold(office)
            await day_review.review(office)
            await day_figures.compare(office, "the supervisor's figures")
            await keeping.seal(office)
            await day_figures.compare(office, "the figures without what is sealed")
            await day_figures.overdue(office)
            await day_work.search(office)
            await day_work.case_file(office)
            await day_review.sample(office)
            await keeping.second_schedule(office)
            await day_figures.recount(office)
            await day_log.check(office)
            self._sign_in_words(office)
        self._run.tally()
        await self._run.gone_through()

    async def _dock(self, office: Office) -> None:
        console = self._console
        ways = await measure(self._docked)
        stations = sorted({one.segment.station for one in self._docked})
        console.step(f"Docking: {len(ways)} files come in at {len(stations)} stations")
        apart = {
            name: [way for way, one in zip(ways, self._docked, strict=True) if one.segment.station == name]
            for name in stations
        }
        watches = {name: Watch(office.desks[name], its, None) for name, its in apart.items()}
        telling = asyncio.create_task(_tell(console, list(watches.values()), len(ways)))
        try:
            await all_of(send_watched(office.desks[name], apart[name], watches[name]) for name in stations)
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
        failures = [
            f"{way.recording.name}: {'; '.join(failed)}"
            for name in stations
            for way in apart[name]
            if (failed := watches[name].failures(way))
        ]
        for docked, way in zip(self._docked, ways, strict=True):
            if way.item is not None:
                office.items[docked.segment.key] = way.item
        office.checks.expect(
            not failures and len(office.items) == len(ways),
            f"all {len(ways)} files are kept, described, and as far as they move, playable",
            "; ".join(failures[:5]),
        )

    def _sign_in_words(self, office: Office) -> None:
        rows = [["user name", "password", "role", "unit", "name"]]
        for one in self._day.people:
            if one.role != "station":
                rows.append([one.username, office.passwords[one.username], one.role, one.unit, one.name])
        self._console.step(f"{office.custos.url}/ takes these")
        for line in table(rows):
            self._console.say(f"  {line}")


async def _tell(console: Console, watches: Sequence[Watch], of: int) -> None:
    """How far all have come, from time to time, until it is cancelled."""
    said = -_SAID_EVERY
    while True:
        counts = [(words, sum(watch.done(stage) for watch in watches)) for stage, words in _STAGES.items()]
        line = f"  {console.elapsed():6.1f} s  of {of}: " + ", ".join(
            f"{count} {words}" for words, count in counts
        )
        if console.live:
            console.draw([line])
        elif sum(count for _, count in counts) >= said + _SAID_EVERY * len(counts):
            said = sum(count for _, count in counts)
            console.say(line)
        await asyncio.sleep(0.5)
