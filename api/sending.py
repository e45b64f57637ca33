"""Bytes that leave: on record before the first one, counted as the kernel accepts them.

A transfer that outlives its viewing is authorised again and gets a new one before it goes on.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import BinaryIO

from aiohttp import web

from api.context import METRICS, services
from evidence.ranges import ByteRange
from retrieval.viewings import OpenViewing

#: A transfer is looked at again after this many bytes: is its viewing still live?
STRETCH = 16 << 20
#: What is read at once of a file that the kernel cannot send.
PIECE = 1 << 20


class Transfer:
    """One response body, range by range, under one viewing after another.

    `begin` puts a range on record, `allowed` asks again whether it may be sent; `done`: nobody else is
    expected to use the viewing when this answer has ended. `last` is where the answer's bytes end.
    """

    def __init__(
        self,
        request: web.Request,
        begin: Callable[[ByteRange], Awaitable[OpenViewing]],
        allowed: Callable[[], Awaitable[None]],
        last: int,
        *,
        done: bool,
    ) -> None:
        self._request = request
        self._begin = begin
        self._allowed = allowed
        self._last = last
        self._done = done
        self._viewing: OpenViewing | None = None

    async def enter(self, wanted: ByteRange) -> None:
        """Be on record for `wanted` before any of it leaves."""
        self._viewing = await self._begin(wanted)

    async def leave(self) -> None:
        """Close what was opened, or let it run on for the next request."""
        if self._viewing is not None:
            entered, self._viewing = self._viewing, None
            await services(self._request).desk.leave(entered, done=self._done)

    async def send(self, response: web.StreamResponse, file: BinaryIO, start: int, end: int, at: int) -> None:
        """Send [start, end) of the file, which are the answer's bytes from `at` on."""
        if not _has_descriptor(file):
            await self._pass_on(response, file, start, end, at)
            return
        loop = asyncio.get_running_loop()
        moved = at - start
        while start < end:
            viewing = await self._live((start + moved, max(end + moved, self._last)))
            transport = self._request.transport
            if transport is None:
                raise ConnectionResetError
            stop = min(end, start + STRETCH)
            try:
                await loop.sendfile(transport, file, start, stop - start)
            finally:
                # The kernel's word: what it accepted may have left, even when the send failed.
                accepted = min(max(file.tell(), start), stop)
                self._count(viewing, start + moved, accepted + moved)
            start = stop

    async def write(self, response: web.StreamResponse, data: bytes, at: int) -> None:
        """Send these bytes, the answer's from `at` on; counted as sent whether or not that fails."""
        viewing = await self._live((at, max(at + len(data), self._last)))
        try:
            await response.write(data)
        finally:
            self._count(viewing, at, at + len(data))

    async def _pass_on(
        self, response: web.StreamResponse, file: BinaryIO, start: int, end: int, at: int
    ) -> None:
        """The same for what comes over a network: a piece is on its way here while one goes out."""
        await asyncio.to_thread(file.seek, start)
        coming = asyncio.create_task(asyncio.to_thread(file.read, min(PIECE, end - start)))
        try:
            while start < end:
                piece = await coming
                if not piece:
                    raise ConnectionResetError
                start += len(piece)
                if start < end:
                    coming = asyncio.create_task(asyncio.to_thread(file.read, min(PIECE, end - start)))
                await self.write(response, piece, at)
                at += len(piece)
        finally:
            # Nobody asks any more whether that one came.
            coming.add_done_callback(lambda one: one.cancelled() or one.exception())

    async def _live(self, wanted: ByteRange) -> OpenViewing:
        """The viewing, if it is live still; else a new one of `wanted`, for whoever may have it still."""
        assert self._viewing is not None
        if not services(self._request).desk.is_live(self._viewing):
            await self.leave()
            await self._allowed()
            await self.enter(wanted)
            assert self._viewing is not None
        return self._viewing

    def _count(self, viewing: OpenViewing, start: int, end: int) -> None:
        viewing.note(start, end)
        self._request.app[METRICS].sent.inc(end - start)


def _has_descriptor(file: BinaryIO) -> bool:
    try:
        file.fileno()
    except io.UnsupportedOperation:
        return False
    return True
