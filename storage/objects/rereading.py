"""Reading everything again, piece by piece, to prove it: the same over every store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator

from evidence.fixity import PIECE, Digests
from evidence.ports.objects import Pace


class Rereading:
    """Bytes on their way through every digest. `method` is how they are read, see `Digests`."""

    def __init__(self, pieces: Iterator[bytes | memoryview], method: str) -> None:
        self._pieces = pieces
        self._method = method
        self._digests = [hashlib.new(name) for name in ("sha256", "sha512", "sm3")]
        self._size = 0

    def step(self) -> bool:
        """Read the next piece; False at the end. Blocking; raises what reading raises."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._size += len(piece)
        for digest in self._digests:
            digest.update(piece)
        return True

    def found(self) -> Digests:
        """What was read so far, and how."""
        sha256, sha512, sm3 = (digest.hexdigest() for digest in self._digests)
        return Digests(self._size, sha256, sha512, sm3, self._method)


async def reread(begin: Callable[[], Rereading], pace: Pace | None) -> Digests:
    """Read all of it, at that pace if there is one; `begin` opens it, off the loop as all the reading is."""
    if pace is None:
        return await asyncio.to_thread(_whole, begin)
    await pace(PIECE)
    reading = await asyncio.to_thread(begin)
    while await asyncio.to_thread(reading.step):
        await pace(PIECE)
    return reading.found()


def _whole(begin: Callable[[], Rereading]) -> Digests:
    reading = begin()
    while reading.step():
        pass
    return reading.found()
