"""The sequencer: events into the log, the log into the store, the checkpoint into the world.

Order, and why: (1) leaves into the catalogue, in one transaction with what they take from the queue, so that
an event is in the log once or not yet; (2) tiles and bundles into the store, made from the leaves, so that
whoever finds a checkpoint finds all that it speaks of; (3) the checkpoint into the store, in exchange for the
one that this catalogue published last: a catalogue that was restored from a backup finds another there, and
stops; (4) the same checkpoint into the catalogue, from which it is served. A crash leaves steps undone that
are done again: leaves do not change, so the same tiles are made; a checkpoint found in the store that the
catalogue would have written is its own.

Any process may run it. Two at once harm nothing: one's leaves count, the other's are dropped and made anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from custody.notes import Checkpoint, Note, Signature, parse_checkpoint, parse_note
from custody.rows import makes_root, read_rows, wrong_rows
from custody.sequencing import NotAnEvent, sequence, subjects_in
from custody.tiles import Tile, tiles_between
from custody.tree import joined
from evidence.alarms import raise_alarm
from evidence.errors import Unavailable
from evidence.ids import new_pseudonym
from evidence.log_audits import MOST_NAMES, ROWS, THE_LOG, Found, rows_say
from evidence.ports.catalogue import Alarm, Catalogue
from evidence.ports.clock import Clock
from evidence.ports.log import LogHead, LogStore, Queued, Sequenced

#: At most this many leaves in one transaction: others wait for the writer meanwhile.
STEP = 256
#: Steps before what they made is published.
_STEPS_IN_ONE = 40
#: The lock of what is full: the log outlives what it speaks of.
LOG_LOCK = timedelta(days=3650)
#: Last leaves of subjects that are remembered from step to step; beyond, the catalogue is asked for all.
_MOST_REMEMBERED = 20_000
#: Files that are made durable at once, bundles and tiles in pairs: most of the time goes into waiting.
_TILES_AT_ONCE = 16


class LogStopped(Unavailable):
    """The log cannot go on without a person; the alarm says why."""


class NoteSigner(Protocol):
    """Signs checkpoints."""

    def sign_note(self, text: str, name: str) -> Signature:
        """A signature of the note's text under the log's name."""
        ...


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run did: leaves added, and the size that is published now."""

    added: int
    published: int


class Sequencer:
    """The use case of keeping the log."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: LogStore,
        signer: NoteSigner,
        clock: Clock,
        origin: str | None,
        also: NoteSigner | None = None,
    ) -> None:
        """`also` signs checkpoints beside `signer`: the key that it takes over from."""
        self._catalogue = catalogue
        self._store = store
        self._signers = (signer,) if also is None else (also, signer)
        self._clock = clock
        self._origin = origin
        #: The last leaves of subjects that this process put into the log, as of the head that they led to.
        self._last: dict[str, tuple[int, bytes]] = {}
        self._last_at: tuple[int, tuple[bytes, ...]] | None = None
        #: Whether the last run found that catalogue and store tell one story.
        self.agrees = False

    async def run(self) -> Ran:
        """Sequence what waits, some thousands at most, and publish it; repeatable.

        On return everything that was added is durable, in the store and published. Raises LogStopped,
        with an alarm, where a person has to look; Unavailable where the next run may succeed.
        """
        try:
            # A catalogue that is behind the store must not put other leaves where the store's are.
            await self._agree(await self._head())
            added = 0
            for _ in range(_STEPS_IN_ONE):
                count = await self._step()
                added += count
                if count < STEP:
                    break
            published = await self._publish()
        except LogStopped as error:
            self.agrees = False
            alarm = Alarm(error.code, THE_LOG, error.message, self._clock.now())
            await self._catalogue.write(lambda tx: raise_alarm(tx, alarm, None))
            raise
        self.agrees = True
        return Ran(added, published)

    async def _head(self) -> LogHead:
        head = await self._catalogue.read(lambda tx: tx.log.head())
        if head is not None:
            return head
        origin = self._origin or f"custos.invalid/{new_pseudonym()}"
        return await self._catalogue.write(lambda tx: tx.log.begin(origin))

    async def _step(self) -> int:
        head, queued = await self._catalogue.read(lambda tx: (tx.log.head(), tx.log.queued(STEP)))
        if not queued:
            return 0
        assert head is not None
        if len(head.peaks) != head.size.bit_count():
            raise _changed([f"the edge of the first {head.size} events"])
        found = await self._sequenced(head, queued)
        if await self._catalogue.write(lambda tx: tx.log.append(head.size, found)):
            self._remember(head, found)
            return len(queued)
        # Somebody else was faster; what is left waits for the next step.
        return STEP

    async def _sequenced(self, head: LogHead, queued: Sequence[Queued]) -> Sequenced:
        try:
            subjects = await asyncio.to_thread(subjects_in, queued)
            named = {subject for of_event in subjects.values() for subject in of_event}
            last = await self._last_of(head, named)
            return await asyncio.to_thread(sequence, head, queued, subjects, last)
        except NotAnEvent as error:
            raise LogStopped(
                "log-bad-event",
                f"The event {error.event_id} in the catalogue is not as its emitter wrote it ({error}): "
                "somebody changed the catalogue. The log stands still. Keep the machine as it is, and call "
                "whoever audits this installation.",
            ) from error

    async def _last_of(self, head: LogHead, named: set[str]) -> Mapping[str, tuple[int, bytes]]:
        # Peaks commit to every leaf: a head like the one this process left behind has the same last leaves.
        if self._last_at != (head.size, head.peaks):
            self._last, self._last_at = {}, None
        known = {subject: self._last[subject] for subject in named & self._last.keys()}
        asked = named - known.keys()
        return {**known, **await self._catalogue.read(lambda tx: tx.log.last_of(asked))} if asked else known

    def _remember(self, head: LogHead, found: Sequenced) -> None:
        if len(self._last) > _MOST_REMEMBERED:
            self._last = {}
        self._last |= found.subjects
        self._last_at = (head.size + len(found.leaves), tuple(found.peaks))

    async def _publish(self) -> int:
        head = await self._head()
        if head.size == head.published:
            return head.published
        checkpoint = Checkpoint(head.origin, head.size, joined(head.peaks))
        text = str(checkpoint)
        note = str(Note(text, tuple(one.sign_note(text, head.origin) for one in self._signers)))
        if not await self._catalogue.read(lambda tx: makes_root(tx, head.size, checkpoint.root)):
            raise _changed([f"the root of the first {head.size} events"])
        await keep_tiles(self._catalogue, self._store, head.published, head.size, self._clock.now())
        before = head.checkpoint.encode() or None
        found = await self._store.swap(before, note.encode())
        if found != note.encode():
            # Another process published meanwhile, or this one did and died: both are seen by the next run.
            await self._adopt(found)
            return head.published
        await self._catalogue.write(lambda tx: tx.log.publish(head.size, note))
        return head.size

    async def _agree(self, head: LogHead) -> None:
        """Raises LogStopped where catalogue and store tell two stories."""
        found = await self._store.read("checkpoint")
        if found is None and head.published:
            raise _stopped("has no checkpoint, and this catalogue has published one")
        if found is not None and found.decode("utf-8", "replace") != head.checkpoint:
            await self._adopt(found)

    async def _adopt(self, found: bytes | None) -> None:
        """Take a checkpoint in the store for one's own if the catalogue leads to it."""
        # What is published was in the catalogue before: looked at after the store, it is there.
        head = await self._head()
        try:
            note = parse_note((found or b"").decode())
            checkpoint = parse_checkpoint(note.text)
        except ValueError as error:
            raise _stopped("holds a checkpoint that is none") from error
        if checkpoint.origin != head.origin:
            raise _stopped(f"holds the checkpoint of another log, {checkpoint.origin}")
        if checkpoint.size > head.size:
            raise _stopped(
                f"holds a checkpoint of {checkpoint.size} leaves, and this catalogue has only {head.size}: "
                "it was put back from a backup"
            )
        if not await self._catalogue.read(lambda tx: makes_root(tx, checkpoint.size, checkpoint.root)):
            raise _stopped(f"holds a checkpoint of {checkpoint.size} leaves with another root")
        if checkpoint.size < head.published:
            raise _stopped(f"is behind: it holds a checkpoint of {checkpoint.size} leaves")
        await self._catalogue.write(lambda tx: tx.log.publish(checkpoint.size, str(note)))


async def keep_tiles(catalogue: Catalogue, store: LogStore, old: int, new: int, now: datetime) -> None:
    """Put what a tree of `new` leaves has beyond one of `old` where the log lies.

    Durable on return, repeatable. Raises LogStopped, before anything of them is laid there, where rows do not
    make what was sequenced; AlreadyStored where another one lies, Unavailable, NoSpace.
    """
    # Each bundle beside the tile of its leaves, by which it is checked.
    tiles = sorted(tiles_between(old, new), key=lambda tile: (max(tile.level, 0), tile.number, tile.level))
    for first in range(0, len(tiles), _TILES_AT_ONCE):
        some = tiles[first : first + _TILES_AT_ONCE]
        made = await _sound(catalogue, some)
        await asyncio.gather(*(_keep(store, tile, data, now) for tile, data in made.items()))


async def _sound(catalogue: Catalogue, tiles: Sequence[Tile]) -> Mapping[Tile, bytes]:
    try:
        rows = await catalogue.read(lambda tx: read_rows(tx, tiles, with_bodies=False))
        wrong = await asyncio.to_thread(lambda: list(wrong_rows(rows)))
    except (TypeError, ValueError):
        wrong = [f"some of what {tiles[0].path} to {tiles[-1].path} are made of"]
    if wrong:
        raise _changed(wrong)
    return rows.tiles


async def _keep(store: LogStore, tile: Tile, data: bytes, now: datetime) -> None:
    if tile.is_full:
        await store.put(tile.path, data, now + LOG_LOCK)
    else:
        await store.replace(tile.path, data)


def _changed(rows: Sequence[str]) -> LogStopped:
    found = Found(rows=tuple(rows[:MOST_NAMES]), count=len(rows))
    return LogStopped(ROWS, f"{rows_say(found)} The log stands still: what it lays into a store stays there.")


def _stopped(what: str) -> LogStopped:
    return LogStopped(
        "log-forked",
        f"The store {what}. The log stands still, so that nobody is told two stories. If the catalogue was "
        "put back from a backup, put back the newest one, then run `custos log replay`; else call whoever "
        "audits this installation. Everything else goes on, and its events wait.",
    )
