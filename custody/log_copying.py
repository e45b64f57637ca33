"""The custody log and the journal in the replicas too, a moment after they are in the store.

Tiles and bundles are made from the catalogue, as the store's own are, so that damage in the store is not
copied; chunks of the journal, tokens and lists come from the store. Heads are read first and written last:
whoever finds one in a replica finds what it speaks of. A crash leaves what the next run completes. What lies
there and is not this log's is never replaced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from custody.bodies import Bodies, in_replica
from custody.cosigning import WITNESSED
from custody.journal_chunks import parse_chunk
from custody.notes import parse_checkpoint, parse_note
from custody.partials import Partials
from custody.rows import makes_root
from custody.sequencer import LOG_LOCK, keep_tiles
from evidence.alarms import raise_alarm
from evidence.errors import CustosError, Unavailable
from evidence.keys import journal_key, stamped_size
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import LogHead
from evidence.ports.objects import AlreadyStored
from evidence.ports.replicas import Replica
from evidence.self_asserted import SELF_ASSERTED

#: Of the alarms.
DIFFERS, OWED = "log-copy-differs", "log-copy-owed"
#: How long a replica may be without what is published before somebody is told.
PATIENCE = timedelta(minutes=10)
#: How often it is looked whether tokens and lists are missing there: that lists all of both sides.
_TOKENS_EVERY = timedelta(hours=1)
_TOKENS = ("log/stamps/", f"log/{SELF_ASSERTED}/")


class CopyStands(Unavailable):
    """What lies in a replica is not a copy of this log: a person has to look."""


@dataclass(frozen=True, slots=True)
class _Heads:
    """What is to be told last. The journal's was read first: it speaks of no leaf that the log lacks."""

    tail: bytes | None
    witnessed: bytes | None
    log: LogHead


class LogCopy:
    """The use case of keeping one replica's copy."""

    def __init__(self, catalogue: Catalogue, source: Replica, target: Replica, clock: Clock) -> None:
        self._catalogue = catalogue
        self._source = source
        self._target = target
        self._clock = clock
        place = in_replica(target.name)
        self._bodies = Bodies(catalogue, target.log, clock, place)
        self._partials = Partials(catalogue, target.log, clock, place)
        #: The checkpoint that lies there as far as is known here, once it was found to be this log's.
        self._there: bytes | None = None
        self._closed: int | None = None
        self._tokens_at: datetime | None = None
        self._behind_since: datetime | None = None
        self._is_told = True

    @property
    def name(self) -> str:
        """Of the replica."""
        return self._target.name

    async def run(self) -> bool:
        """Copy what is published and not there yet; whether there was any. Durable on return, repeatable.

        Raises CopyStands, with an alarm, where a person has to look; Unavailable and NoSpace where the next
        run may succeed, after a while with an alarm too.
        """
        try:
            was_behind = await self._run()
        except CopyStands as error:
            await self._tell(error.code, error.message)
            raise
        except CustosError as error:
            now = self._clock.now()
            self._behind_since = self._behind_since or now
            if now - self._behind_since >= PATIENCE:
                await self._tell(OWED, _owed(self.name, error.message))
            raise
        self._behind_since = None
        if self._is_told:
            await self._catalogue.write(self._clear)
            self._is_told = False
        return was_behind

    async def _run(self) -> bool:
        heads = await self._heads()
        if heads is None:
            return False
        found = await self._target.log.read("checkpoint")
        if found != self._there or found is None:
            await self._begin(found)
        try:
            was_behind = await self._copy_log(heads.log, found)
            await self._copy_journal(heads.tail)
            await self._copy_tokens(heads.log.published)
        except AlreadyStored as error:
            raise self._stands("other bytes than this log's, where one of its files has to lie") from error
        await self._tell_heads(heads, found)
        while await self._partials.run():
            pass
        return was_behind

    async def _heads(self) -> _Heads | None:
        """None before the log's first checkpoint."""
        tail = await self._source.journal.tail()
        witnessed = await self._source.log.read(WITNESSED)
        head = await self._catalogue.read(lambda tx: tx.log.head())
        return None if head is None or not head.published else _Heads(tail, witnessed, head)

    async def _begin(self, found: bytes | None) -> None:
        """See to it that what lies there is this log, and go on where it ends."""
        size = 0 if found is None else await self._catalogue.read(lambda tx: self._size_of(tx, found))
        await self._bodies.go_back(size)
        self._there = found
        self._closed = self._tokens_at = None

    def _size_of(self, tx: Transaction, found: bytes) -> int:
        """Of the tree that lies there; raises CopyStands for that of another log."""
        head = tx.log.head()
        assert head is not None
        try:
            checkpoint = parse_checkpoint(parse_note(found.decode()).text)
        except ValueError as error:
            raise self._stands("a checkpoint that is none") from error
        if checkpoint.origin != head.origin:
            raise self._stands(f"the log of another installation, {checkpoint.origin}")
        if checkpoint.size > head.published:
            raise self._stands(
                f"{checkpoint.size} leaves of the log, and {head.published} are published here: the "
                "catalogue was put back from a backup, or somebody writes there"
            )
        if checkpoint.size and not makes_root(tx, checkpoint.size, checkpoint.root):
            raise self._stands(f"another log of {checkpoint.size} leaves under this one's name")
        return checkpoint.size

    async def _copy_log(self, head: LogHead, found: bytes | None) -> bool:
        size = 0 if found is None else parse_checkpoint(parse_note(found.decode()).text).size
        is_behind = size < head.published
        if is_behind:
            now = self._clock.now()
            await keep_tiles(self._catalogue, self._target.log, size, head.published, now)
        while await self._bodies.run():
            pass
        return is_behind

    async def _copy_journal(self, tail: bytes | None) -> None:
        """The chunks before the last one that are closed, as long as the store's own are locked."""
        if tail is None:
            return
        source, target = self._source.journal, self._target.journal
        last = _numbered(tail)
        if self._closed is None:
            newest, oldest = await target.newest(), await source.oldest()
            self._closed = max(-1 if newest is None else newest, -1 if oldest is None else oldest - 1)
        for number in range(self._closed + 1, last):
            chunk = await source.read(number)
            if chunk is not None:
                stat = await self._source.store.stat(journal_key(number))
                await target.put(number, chunk, stat.locked_until or self._clock.now())
            elif number >= (await source.oldest() or 0):
                raise Unavailable("journal-hole", f"The store lacks chunk {number} of the journal.")
            self._closed = number

    async def _copy_tokens(self, size: int) -> None:
        """What stamps a larger tree than that of the head that is told is left to the next time."""
        now = self._clock.now()
        if self._tokens_at is not None and abs(now - self._tokens_at) < _TOKENS_EVERY:
            return
        for prefix in _TOKENS:
            async for key in self._missing(prefix):
                if (stamped_size(key) or 0) > size:
                    continue
                path = key.removeprefix("log/")
                data = await self._source.log.read_kept(path)
                if data is not None:
                    await self._target.log.put(path, data, now + LOG_LOCK)
        self._tokens_at = now

    async def _missing(self, prefix: str) -> AsyncIterator[str]:
        """What the store has there and the replica has not; of both no more than one at a time is held."""
        there = aiter(self._target.store.keys(prefix))
        at = await anext(there, None)
        async for key in self._source.store.keys(prefix):
            while at is not None and at < key:
                at = await anext(there, None)
            if key != at:
                yield key

    async def _tell_heads(self, heads: _Heads, found: bytes | None) -> None:
        target = self._target
        checkpoint = heads.log.checkpoint.encode()
        if found != checkpoint:
            lies = await target.log.swap(found, checkpoint)
            if lies != checkpoint:
                # Another process copies too, and was faster.
                self._there = None
                return
            self._there = checkpoint
        if heads.witnessed is not None and await target.log.read(WITNESSED) != heads.witnessed:
            await target.log.replace(WITNESSED, heads.witnessed)
        if heads.tail is not None and (before := await target.journal.tail()) != heads.tail:
            if before is not None and _numbered(before) > _numbered(heads.tail):
                newest = await self._source.journal.tail()
                if newest is None or _numbered(before) > _numbered(newest):
                    raise self._stands("a newer journal than the store")
                return
            await target.journal.swap_tail(before, heads.tail)

    def _stands(self, what: str) -> CopyStands:
        return CopyStands(
            DIFFERS,
            f"The replica {self.name} holds {what}. The log and the journal are not copied there, and "
            "nothing that lies there was changed. Look at that store: if it belongs to somebody else, name "
            "another; if this installation was put back from a backup, it may know more than this one does.",
        )

    async def _tell(self, kind: str, words: str) -> None:
        alarm = Alarm(kind, self.name, words, self._clock.now())
        await self._catalogue.write(lambda tx: raise_alarm(tx, alarm))
        self._is_told = True

    def _clear(self, tx: Transaction) -> None:
        for kind in (DIFFERS, OWED):
            tx.oversight.clear_alarm(kind, self.name, self._clock.now())


def _numbered(chunk: bytes) -> int:
    """A chunk's number; raises Unavailable("journal-damaged")."""
    try:
        return parse_chunk(chunk).header.number
    except ValueError as error:
        raise Unavailable("journal-damaged", "The last chunk of the journal cannot be read.") from error


def _owed(name: str, why: str) -> str:
    return (
        f"The replica {name} has not had the newest of the custody log and the journal for a while: {why} "
        "It is tried again; were the store lost now, what came since would be lost with it."
    )
