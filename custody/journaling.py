"""The journal: what changed in the catalogue, into the store, some seconds behind.

Order, and why: (1) what the queue is about is read as it is now, in one snapshot; (2) the catalogue notes
which chunk is coming, so that it knows it again, whether or not an answer is lost; (3) the last chunk is
exchanged for one that says it too, on condition that the one which this process knows still lies there, so
that of two who write at once one is told; (4) the places are taken from the queue; (5) a chunk that was
exchanged for a closed one is put under its number, locked, before the next begins. A crash leaves a step
undone that is done again: an entry that stands there twice says the same.

A catalogue that finds a last chunk which it does not know (another's, or its own from after the backup that
it was put back from) begins a scan: everything that is in it now is written again, behind what lies there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from custody.journal_chunks import Chunk, digest_of, noted, pack, parse_chunk, require_ours
from custody.notes import Note, Signature
from evidence.alarms import raise_alarm
from evidence.errors import Unavailable
from evidence.journal import CHUNK_BYTES, JOURNAL_LOCK, SCAN_EVERY, Entry, Header, Scan, Value, encode_entry
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.journal import Changed, JournalStore
from evidence.ports.objects import AlreadyStored
from evidence.timekeeping import from_text, to_text

MARK = "journal"
#: Places of the queue that one exchange writes, and rows of a scan.
STEP = 1_000
SCANNED = 3_000
_STEPS_IN_ONE = 50
_STANDS = "journal-stands"


class JournalStands(Unavailable):
    """What lies in the store is not this installation's journal: a person has to look."""


class JournalSigner(Protocol):
    """Signs headers, and says by which key."""

    @property
    def note_key(self) -> bytes:
        """The public key, 32 bytes."""
        ...

    def sign_note(self, text: str, name: str) -> Signature:
        """A signature of the note's text under the log's name."""
        ...


@dataclass(frozen=True, slots=True)
class _Seen:
    """One snapshot: rows as they are, how far the log is, and where the scan ends by it."""

    origin: str
    leaves: int
    schema: str
    changed: Changed
    scan: Scan | None
    scanned: Sequence[Entry] = ()
    is_scanned: bool = False
    #: A scan is due, and the last chunk has to be closed before it begins.
    is_closing: bool = False


class Journal:
    """The use case of keeping the journal. Nothing is kept before the log has begun."""

    def __init__(
        self, catalogue: Catalogue, store: JournalStore, signer: JournalSigner, clock: Clock
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._signer = signer
        self._clock = clock
        #: What lies in the store as the last chunk, as far as this process knows.
        self._tail: bytes | None = None
        self._last: Chunk | None = None
        #: The last chunk's entries as they are written, by table and key: of two about one row the later.
        self._lines: dict[tuple[str, tuple[Value, ...]], bytes] = {}
        self._is_read = False
        #: Whether the last chunk has the signature of a key that was replaced since.
        self._is_signed_before = False

    async def run(self) -> bool:
        """Write what waits, and some of a scan if one is due; whether more waits. Repeatable.

        On return what was written is durable in the store. Raises JournalStands, with an alarm, where a
        person has to look; Unavailable where the next run may succeed.
        """
        try:
            for _ in range(_STEPS_IN_ONE):
                if not await self._step():
                    return False
        except JournalStands as error:
            alarm = Alarm(error.code, "journal", error.message, self._clock.now())
            await self._catalogue.write(lambda tx: raise_alarm(tx, alarm))
            raise
        except BaseException:
            # An exchange whose answer was lost may have happened.
            self._is_read = False
            raise
        return True

    async def _step(self) -> bool:
        """Write once; whether there may be more to write."""
        if not self._is_read:
            await self._read()
        last = self._last
        seen = await self._catalogue.read(partial(_look, last=last, now=self._clock.now()))
        if seen is None:
            return False
        if last is not None and last.header.origin != seen.origin:
            raise _stands(f"of another log, {last.header.origin}")
        made = await asyncio.to_thread(self._made, seen)
        if made is None:
            return False
        await self._exchange(made, seen.changed.taken)
        return seen.scan is not None or made.header.scan is not None or not seen.changed.is_all

    async def _read(self) -> None:
        """Learn what lies in the store, and see to it that what is closed lies under its number."""
        self._tail = await self._store.tail()
        self._lines = {}
        data = self._tail
        if data is None and (newest := await self._store.newest()) is not None:
            data = await self._store.read(newest)
        try:
            self._last = None if data is None else parse_chunk(data)
            if self._last is not None:
                self._lines = await asyncio.to_thread(_lines_of, self._last.entries())
        except ValueError as error:
            raise _stands("damaged") from error
        if data is not None and self._last is not None:
            self._is_signed_before = not _is_ours(self._last, self._signer.note_key)
            mark = await self._catalogue.read(lambda tx: tx.journal.mark(MARK))
            # What this catalogue noted that it wrote is its own, whatever key it had then.
            if self._is_signed_before and digest_of(data) not in (mark or "").split():
                raise _stands("signed by another key")
        await self._close()
        self._is_read = True

    async def _close(self) -> None:
        last = self._last
        if last is None or not last.header.closed:
            return
        try:
            until = self._clock.now() + JOURNAL_LOCK
            await self._store.put(last.header.number, last.encoded(), until)
        except AlreadyStored as error:
            raise _stands(f"another one, where chunk {last.header.number} was to be closed") from error

    def _made(self, seen: _Seen) -> Chunk | None:
        """The chunk that says what was seen too; None: there is nothing to say."""
        last = self._last
        if last is not None and seen.is_closing:
            # A scan begins with a chunk of its own: all rows of a chunk are of one schema.
            header = replace(last.header, closed=True, scan=seen.scan)
            return self._signed(header, last.body)
        through = seen.leaves if seen.changed.is_all else 0 if last is None else last.header.through
        is_news = bool(seen.changed.taken) or seen.scan is not None or self._is_signed_before
        if last is not None and not is_news and through <= last.header.through:
            return None
        goes_on = last is not None and not last.header.closed
        if not goes_on:
            self._lines = {}
        for key, line in _lines_of([*seen.scanned, *seen.changed.entries]).items():
            # Behind all others: what was told before of the row does not count any more.
            self._lines.pop(key, None)
            self._lines[key] = line
        body, digest = pack(self._lines.values())
        before = "" if last is None else digest_of(last.encoded())
        scan = seen.scan
        done = scan if seen.is_scanned else None
        if done is not None:
            begin: tuple[int | None, str] = done.began, done.at
        else:
            begin = (None, "") if last is None else (last.header.restore_from, last.header.scanned_at)
        header = Header(
            origin=seen.origin,
            number=0 if last is None else last.header.number + (0 if goes_on else 1),
            schema=seen.schema,
            restore_from=begin[0],
            scanned_at=begin[1],
            scan=None if done is not None else scan,
            through=through,
            closed=len(body) >= CHUNK_BYTES,
            previous=last.header.previous if last is not None and goes_on else before,
            body=digest,
        )
        return self._signed(header, body)

    def _signed(self, header: Header, body: bytes) -> Chunk:
        text = header.text()
        return noted(header, Note(text, (self._signer.sign_note(text, header.origin),)), body)

    async def _exchange(self, made: Chunk, taken: Sequence[int]) -> None:
        data = made.encoded()
        mark = digest_of(data)
        before = "" if self._last is None else digest_of(self._last.encoded())
        await self._catalogue.write(lambda tx: tx.journal.keep_mark(MARK, f"{before} {mark}"))
        if await self._store.swap_tail(self._tail, data) != data:
            raise Unavailable("journal-busy", "Another process wrote the journal meanwhile.")
        self._tail, self._last, self._is_signed_before = data, made, False

        def note(tx: Transaction) -> None:
            tx.journal.forget(taken)
            tx.journal.keep_mark(MARK, mark)
            tx.oversight.clear_alarm(_STANDS, "journal", self._clock.now())

        await self._catalogue.write(note)
        await self._close()


def _is_ours(chunk: Chunk, public: bytes) -> bool:
    try:
        require_ours(chunk, public)
    except ValueError:
        return False
    return True


def _lines_of(entries: Iterable[Entry]) -> dict[tuple[str, tuple[Value, ...]], bytes]:
    return {(one.table, one.key): encode_entry(one) for one in entries}


def _look(tx: Transaction, last: Chunk | None, now: datetime) -> _Seen | None:
    head = tx.log.head()
    if head is None:
        return None
    schema = tx.journal.schema()
    scan, begins = _scan_due(last, tx.journal.mark(MARK), schema, now)
    if begins and last is not None and not last.header.closed:
        return _Seen(head.origin, 0, schema, Changed((), (), is_all=False), scan, is_closing=True)
    changed = tx.journal.changed(STEP)
    if scan is None:
        return _Seen(head.origin, head.size, schema, changed, None)
    scanned, end = tx.journal.scan(scan.position, SCANNED)
    return _Seen(
        head.origin, head.size, schema, changed, replace(scan, position=end), scanned, is_scanned=end is None
    )


def _scan_due(last: Chunk | None, mark: str | None, schema: str, now: datetime) -> tuple[Scan | None, bool]:
    """The scan that is being made, and whether it only begins; None: none is due."""
    if last is None:
        return Scan(0, to_text(now)), True
    header = last.header
    is_known = mark is not None and digest_of(last.encoded()) in mark.split()
    if is_known and header.schema == schema:
        if header.scan is not None:
            return header.scan, False
        if header.restore_from is not None and now - from_text(header.scanned_at) < SCAN_EVERY:
            return None, False
    return Scan(header.number + 1, to_text(now)), True


def _stands(what: str) -> JournalStands:
    return JournalStands(
        _STANDS,
        f"The journal of the catalogue that lies in the store is {what}. It stands still, so that nothing of "
        "it is lost; everything else goes on. Put the right store or the right key back, or call whoever "
        "audits this installation.",
    )
