"""The custody log read again where it lies: the catalogue's rows, and the files of a store.

Rows first: details are what events commit to, events make leaves, leaves make nodes, and nodes the root that
was signed. Then every full file, byte for byte, against what the rows make. What is missing is laid there
again; what differs stays, and a person is told. Then the checkpoints that were stamped, and the tokens that
rows have of them. A round goes on where it was left, and its steps may be repeated; what is not full yet
changes with the next event, and is left out.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from operator import attrgetter

from custody.bodies import THE_STORE, encode_bodies, in_replica, mark_of, path_of, tells
from custody.notes import parse_checkpoint, parse_note
from custody.rows import Rows, makes_root, read_rows, wrong_rows
from custody.sequencer import LOG_LOCK
from custody.stamping import DIGEST_DIGITS
from custody.tiles import WIDTH, tiles_between
from evidence.alarms import raise_alarm
from evidence.errors import Unavailable
from evidence.events import EventDraft, EventType, Outcome
from evidence.fixity import cost
from evidence.log_audits import (
    DAMAGED,
    ROWS,
    THE_LOG,
    Found,
    Round,
    as_detail,
    asked_at,
    files_say,
    is_due,
    keep_round,
    round_of,
    rows_say,
)
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import Body, LogStore
from evidence.ports.objects import NotStored, ObjectStore
from evidence.ports.replicas import PRIMARY
from evidence.proofs import Stamp
from evidence.self_asserted import SELF_ASSERTED

Sleep = Callable[[float], Awaitable[None]]
#: Leaves that one step is about, and stamps.
_STEP = 8 * WIDTH
_STAMPS = 100
#: A replica gets what stamps the log a while after the log.
_SETTLED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _File:
    """A file, and the bytes that it has; `bodies`: it may tell details that are not known here any more."""

    path: str
    data: bytes
    bodies: Sequence[Body | None] = ()


class LogAudit:
    """The use case of reading one place again. `every` None: only when somebody asks."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: ObjectStore,
        log: LogStore,
        clock: Clock,
        every: timedelta | None,
        bytes_per_second: int,
        name: str = PRIMARY,
    ) -> None:
        """`log`: the files of the log in `store`; `name`: that of the replica which it is."""
        self._catalogue = catalogue
        self._store = store
        self._log = log
        self._clock = clock
        self._every = every
        self._rate = bytes_per_second
        self._name = name
        #: What that store is called.
        self.place = THE_STORE if name == PRIMARY else in_replica(name)

    async def run(self, sleep: Sleep) -> bool:
        """Take one step of a round, if one is due or goes on; whether there is more. Durable on return.

        What is read counts for the budget of all audits, for which `sleep` waits. Only while catalogue and
        store tell one story. Raises Unavailable, NoSpace where the next run may succeed.
        """
        last = await self._catalogue.read(lambda tx: round_of(tx, self._name))
        if last is None:
            # A new installation has nothing to read again; it is due like one that was just looked at.
            await self._keep(None, Round(self._clock.now()))
            return False
        if not last.goes_on:
            return await self._begin(last)
        if last.at < last.size:
            await self._keep(last, await self._step(last, sleep))
        elif stamps := await self._catalogue.read(lambda tx: _stamps_of(tx, last)):
            await self._keep(last, await self._look_at(stamps, last, sleep))
        else:
            await self._end(last)
        return True

    async def _begin(self, last: Round) -> bool:
        now = self._clock.now()
        asked = await self._catalogue.read(asked_at)
        if not is_due(last, self._every, asked, now):
            return False
        size = await self._size()
        if size == 0:
            return False
        await self._keep(last, Round(now, last.ended_at, size, asked_at=asked))
        return True

    async def _size(self) -> int:
        """Of the log as it is published there; 0 where there is none yet."""
        head = await self._catalogue.read(lambda tx: tx.log.head())
        found = await self._log.read("checkpoint")
        if head is None or found is None:
            return 0
        try:
            there = parse_checkpoint(parse_note(found.decode()).text).size
        except ValueError:
            # Who publishes there says what is wrong with it.
            return 0
        return min(there, head.published)

    async def _step(self, last: Round, sleep: Sleep) -> Round:
        end = min(last.at + _STEP, last.size)
        found, wrong = last.found, tuple[str, ...]()
        try:
            rows, told = await self._catalogue.read(
                lambda tx: (read_rows(tx, tiles_between(last.at, end), with_bodies=True), self._told(tx))
            )
            wrong = await asyncio.to_thread(lambda: tuple(wrong_rows(rows)))
        except (TypeError, ValueError):
            # A database lets anybody who owns it put text where bytes were, or more than a leaf can have.
            wrong = (f"some of the events {last.at} to {end - 1}",)
        if wrong:
            # From rows that are not what was signed nothing is told of a store, nor laid there.
            return replace(last, at=end, found=found + Found(rows=wrong, count=len(wrong)))
        files = list(_files(rows, told))
        await self._wait(sum(cost(len(one.data)) for one in files), sleep)
        missing = []
        for one in files:
            looked = await self._look(one)
            found += looked
            if looked.missing:
                missing.append(one)
        if missing:
            # Before it is there again: a process that is killed then has said what it found.
            now = self._clock.now()
            await self._catalogue.write(lambda tx: self._tell(tx, found, now))
        for one in missing:
            await self._log.put(one.path, one.data, self._clock.now() + LOG_LOCK)
        return replace(last, at=end, files=last.files + len(files), found=found)

    async def _look_at(self, stamps: Sequence[Stamp], last: Round, sleep: Sleep) -> Round:
        settled = [one for one in stamps if last.began_at - one.asked_at >= _SETTLED]
        files = [file for stamp in settled for file in _stamped(stamp)]
        await self._wait(sum(cost(len(one.data)) for one in files), sleep)
        found = last.found
        for one in files:
            looked = await self._look(one)
            found += replace(looked, missing=(), gone=looked.missing)
        return replace(last, stamped=stamps[-1].size, files=last.files + len(files), found=found)

    def _told(self, tx: Transaction) -> int:
        """Of how many leaves the details lie there."""
        return int(tx.journal.mark(mark_of(self.place)) or 0)

    async def _wait(self, amount: int, sleep: Sleep) -> None:
        if amount:
            now = self._clock.now()
            begins = await self._catalogue.write(lambda tx: tx.fixity.allot(amount, self._rate, now))
            await sleep((begins - now).total_seconds())

    async def _look(self, file: _File) -> Found:
        key = f"log/{file.path}"
        try:
            digests = await self._store.read_back(key)
        except NotStored:
            return Found(missing=(key,), count=1)
        except Unavailable as error:
            if error.code != "disk-failed":
                raise
            return Found(unreadable=(key,), count=1)
        if digests.sha256 != hashlib.sha256(file.data).hexdigest():
            kept = await self._log.read_kept(file.path) if file.bodies else None
            if kept is None or not tells(kept, file.bodies):
                return Found(wrong=(key,), count=1)
        covers = await self._store.covers(key, digests)
        return Found(covered=(key,), count=1) if covers else Found()

    async def _keep(self, last: Round | None, kept: Round) -> None:
        now = self._clock.now()

        def keep(tx: Transaction) -> None:
            if round_of(tx, self._name) != last:
                # Another process reads this place too, and was faster.
                return
            keep_round(tx, self._name, kept)
            # Told at the first of them: the round may take days.
            self._tell(tx, kept.found, now)

        await self._catalogue.write(keep)

    def _tell(self, tx: Transaction, found: Found, now: datetime) -> None:
        if found.has_files:
            raise_alarm(tx, Alarm(DAMAGED, self._name, files_say(self.place, found), now))
        # The rows are the same for every place, and so is the alarm: one of the audits tells it.
        if found.rows and self._name == PRIMARY:
            raise_alarm(tx, Alarm(ROWS, THE_LOG, rows_say(found), now))

    async def _end(self, last: Round) -> None:
        """Look at what leads from the nodes to the newest root, and put the round on record."""

        def end(tx: Transaction) -> None:
            if round_of(tx, self._name) != last:
                return
            now = self._clock.now()
            found = last.found + _wrong_head(tx)
            kept = replace(last, ended_at=now, size=0, found=found)
            keep_round(tx, self._name, kept)
            # Also where something was found: then it says the whole of it.
            tx.oversight.clear_alarm(DAMAGED, self._name, now)
            if self._name == PRIMARY:
                tx.oversight.clear_alarm(ROWS, THE_LOG, now)
            self._tell(tx, found, now)
            outcome = Outcome.FAILURE if found.count else Outcome.SUCCESS
            detail = as_detail(self._name, kept)
            tx.events.append(EventDraft(EventType.LOG_AUDITED, None, now, (), outcome, {}, detail))

        await self._catalogue.write(end)


def _stamps_of(tx: Transaction, last: Round) -> Sequence[Stamp]:
    """The next that the round is about, also those by nobody else, with all of the last one's tree."""
    kinds = [tx.log.stamps_after(last.stamped, _STAMPS, self_asserted=own) for own in (False, True)]
    found = sorted(chain.from_iterable(kinds), key=attrgetter("size"))
    through = min(found[:_STAMPS][-1].size, last.size) if found else 0
    return [one for one in found if one.size <= through]


def _stamped(stamp: Stamp) -> Iterator[_File]:
    """What was kept of it, by the names that it was kept under."""
    place = f"{'stamps' if stamp.authority else SELF_ASSERTED}/{stamp.size}"
    yield _File(f"{place}.checkpoint", stamp.checkpoint.encode())
    digest = hashlib.sha256(stamp.token).hexdigest()[:DIGEST_DIGITS]
    yield _File(f"{place}.{digest}.tsr", stamp.token)


def _files(rows: Rows, told: int) -> Iterator[_File]:
    """Those that became full with these leaves; details lie there of the first `told`."""
    for tile, data in rows.tiles.items():
        if tile.is_full:
            yield _File(tile.path, data)
            if tile.level < 0 and (tile.number + 1) * WIDTH <= told:
                bodies = rows.bodies[tile.number]
                yield _File(path_of(tile.number, is_full=True), encode_bodies(bodies), bodies)


def _wrong_head(tx: Transaction) -> Found:
    head = tx.log.head()
    assert head is not None
    with suppress(TypeError, ValueError):
        checkpoint = parse_checkpoint(parse_note(head.checkpoint).text)
        if checkpoint.size == head.published and makes_root(tx, head.published, checkpoint.root):
            return Found()
    return Found(rows=(f"the root of the first {head.published} events",), count=1)
