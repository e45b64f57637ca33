"""Sends the recordings, several at a time, while they are watched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from clients.demo import tus
from clients.demo.caller import Caller
from clients.demo.concurrently import all_of
from clients.demo.console import Console
from clients.demo.errors import DemoError
from clients.demo.recordings import Sendable, digest_of
from clients.demo.watching import Watch, Way

_AT_ONCE = 4


async def measure(recordings: Sequence[Sendable]) -> list[Way]:
    """The digest of every file, before anything is sent."""
    digests = await asyncio.gather(*(asyncio.to_thread(digest_of, each.path) for each in recordings))
    return [
        Way(recording, sha256, recording.path.stat().st_size)
        for recording, sha256 in zip(recordings, digests, strict=True)
    ]


async def send_all(station: Caller, ways: Sequence[Way], console: Console) -> Watch:
    """Send everything and return when everything has ended its way; what failed is in the watch."""
    watch = Watch(station, ways, console)
    await send_watched(station, ways, watch)
    return watch


async def send_watched(station: Caller, ways: Sequence[Way], watch: Watch) -> None:
    """Send everything while `watch` follows it; returns when everything has ended its way."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(way: Way) -> None:
        def left() -> None:
            way.sent_at = time.monotonic()

        await watch.begun.wait()
        async with turns:
            try:
                metadata = way.recording.metadata(way.sha256)
                way.location = await tus.create(station, way.size, metadata)
                await tus.send(station, way.location, way.recording.path, on_last_byte=left)
            except (DemoError, OSError) as error:
                way.stopped = str(error)

    await all_of([watch.follow(), *map(one, ways)])
