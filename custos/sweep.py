"""What happens by itself: rows that nobody answered are rung for again, what was left open is closed.

Every step may run twice and in several processes at once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from cases.disposal import Disposal
from cases.retention import Schedules
from custody.audits import Audits
from custos.work import JobRunner
from evidence.alarms import raise_alarm
from evidence.errors import CustosError
from evidence.events import EventDraft, EventType, Subject
from evidence.items import Item, Rendition
from evidence.jobs import Stage
from evidence.keys import manifest_key
from evidence.parts import PARTS_KEPT
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.objects import NotStored, ObjectStore
from evidence.projection import catch_up
from evidence.retention import EXTEND_WITHIN, RENEWED, ROLLING_LOCK
from evidence.schedules import lock_for
from evidence.timekeeping import is_live, to_text
from evidence.waiting import WORK_HELD_UP, WORK_WAITS
from ingest.uploads import Uploads
from retrieval.exports import Exports
from retrieval.playbacks import Playbacks
from retrieval.viewings import ViewingDesk

_log = logging.getLogger(__name__)
#: Recordings whose parts go in one sweep.
_AT_ONCE = 10
#: Locks that are renewed in one sweep.
_RENEWED_AT_ONCE = 100
#: Entries of the search that are made in one transaction, and transactions in one sweep.
_ENTRIES = 20
_ENTRY_BATCHES = 20
_DISPOSAL_EVERY = timedelta(hours=1)
_DROPPED_EVERY = timedelta(hours=1)
_ASKED_EVERY = timedelta(minutes=1)
_WAITING_AT_ONCE = 1_000
_WATCHED_EVERY = timedelta(minutes=1)
#: What the alarm about all work that is held up is about.
_WORK = "work"
#: No write takes longer.
_UNFINISHED = timedelta(days=1)


class Sweep:
    """One pass over everything that time or a crash can leave behind."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: ObjectStore,
        clock: Clock,
        work: JobRunner,
        uploads: Uploads,
        desk: ViewingDesk,
        schedules: Schedules,
        playbacks: Playbacks,
        disposal: Disposal,
        exports: Exports,
        audits: Audits,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._work = work
        self._uploads = uploads
        self._desk = desk
        self._schedules = schedules
        self._playbacks = playbacks
        self._disposal = disposal
        self._exports = exports
        self._audits = audits
        self._looked_at: datetime | None = None
        self._dropped_at: datetime | None = None
        self._watched_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._unanswered: set[str] = set()

    async def run(self) -> None:
        """Ring again first: the rest can wait. One step that fails does not keep the others from running."""
        for step in (
            self._work.ring,
            self._uploads.accept_complete,
            self._uploads.expire,
            self._uploads.discard_orphans,
            self._desk.close_abandoned,
            self._playbacks.close_idle,
            self._watch_locks,
            self._discard_parts,
            self._schedules.catch_up,
            self._renew_locks,
            self._tell_holds,
            self._read_back_again,
            self._make_entries,
            self._count,
            self._look_at_disposal,
            self._exports.discard_outdated,
            self._drop_unfinished,
            self._audits.plan,
            self._watch_queues,
        ):
            try:
                await step()
            except CustosError as error:
                _log.warning("a step of the sweep failed and will be tried again: %s", error)

    async def _watch_locks(self) -> None:
        now = self._clock.now()
        late = await self._catalogue.read(lambda tx: tx.items.short_locked(now - EXTEND_WITHIN))

        def note(tx: Transaction) -> None:
            tx.jobs.prune_changes(now)
            for item in late:
                raise_alarm(
                    tx,
                    Alarm(
                        "lock-not-extended",
                        item.id,
                        "A recording still has only its first, short lock. Look at `custos jobs list "
                        "--failed` and retry its commit.",
                        now,
                    ),
                    item.id,
                )

        await self._catalogue.write(note)

    async def _watch_queues(self) -> None:
        """Work that no worker takes up, or that cannot go on, is an alarm for as long as that is so."""
        now = self._clock.now()
        if self._watched_at is not None and is_live(self._watched_at + _WATCHED_EVERY, now, _WATCHED_EVERY):
            return
        unanswered = await self._catalogue.read(lambda tx: tx.jobs.unanswered(now))
        # Once is no sign: after a night that the machine was off everything has waited for long.
        waiting = [one for one in unanswered if one.subject in self._unanswered]
        self._unanswered = {one.subject for one in unanswered}
        held_up = await self._catalogue.read(lambda tx: tx.jobs.held_up())
        alarms = await self._catalogue.read(lambda tx: tx.oversight.alarms())
        standing = {alarm.subject for alarm in alarms if alarm.kind == WORK_WAITS}
        is_told = any(alarm.kind == WORK_HELD_UP for alarm in alarms)

        def note(tx: Transaction) -> None:
            for one in waiting:
                raise_alarm(tx, Alarm(WORK_WAITS, one.subject, one.words, now))
            for subject in standing - {one.subject for one in waiting}:
                tx.oversight.clear_alarm(WORK_WAITS, subject, now)
            if held_up is None:
                tx.oversight.clear_alarm(WORK_HELD_UP, _WORK, now)
            elif held_up.reasons:
                raise_alarm(tx, Alarm(WORK_HELD_UP, _WORK, held_up.words, now))

        if waiting or standing or held_up or is_told:
            await self._catalogue.write(note)
        self._watched_at = now

    async def _renew_locks(self) -> None:
        """Locks that end before what they lock may go are extended, once a month for what is kept long."""
        now = self._clock.now()
        before = now + ROLLING_LOCK - RENEWED
        for item in await self._catalogue.read(lambda tx: tx.retention.to_renew(before, _RENEWED_AT_ONCE)):
            until = lock_for(now, item.keep_until)
            try:
                locked = await self._store.extend_lock(item.key, until, version=item.version)
                await self._store.extend_lock(manifest_key(item.key), until)
            except (CustosError, NotStored) as error:
                _log.warning("a lock could not be renewed and will be tried again: %s", error)
                alarm = Alarm(
                    "lock-not-renewed",
                    item.id,
                    "The lock of a recording could not be extended. Look at the store's disk; it is tried "
                    "again with every sweep, and what it locks is not disposed of meanwhile.",
                    now,
                )
                await self._catalogue.write(partial(raise_alarm, alarm=alarm, item_id=item.id))
                continue
            renewed = partial(_renewed, item=item, until=locked.locked_until or until, now=now)
            await self._catalogue.write(renewed)

    async def _drop_unfinished(self) -> None:
        """What interrupted writes left in the store: once an hour, and nothing of the last day."""
        now = self._clock.now()
        if self._dropped_at is None or now - self._dropped_at >= _DROPPED_EVERY:
            self._dropped_at = now
            await self._store.sweep_unfinished(now - _UNFINISHED)

    async def _discard_parts(self) -> None:
        """Parts of recordings that are whole by now. The bytes go first: what is left is found again."""
        now = self._clock.now()
        for item_id in await self._catalogue.read(lambda tx: tx.parts.joined(now - PARTS_KEPT, _AT_ONCE)):
            await self._discard(item_id, now)

    async def _tell_holds(self) -> None:
        """The store refuses to remove what it holds, whatever the catalogue says by then."""
        for item in await self._catalogue.read(lambda tx: tx.retention.untold_holds(_RENEWED_AT_ONCE)):
            try:
                # Where nothing lies any more, there is nothing to be held.
                with suppress(NotStored):
                    await self._store.set_hold(item.key, item.held, version=item.version)
                    await self._store.set_hold(manifest_key(item.key), item.held)
            except CustosError as error:
                _log.warning("a hold could not be told to every store, and will be again: %s", error)
                continue
            await self._catalogue.write(partial(_told, item_id=item.id, held=item.held))

    async def _read_back_again(self) -> None:
        """What waits for a copy in a store that did not answer: once a minute it is tried again."""
        now = self._clock.now()
        if self._asked_at is not None and is_live(self._asked_at + _ASKED_EVERY, now, _ASKED_EVERY):
            return
        self._asked_at = now
        waiting = await self._catalogue.read(lambda tx: tx.jobs.waiting(Stage.READ_BACK, _WAITING_AT_ONCE))
        for subject in waiting:
            await self._catalogue.write(partial(_resume, subject=subject, now=now))

    async def _make_entries(self) -> None:
        """Entries of the search that a migration left to be made, a few at a time: others write meanwhile."""
        for _ in range(_ENTRY_BATCHES):
            if not await self._catalogue.read(lambda tx: tx.search.due(1)):
                return
            await self._catalogue.write(lambda tx: catch_up(tx, _ENTRIES))

    async def _count(self) -> None:
        """Items that a migration left to be counted, and days whose gaps have changed."""
        for _ in range(_ENTRY_BATCHES):
            due = await self._catalogue.read(lambda tx: tx.figures.uncounted(_ENTRIES))
            if due:
                await self._catalogue.write(partial(_recount, item_ids=due))
            elif await self._catalogue.read(lambda tx: tx.figures.unsettled()):
                await self._catalogue.write(lambda tx: tx.figures.settle(_ENTRIES))
            else:
                return

    async def _look_at_disposal(self) -> None:
        """Notices and late disposals, once in an hour: neither is a matter of seconds."""
        now = self._clock.now()
        if self._looked_at is not None and is_live(self._looked_at + _DISPOSAL_EVERY, now, _DISPOSAL_EVERY):
            return
        await self._disposal.give_notice()
        await self._disposal.watch()
        self._looked_at = now

    async def _discard(self, item_id: str, now: datetime) -> None:
        def of_parts(tx: Transaction) -> list[Rendition]:
            kinds = {part.kind for part in tx.parts.of_item(item_id)}
            return [one for one in tx.items.renditions(item_id) if one.kind in kinds]

        parts = await self._catalogue.read(of_parts)
        for part in parts:
            await self._store.discard_rendition(part.key)

        def note(tx: Transaction) -> None:
            for part in parts:
                tx.items.drop_rendition(part.id)
                tx.events.append(
                    EventDraft(
                        EventType.RENDITION_DISCARDED,
                        None,
                        now,
                        (Subject("item", item_id),),
                        digests={"sha256": part.sha256},
                        detail={"rendition": part.id, "kind": part.kind},
                    )
                )
            tx.parts.forget(item_id)

        await self._catalogue.write(note)


def _recount(tx: Transaction, item_ids: Sequence[str]) -> None:
    tx.figures.recount(item_ids)


def _told(tx: Transaction, item_id: str, held: bool) -> None:
    tx.retention.told_hold(item_id, held)


def _resume(tx: Transaction, subject: str, now: datetime) -> None:
    tx.jobs.resume(Stage.READ_BACK, subject, now)


def _renewed(tx: Transaction, item: Item, until: datetime, now: datetime) -> None:
    tx.items.set_lock(item.id, until)
    tx.events.append(
        EventDraft(
            EventType.LOCK_RENEWED,
            None,
            now,
            (Subject("item", item.id),),
            digests={"sha256": item.sha256},
            detail={"locked_until": to_text(until)},
        )
    )
