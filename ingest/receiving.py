"""Bytes from a request to the staging disk, hashed on the way.

Two blocks are in memory per upload: one being filled from the socket, one being written and hashed on a
thread. Every two seconds, and at the end, what is written is fsynced and then recorded with the hash
state that covers exactly it, so that a crash costs at most those seconds and a resume re-reads nothing.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from evidence.errors import Conflict, Invalid, TooLarge
from evidence.items import Upload, UploadState
from evidence.ports.catalogue import Catalogue
from evidence.ports.clock import Clock
from evidence.ports.objects import StagedWriter, Staging
from ingest.hashing import RunningFixity

#: Large blocks mean fewer hops between loop and thread; all uploads together hold no more than this, twice.
_BLOCKS_BYTES = 16 << 20
_LARGEST_BLOCK = 4 << 20
_SMALLEST_BLOCK = 256 << 10
_SYNC_SECONDS = 2.0
_THREADS = 16
CHECKSUM_ALGORITHMS = ("sha1", "sha256")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a request says its own bytes hash to (tus checksum extension)."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, header: str) -> Checksum:
        """From `Upload-Checksum`; raises Invalid("bad-checksum")."""
        algorithm, _, encoded = header.strip().partition(" ")
        if algorithm not in CHECKSUM_ALGORITHMS:
            raise Invalid("bad-checksum", "The checksum algorithm must be sha1 or sha256.")
        try:
            return cls(algorithm, base64.b64decode(encoded, validate=True))
        except ValueError as error:
            raise Invalid("bad-checksum", "The checksum is not base64.") from error


class _Run:
    """One request's bytes."""

    def __init__(self, writer: StagedWriter, upload: Upload, checksum: Checksum | None) -> None:
        self.writer = writer
        self.upload = upload
        self.fixity = RunningFixity(upload.hash_state, upload.crc32)
        self.written = upload.offset
        self.check = None if checksum is None else hashlib.new(checksum.algorithm, usedforsecurity=False)

    def take(self, block: list[bytes]) -> None:
        """Write and hash a block; off the loop."""
        self.writer.write(block)
        self.fixity.update(block)
        if self.check is not None:
            for piece in block:
                self.check.update(piece)
        self.written += sum(map(len, block))

    def snapshot(self, clock: Clock) -> Upload:
        """The upload as it stands after the last block taken; call it when no block is being taken."""
        return replace(
            self.upload,
            offset=self.written,
            hash_state=self.fixity.state(),
            crc32=self.fixity.crc32,
            touched_at=clock.now(),
        )


def block_bytes(uploads: int) -> int:
    """How much of each of so many simultaneous uploads is taken at a time."""
    return max(_SMALLEST_BLOCK, min(_LARGEST_BLOCK, _BLOCKS_BYTES // uploads))


class Receiver:
    """See the module's docstring."""

    def __init__(self, catalogue: Catalogue, staging: Staging, clock: Clock) -> None:
        self._catalogue = catalogue
        self._staging = staging
        self._clock = clock
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="staging")
        self._arriving = 0

    async def create(self, upload_id: str) -> None:
        """An empty staged file."""
        await self._off(lambda: self._staging.create(upload_id))

    async def discard(self, upload_id: str) -> None:
        """Drop the staged file."""
        await self._off(lambda: self._staging.discard(upload_id))

    def fixity(self, upload: Upload) -> RunningFixity:
        """The digests over everything acknowledged."""
        return RunningFixity(upload.hash_state, upload.crc32)

    async def run(
        self,
        upload: Upload,
        offset: int,
        announced: int | None,
        pieces: AsyncIterator[bytes],
        checksum: Checksum | None,
    ) -> Upload:
        """Receive `pieces`; the upload with its new durable offset. Errors as `Uploads.receive`."""
        if upload.state is not UploadState.RECEIVING:
            raise Conflict("upload-ended", "This upload was accepted or has ended; start a new one.")
        if offset != upload.offset:
            raise Conflict("wrong-offset", "The upload does not stand at this offset; ask for it with HEAD.")
        room = upload.length - offset
        if announced is not None and announced > room:
            raise _too_much()
        writer = await self._open(upload.id, offset)
        run = _Run(writer, upload, checksum)
        self._arriving += 1
        try:
            try:
                await self._pump(run, room, pieces, saves=checksum is None)
            except BaseException:
                # Bytes of a request that was cut are as good as any, unless they were to be checked whole.
                if checksum is None:
                    await _outlast(asyncio.ensure_future(self._persist(run.snapshot(self._clock), writer)))
                raise
            if run.check is not None and checksum is not None and run.check.digest() != checksum.digest:
                raise Invalid(
                    "checksum-mismatch", "These bytes do not match their checksum; send them again."
                )
            kept = run.snapshot(self._clock)
            await _outlast(asyncio.ensure_future(self._persist(kept, writer)))
            return kept
        finally:
            self._arriving -= 1
            await _outlast(asyncio.ensure_future(self._off(writer.close)))

    async def _open(self, upload_id: str, offset: int) -> StagedWriter:
        """Open the staged file; a request that is cancelled meanwhile leaves no writer behind."""
        opening = asyncio.ensure_future(self._off(lambda: self._staging.open(upload_id, offset)))
        try:
            return await _outlast(opening)
        except asyncio.CancelledError:
            # It opens all the same, and truncates: its turn must not end before it is closed again.
            if opening.exception() is None:
                await _outlast(asyncio.ensure_future(self._off(opening.result().close)))
            raise

    async def _pump(self, run: _Run, room: int, pieces: AsyncIterator[bytes], *, saves: bool) -> None:
        loop = asyncio.get_running_loop()
        writing: asyncio.Future[None] | None = None
        saving: asyncio.Future[None] | None = None
        saved_at = loop.time()
        block: list[bytes] = []
        size = 0
        try:
            async for piece in pieces:
                room -= len(piece)
                if room < 0:
                    raise _too_much()
                block.append(piece)
                size += len(piece)
                if size < block_bytes(self._arriving):
                    continue
                if writing is not None:
                    await asyncio.shield(writing)
                if saves and loop.time() - saved_at >= _SYNC_SECONDS and (saving is None or saving.done()):
                    if saving is not None:
                        saving.result()
                    saving = asyncio.ensure_future(self._persist(run.snapshot(self._clock), run.writer))
                    saved_at = loop.time()
                writing = loop.run_in_executor(self._threads, run.take, block)
                block, size = [], 0
        finally:
            # However the request ended, nothing may still be writing when its turn is over; and a block
            # that failed must not be followed by a later one.
            if saving is not None:
                await _outlast(saving)
            if writing is not None:
                await _outlast(writing)
            if block:
                await _outlast(loop.run_in_executor(self._threads, run.take, block))

    async def _persist(self, kept: Upload, writer: StagedWriter) -> None:
        """First the bytes, then the row that acknowledges them."""
        await self._off(writer.sync)
        assert kept.hash_state is not None
        hash_state = kept.hash_state
        await self._catalogue.write(
            lambda tx: tx.uploads.advance(
                kept.id, offset=kept.offset, hash_state=hash_state, crc32=kept.crc32, at=kept.touched_at
            )
        )

    async def _off(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


async def _outlast(work: asyncio.Future[T]) -> T:
    """Wait until `work` has ended, even when cancelled meanwhile; then let the cancellation through."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return work.result()


def _too_much() -> TooLarge:
    return TooLarge("beyond-length", "These bytes go beyond the length that was declared for the upload.")
