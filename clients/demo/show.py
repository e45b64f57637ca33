"""The demonstration from beginning to end."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from clients.demo import accountability, exporting, fixity, media, playing, recordings
from clients.demo.caller import Caller, caller
from clients.demo.concurrently import all_of
from clients.demo.console import Console, shortened, table
from clients.demo.day import CountyDay
from clients.demo.recordings import UNIT, Recording
from clients.demo.running import Options, Run
from clients.demo.sending import measure, send_all
from clients.demo.server import Account, Custos, account
from clients.demo.watching import Watch, Way


def demonstrate(options: Options) -> int:
    """Run it; 0 when everything was checked and held, 1 when not, 130 when interrupted before that.

    Nothing that it started runs on; the data directory stays.
    """
    live = sys.stdout.isatty()
    console = Console(sys.stdout, live=live, columns=shutil.get_terminal_size().columns)
    if options.day:
        return asyncio.run(CountyDay(options, console).run())
    return asyncio.run(_Demonstration(options, console).run())


class _Demonstration:
    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self._console = console
        self._run = Run(options, console)
        self._checks = self._run.checks
        self._sent: Sequence[Recording] = ()
        self._people = {
            "station": account("dock-01", "采集站一号", "station", UNIT),
            "reviewer": account("zhang", "张审核", "reviewer", UNIT),
            "archivist": account("chen", "陈档案", "archivist", UNIT),
            "auditor": account("zhao", "赵审计", "auditor", "市局审计处"),
            "stranger": account("wang", "王警官", "officer", "交通执法二大队"),
        }

    async def run(self) -> int:
        """See `demonstrate`."""
        return await self._run.run(self._prepare, self._story)

    async def _prepare(self) -> None:
        self._sent = await self._recordings()

    async def _recordings(self) -> list[Recording]:
        options, console = self._options, self._console
        if options.files:
            return recordings.from_files(options.files, "DEMO-FILES")
        size = media.SIZES[options.size]
        console.step(f"Making a long recording: {size.words()}")
        made = await media.make(size, options.cache, lambda text: console.say(f"  {text}"))
        console.say(f"  {sum(path.stat().st_size for path in made) / 1e6:.0f} MB in {options.cache}")
        clips = sorted(options.clips.rglob("bikes.mp4")) + sorted(
            options.clips.rglob("carphone_pristine.mp4")
        )
        if not clips:
            console.say("  Two real clips are left out: deploy/setup.sh demo would bring them.")
        return [*recordings.from_segments(made, size), *recordings.from_files(clips, "DEMO-CLIPS")]

    async def _story(self, custos: Custos) -> None:
        console, people, sent = self._console, self._people, self._sent
        console.step("Registering a station and four people")
        await all_of(map(custos.register, people.values()))
        for one in people.values():
            console.say(f"  {one.username}: {one.name}, {one.role}, {one.unit}")
        async with AsyncExitStack() as stack:
            token = await custos.token(people["station"])
            station = await stack.enter_async_context(caller(custos.url, token))
            ways = await measure(sent)
            console.step(f"Sending {len(ways)} files as {people['station'].name}, four at a time")
            watch = await send_all(station, ways, console)
            for way in ways:
                failures = watch.failures(way)
                self._checks.expect(
                    not failures,
                    f"{way.recording.name} went all its way",
                    "; ".join(failures),
                    quiet=True,
                )
            await self._examine(stack, custos, station, ways, watch)
        self._sign_in_words(custos)
        self._run.tally()
        await self._run.gone_through()

    async def _examine(
        self, stack: AsyncExitStack, custos: Custos, station: Caller, ways: Sequence[Way], watch: Watch
    ) -> None:
        console, checks = self._console, self._checks
        reviewer, reader = await self._signed_in(stack, custos, "reviewer")
        items = await fixity.items_by_id(reviewer)
        console.step("Comparing digests: file, receipt, item, read-back, stored bytes")
        for way in ways:
            if way.stopped is None:
                await fixity.check_fixity(checks, station, way, items.get(way.item or ""), custos.data)
        known = [(way, items[way.item]) for way in ways if way.item in items]
        playable = [(way, item) for way, item in known if item["playable"]]
        if not self._options.files:
            checks.expect(len(playable) == len(ways), "everything that was made or brought can be played")
        if known:
            await self._access(stack, custos, reviewer, reader, (playable or known)[0])
            archivist, _ = await self._signed_in(stack, custos, "archivist")
            place = custos.data / "demo" / "export"
            await exporting.take_away(console, checks, archivist, [item["id"] for _, item in known], place)
        self._summary(ways, items, watch)

    async def _access(
        self,
        stack: AsyncExitStack,
        custos: Custos,
        reviewer: Caller,
        reader: str,
        chosen: tuple[Way, dict[str, Any]],
    ) -> None:
        console, checks, (way, item) = self._console, self._checks, chosen
        console.step(f"Reading {way.recording.name} as {self._people['reviewer'].name}")
        readings = []
        if item["playable"]:
            played = custos.data / "demo" / "played.mp4"
            readings.append(await playing.play(checks, reviewer, way, item, played))
        else:
            console.say(f"  It cannot be played here: {item['reason'] or 'nothing in it plays'}")
        readings += await playing.read_original(checks, reviewer, way, item)

        console.step("Asking as people who may not see it")
        for key in ("stranger", "auditor"):
            person = self._people[key]
            asking, agent = await self._signed_in(stack, custos, key)
            words = f"{person.name} ({person.role}, {person.unit})"
            denied = await accountability.check_denied(checks, asking, words, item["id"])
            on_record = await asyncio.to_thread(accountability.denials_of, custos.data, agent)
            missing = [path for path in denied if path not in on_record]
            checks.expect(not missing, f"each of these {len(denied)} denials is an event", "; ".join(missing))

        console.step(f"The access history of {way.recording.name}")
        history = (await reviewer.get(f"/items/{item['id']}/history"))["events"]
        accountability.show_history(console, history)
        accountability.check_history(
            checks, way.recording.name, history, [each for each in readings if each.ranges], reader
        )

    async def _signed_in(self, stack: AsyncExitStack, custos: Custos, key: str) -> tuple[Caller, str]:
        person: Account = self._people[key]
        asking = await stack.enter_async_context(caller(custos.url))
        return asking, await asking.sign_in(person.username, person.password)

    def _summary(self, ways: Sequence[Way], items: dict[str, dict[str, Any]], watch: Watch) -> None:
        rows = [["file", "MB", "sha256", "item", "states", "playable after"]]
        for way in ways:
            item = items.get(way.item or "")
            states = [] if item is None else ["committed"]
            if item is not None and item["read_back"]:
                states.append("read back")
            if item is not None and item["playable"]:
                states.append("playable")
            seconds = watch.seconds_to_playable(way)
            rows.append(
                [
                    shortened(way.recording.name, 40),
                    f"{way.size / 1e6:.1f}",
                    way.sha256[:12],
                    way.item or "none",
                    ", ".join(states) or "FAILED",
                    "not playable" if seconds is None else f"{seconds:.1f} s",
                ]
            )
        self._console.step("What is there now")
        for line in table(rows):
            self._console.say(f"  {line}")

    def _sign_in_words(self, custos: Custos) -> None:
        rows = [["user name", "password", "role", "unit", "name"]]
        for one in self._people.values():
            if one.role != "station":
                rows.append([one.username, one.password, one.role, one.unit, one.name])
        self._console.step(f"{custos.url}/ takes these; zhang sees the recordings")
        for line in table(rows):
            self._console.say(f"  {line}")
