"""The demonstration from beginning to end."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.demo import accountability, fixity, media, playing, recordings
from clients.demo.caller import Caller, caller
from clients.demo.concurrently import all_of
from clients.demo.console import Checks, Console, shortened, table
from clients.demo.errors import DemoError
from clients.demo.recordings import UNIT, Recording
from clients.demo.sending import measure, send_all
from clients.demo.server import Account, Custos, account, free_port
from clients.demo.watching import Watch, Way

_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Options:
    """What is demonstrated, and where. `command` runs `custos`; `tied` in front ties it to this process."""

    files: Sequence[Path]
    size: str
    leave: bool
    data: Path
    port: int | None
    cache: Path
    clips: Path
    command: Sequence[str]
    tied: Sequence[str]


def demonstrate(options: Options) -> int:
    """Run it; 0 when everything was checked and held, 1 when not, 130 when interrupted before that.

    Nothing that it started runs on; the data directory stays.
    """
    live = sys.stdout.isatty()
    console = Console(sys.stdout, live=live, columns=shutil.get_terminal_size().columns)
    return asyncio.run(_Demonstration(options, console).run())


class _Demonstration:
    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self._console = console
        self._checks = Checks(console)
        self._complete = False
        self._people = {
            "station": account("dock-01", "采集站一号", "station", UNIT),
            "reviewer": account("zhang", "张审核", "reviewer", UNIT),
            "auditor": account("zhao", "赵审计", "auditor", "市局审计处"),
            "stranger": account("wang", "王警官", "officer", "交通执法二大队"),
        }

    async def run(self) -> int:
        """See `demonstrate`."""
        main = asyncio.current_task()
        assert main is not None
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()

        def stop() -> None:
            if not asked.is_set():
                asked.set()
                main.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop)
        custos: Custos | None = None
        try:
            custos = self._begin()
            await self._all(custos)
        except DemoError as error:
            self._checks.fail(str(error))
        except asyncio.CancelledError:
            self._console.say()
            if not self._complete:
                self._console.say("Interrupted; everything was stopped.")
        return self._end(custos)

    def _end(self, custos: Custos | None) -> int:
        if custos is not None:
            self._console.say(f"The data is kept in {custos.data}")
            self._console.say(f"Serve it again with: custos serve --config {custos.config}")
        if self._checks.failed:
            self._console.bad(f"{len(self._checks.failed)} of these did not hold:")
            for claim in self._checks.failed:
                self._console.bad(claim)
            return 1
        return 0 if self._complete else _INTERRUPTED

    def _begin(self) -> Custos:
        options = self._options
        custos = Custos(options.command, options.tied, options.data, free_port(options.port))
        custos.prepare()
        return custos

    async def _all(self, custos: Custos) -> None:
        console = self._console
        sent = await self._recordings()
        console.step("Starting an embedded Custos")
        console.say(f"  data directory: {custos.data}")
        console.say("  protection.immutable is off here, so that this data can be thrown away.")
        for finding in await custos.findings():
            console.say(f"  {finding}")
        async with custos.serving():
            console.say(f"  ready at {custos.url}")
            work = asyncio.create_task(self._story(custos, sent))
            ended = asyncio.create_task(custos.ended())
            try:
                await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    raise DemoError(f"Custos ended by itself. See {custos.log}.")
                await work
            finally:
                for task in (work, ended):
                    task.cancel()
                await asyncio.gather(work, ended, return_exceptions=True)
        status = await custos.ended()
        self._checks.expect(status == 0, "Custos stopped cleanly", f"exit status {status}; see {custos.log}")

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

    async def _story(self, custos: Custos, sent: Sequence[Recording]) -> None:
        console, people = self._console, self._people
        console.step("Registering a station and three people")
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
        self._complete = True
        self._sign_in_words(custos)
        if not self._options.leave:
            console.say("\nCustos goes on serving. Ctrl-C ends it.")
            await asyncio.Event().wait()

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
        checked = f"{self._checks.held} checks held, {len(self._checks.failed)} failed"
        self._console.say(f"\n{checked}, after {self._console.elapsed():.0f} s.")
