"""Follows every recording from its first byte to its playable rendition, live.

What is received comes from the upload's own state, what follows from the server's progress stream: job
changes with numbers, taken up after the last one seen when the stream is cut.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from clients.demo.caller import Caller, Unreachable, refusal
from clients.demo.console import Console, shortened, table
from clients.demo.errors import DemoError
from clients.demo.recordings import Sendable

_STREAM = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
_RECONNECT_SECONDS = 0.5
_STALLED_SECONDS = 600.0
_REDRAW_SECONDS = 0.25
_ENDED = ("done", "failed")
#: Stages in the order of a recording's life, with the words for them.
_STAGES = {
    "commit": "committed",
    "read-back": "read back",
    "describe": "described",
    "playable": "playable",
    "preview": "preview",
    "prove": "proven",
    "fingerprint": "fingerprints",
}


@dataclass(slots=True)
class Way:
    """One recording on its way."""

    recording: Sendable
    sha256: str
    size: int
    location: str | None = None
    item: str | None = None
    received: int = 0
    sent_at: float | None = None
    #: Why it can go no further, if so.
    stopped: str | None = None
    said: set[str] = field(default_factory=set)

    @property
    def upload(self) -> str | None:
        """The upload's identifier."""
        return None if self.location is None else self.location.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Job:
    """The latest that the stream said of one job, and when it said so."""

    state: str
    progress: int
    message: str | None
    heard_at: float


async def changes(station: Caller, begun: asyncio.Event) -> AsyncIterator[dict[str, Any]]:
    """The job changes of the station's unit from now on, without a hole; `begun` once none can be missed."""
    last = ""
    while True:
        try:
            headers = {"Last-Event-ID": last} if last else {}
            url = station.url + "/progress"
            async with station.session.get(url, headers=headers, timeout=_STREAM) as response:
                if response.status != 200:
                    raise refusal(response.status, await response.read())
                async for number, kind, data in _events(response.content):
                    last = number or last
                    begun.set()
                    if kind == "job":
                        yield json.loads(data)
        except (aiohttp.ClientError, TimeoutError):
            # The number of the last change seen makes up for it.
            pass
        await asyncio.sleep(_RECONNECT_SECONDS)


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, str, str]]:
    """Server-sent events: number, kind and data."""
    number, kind, data = "", "message", ""
    async for raw in content:
        line = raw.decode().rstrip("\r\n")
        name, _, value = line.partition(": ")
        if not line:
            if data:
                yield number, kind, data
            number, kind, data = "", "message", ""
        elif name == "id":
            number = value
        elif name == "event":
            kind = value
        elif name == "data":
            data += value


class Watch:
    """All recordings on their way, and the showing of it, if a console is given."""

    def __init__(self, station: Caller, ways: Sequence[Way], console: Console | None) -> None:
        self.begun = asyncio.Event()
        self._station = station
        self._ways = ways
        self._console = console
        #: By subject and stage.
        self._jobs: dict[tuple[str, str], Job] = {}
        self._moved = time.monotonic()

    async def follow(self) -> None:
        """Show progress until every recording has ended its way; raises DemoError when nothing moves."""
        listening = asyncio.create_task(self._listen())
        try:
            while not all(map(self._ended, self._ways)):
                await self._poll()
                self._show()
                if listening.done():
                    listening.result()
                if time.monotonic() - self._moved > _STALLED_SECONDS:
                    raise DemoError(
                        f"Nothing has moved for {_STALLED_SECONDS / 60:.0f} minutes. See the server's log."
                    )
                await asyncio.wait({listening}, timeout=_REDRAW_SECONDS)
            self._show()
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    def failures(self, way: Way) -> list[str]:
        """What went wrong on its way, in the server's words."""
        found = [] if way.stopped is None else [way.stopped]
        for (subject, stage), job in self._jobs.items():
            if subject in (way.upload, way.item) and job.state == "failed":
                found.append(f"{stage}: {job.message}")
        return found

    def seconds_to_playable(self, way: Way) -> float | None:
        """From its last byte's leaving to the news that it can be played."""
        job = self._state(way, "playable")
        if job is None or job.state != "done" or way.sent_at is None:
            return None
        return max(job.heard_at - way.sent_at, 0.0)

    async def _listen(self) -> None:
        async for change in changes(self._station, self.begun):
            self._moved = time.monotonic()
            job = Job(change["state"], change["progress"], change["message"], self._moved)
            self._jobs[change["subject"], change["stage"]] = job

    async def _poll(self) -> None:
        """Ask for what the stream does not say: bytes received, and which item an upload became."""
        for way in self._ways:
            if way.location is None or way.item is not None or way.stopped is not None:
                continue
            try:
                said = await self._station.get(way.location)
            except Unreachable:
                continue
            if said["offset"] != way.received:
                self._moved = time.monotonic()
            way.received, way.item = said["offset"], said["item"]

    def _state(self, way: Way, stage: str) -> Job | None:
        return self._jobs.get(((way.upload if stage == "commit" else way.item) or "", stage))

    def _ended(self, way: Way) -> bool:
        if way.stopped is not None:
            return True
        commit = self._state(way, "commit")
        if commit is not None and commit.state == "failed":
            return True
        if way.item is None:
            return False
        found = {stage: self._state(way, stage) for stage in _STAGES}
        needed = [found["read-back"], found["describe"]]
        # What a description asks for is queued with it: no row then means that none will come.
        return all(job is not None and job.state in _ENDED for job in needed) and all(
            job is None or job.state in _ENDED for job in found.values()
        )

    def _cell(self, way: Way, stage: str) -> str:
        job = self._state(way, stage)
        if job is None:
            described = self._state(way, "describe")
            ended = stage == "playable" and described is not None and described.state in _ENDED
            return "no" if ended else "·"
        if job.state == "done":
            return "yes"
        if job.state == "running":
            return f"{job.progress // 10} %" if job.progress else "…"
        return "FAILED" if job.state == "failed" else "again" if job.message else "waits"

    def done(self, stage: str) -> int:
        """How many have that stage behind them."""
        found = (self._state(way, stage) for way in self._ways)
        return sum(job is not None and job.state == "done" for job in found)

    def _show(self) -> None:
        if self._console is None:
            return
        if self._console.live:
            shown = ("commit", "read-back", "playable")
            heading = ["recording", "MB", "received", *(_STAGES[stage] for stage in shown)]
            rows = [heading]
            for way in self._ways:
                share = 100 * way.received // way.size if way.size else 100
                cells = [self._cell(way, stage) for stage in shown]
                name = shortened(way.recording.name, 40)
                rows.append([name, f"{way.size / 1e6:.1f}", f"{share} %", *cells])
            self._console.draw([*table(rows), f"{self._console.elapsed():.0f} s"])
            return
        for way in self._ways:
            self._say_news(self._console, way)

    def _say_news(self, console: Console, way: Way) -> None:
        share = 100 * way.received // way.size if way.size else 100
        quarter = f"received {share // 25 * 25} %"
        news = [quarter] if way.received or way.item else []
        for stage, words in _STAGES.items():
            cell = self._cell(way, stage)
            if cell == "yes":
                news.append(words)
            elif cell == "no":
                news.append("not playable here")
            elif cell == "FAILED":
                news.append(f"FAILED: {words}")
        if way.stopped is not None:
            news.append(f"stopped: {way.stopped}")
        for each in news:
            if each not in way.said:
                way.said.add(each)
                console.say(f"  {console.elapsed():6.1f} s  {way.recording.name}: {each}")
