"""A fixity audit of one item: every byte that is kept of it is read again and compared.

The original with its digest; the manifest with the bytes that the catalogue says it was written with; each
rendition with its digest. What is judged is what the catalogue says in the transaction that notes it: what
was replaced, discarded or disposed of while it was read is no finding. An audit that is killed is done
again from its beginning.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from evidence.alarms import raise_alarm
from evidence.canonical import Json
from evidence.errors import Unavailable
from evidence.events import EventDraft, EventType, Outcome, Subject
from evidence.fixity import (
    KINDS,
    MANIFEST,
    ORIGINAL,
    TRIES,
    Audit,
    Expected,
    Finding,
    Looked,
    alarms_of,
    at_once,
    cost,
    judge,
    worst,
)
from evidence.ids import derived_id
from evidence.items import Item
from evidence.jobs import ASIDE, Job, JobState
from evidence.keys import manifest_key
from evidence.manifests import manifest_of
from evidence.ports.catalogue import Alarm, Transaction
from evidence.ports.clock import Clock
from evidence.ports.objects import NotStored, ObjectStore
from evidence.ports.replicas import Ensured, ReplicaCopy, Replicator
from evidence.ports.work import Lease
from evidence.replicas import note

Sleep = Callable[[float], Awaitable[None]]
_MADE_MEANWHILE = (
    "While this item was disposed of an audit put a copy of it into a store again. It is no longer locked: "
    "remove it there by hand."
)
_ENDED = (JobState.DONE, JobState.FAILED)


class FixityStage:
    """`evidence.ports.work.StageWork` and `GivesUp` for items."""

    def __init__(
        self,
        store: ObjectStore,
        clock: Clock,
        bytes_per_second: int,
        sleep: Sleep = asyncio.sleep,
        copies: Replicator | None = None,
    ) -> None:
        self._copies = copies
        self._store = store
        self._clock = clock
        self._rate = bytes_per_second
        self._sleep = sleep

    async def run(self, lease: Lease) -> None:
        """Audit the item `lease.job.subject`; what is found is on record on return.

        Raises Unavailable("disk-failed") where the disk refuses, as long as it may be asked again.
        """
        wanted = await lease.read(partial(_wanted, item_id=lease.job.subject))
        pace = SharedPace(lease, self._clock, self._rate, self._sleep, sum(cost(one.size) for one in wanted))
        looked = [await self._look(one, pace) for one in wanted]
        ensured = None
        if self._copies is not None and wanted:
            ensured = await self._mend(self._copies, lease, looked, pace)
            # What was missing and was put there again from a copy is what it was.
            again = {one.expected for one in looked if one.finding is Finding.MISSING}
            looked = [
                await self._look(one.expected, pace) if one.expected in again else one for one in looked
            ]
        if lease.job.attempts < TRIES and any(one.finding is Finding.UNREADABLE for one in looked):
            raise Unavailable("disk-failed", "The disk refused to read what is kept; it is asked again.")
        await lease.finish(partial(self._note, item_id=lease.job.subject, looked=looked, ensured=ensured))

    def given_up(self, tx: Transaction, job: Job, reason: str) -> None:
        """What could not be audited counts as unreadable, and is looked at again like any finding."""
        now = self._clock.now()
        was = tx.fixity.get(job.subject)
        if was is None:
            return
        tx.events.append(_event(job.subject, now, Outcome.FAILURE, {}, {"reason": reason}))
        alarm = f"What is kept of this recording could not be audited: {reason}"
        raise_alarm(tx, Alarm("fixity-unreadable", job.subject, alarm, now), job.subject)
        tx.fixity.settle(replace(was, seen_at=now, audited_at=now, outcome=Finding.UNREADABLE, asked_at=None))

    async def _look(self, expected: Expected, pace: SharedPace) -> Looked:
        try:
            found = await self._store.read_back(expected.key, pace, version=expected.version)
            covers = 0
            if expected.rendition_id is None:
                covers = await self._store.covers(expected.key, found, pace, version=expected.version)
        except NotStored:
            found, covers = None, 0
        except Unavailable as error:
            if error.code != "disk-failed":
                raise
            return Looked(expected, Finding.UNREADABLE)
        return Looked(expected, judge(expected, found), found, covers)

    async def _mend(
        self, copies: Replicator, lease: Lease, looked: Sequence[Looked], pace: SharedPace
    ) -> Ensured | None:
        """Have every store read again, and what is missing put there from one that is proven."""
        original = next((one for one in looked if one.expected.what == ORIGINAL), None)
        if original is None or original.finding not in (Finding.INTACT, Finding.MISSING):
            # Nothing is put over other bytes, and what could not be read may be whole.
            return None

        def known(tx: Transaction) -> tuple[Item, bytes, Mapping[str, ReplicaCopy]] | None:
            item = tx.items.get(lease.job.subject)
            if item is None or item.disposed_at is not None:
                return None
            return item, manifest_of(tx, item), tx.replicas.of_item(item.id)

        found = await lease.read(known)
        if found is None:
            return None
        item, manifest, proven = found
        is_there = original.finding is Finding.INTACT
        return await copies.ensure(item, manifest, proven, self._clock.now(), primary=is_there, pace=pace)

    def _note(self, tx: Transaction, item_id: str, looked: Sequence[Looked], ensured: Ensured | None) -> None:
        was, now = tx.fixity.get(item_id), self._clock.now()
        if was is None:
            if ensured is not None and ensured.made:
                raise_alarm(tx, Alarm("disposal-left-some", item_id, _MADE_MEANWHILE, now), item_id)
            return
        if ensured is not None:
            note(tx, item_id, ensured, now)
        standing = _wanted(tx, item_id)
        judged = [one for one in looked if one.expected in standing]
        bad = [one for one in judged if one.finding is not Finding.INTACT]
        made_again = self._make_again(tx, was, bad)
        covered = [one for one in judged if one.covers]
        unmended = [one for one in bad if one.expected.what not in made_again]
        cleared = self._alarm(tx, item_id, [*unmended, *(one for one in covered if one not in bad)])
        methods = {one.found.method for one in judged if one.found is not None}
        method = None if not methods else "cached" if "cached" in methods else "direct"
        original = next((one.found for one in judged if one.expected.what == ORIGINAL), None)
        digests = {}
        if original is not None:
            digests = {"sha256": original.sha256, "sha512": original.sha512, "sm3": original.sm3}
        detail: dict[str, Json] = {
            "method": method,
            "objects": len(judged),
            "size": sum(one.found.size for one in judged if one.found is not None),
            "findings": [one.as_json() for one in bad],
            "made_again": list(made_again),
            "cleared": list(cleared),
        }
        if ensured is not None:
            detail["copies"] = {
                "proven": tuple(sorted(one.replica for one in ensured.proven)),
                "made": tuple(sorted(one.copy.replica for one in ensured.made)),
                "away": tuple(sorted(ensured.away)),
                "wrong": tuple(sorted(ensured.wrong)),
                "missing": tuple(sorted(ensured.missing)),
            }
        if covered:
            detail["covered"] = [{"what": one.expected.what, "versions": one.covers} for one in covered]
        outcome = Outcome.FAILURE if bad else Outcome.SUCCESS
        tx.events.append(_event(item_id, now, outcome, digests, detail))
        tx.fixity.settle(
            Audit(
                item_id,
                seen_at=now,
                proven_at=was.proven_at if bad else now,
                audited_at=now,
                method=method,
                outcome=worst(one.finding for one in bad),
                failing=tuple(one.expected.what for one in bad),
                # What is made again is looked at once it is made.
                asked_at=now if made_again else None,
            )
        )

    def _make_again(self, tx: Transaction, was: Audit, bad: Sequence[Looked]) -> Sequence[str]:
        """Queue the jobs that made what was damaged, once: what is damaged again is a person's affair."""
        damaged = {
            one.expected.rendition_id: one.expected.what
            for one in bad
            if one.expected.rendition_id is not None and one.expected.what not in was.failing
        }
        if not damaged or any(one.expected.what == ORIGINAL for one in bad):
            # Nothing is made of an original that is not what it was.
            return ()
        again = []
        for job in tx.fixity.makers(was.item_id):
            made = [kind for one, kind in damaged.items() if derived_id(job.id, kind) == one]
            if made and job.state is JobState.DONE:
                tx.jobs.add(job.stage, job.subject, job.unit, self._clock.now(), again=True)
                again += made
        return sorted(again)

    def _alarm(self, tx: Transaction, item_id: str, bad: Sequence[Looked]) -> Sequence[str]:
        """Raise what is wrong now and clear what is not any more; the kinds that were cleared."""
        now = self._clock.now()
        wrong = alarms_of(bad)
        stood = {
            one.kind: one.message
            for one in tx.oversight.alarms()
            if one.subject == item_id and one.kind in KINDS
        }
        for kind in stood:
            if wrong.get(kind) != stood[kind]:
                tx.oversight.clear_alarm(kind, item_id, now)
        for kind, message in wrong.items():
            raise_alarm(tx, Alarm(kind, item_id, message, now), item_id)
        return sorted(stood.keys() - wrong.keys())


class SharedPace:
    """Asked before each piece is read: waits until all processes together have budget for it."""

    def __init__(self, lease: Lease, clock: Clock, rate: int, sleep: Sleep, total: int) -> None:
        self._lease = lease
        self._clock = clock
        self._rate = rate
        self._sleep = sleep
        self._total = total
        self._read = 0
        self._granted = 0

    async def __call__(self, length: int) -> None:
        """Let `length` bytes be read; raises LeaseLost."""
        if self._granted < length:
            amount = max(length, at_once(self._rate, self._total - self._read))
            now = self._clock.now()
            begins = await self._lease.write(lambda tx: tx.fixity.allot(amount, self._rate, now))
            self._granted += amount
            await self._sleep((begins - now).total_seconds())
        self._granted -= length
        self._read += length
        self._lease.progress(min(self._read * 1000 // max(self._total, 1), 999))


def _event(
    item_id: str, now: datetime, outcome: Outcome, digests: Mapping[str, str], detail: Mapping[str, Json]
) -> EventDraft:
    subjects = (Subject("item", item_id),)
    return EventDraft(EventType.ITEM_AUDITED, None, now, subjects, outcome, digests, detail)


def _wanted(tx: Transaction, item_id: str) -> Sequence[Expected]:
    """What has to lie in the store of the item, as the catalogue says; nothing of what was disposed of.

    Without parts, which go once they are joined, and without renditions while work on the item goes on.
    """
    item = tx.items.get(item_id)
    if item is None or item.disposed_at is not None:
        return ()
    expected = [
        Expected(ORIGINAL, item.key, item.size, item.sha256, version=item.version),
        _manifest(tx, item),
    ]
    if any(job.state not in _ENDED and job.stage not in ASIDE for job in tx.fixity.makers(item_id)):
        return expected
    passing = {part.kind for part in tx.parts.of_item(item_id)}
    return expected + [
        Expected(one.kind, one.key, one.size, one.sha256, one.id)
        for one in tx.items.renditions(item_id)
        if one.kind not in passing
    ]


def _manifest(tx: Transaction, item: Item) -> Expected:
    manifest = manifest_of(tx, item)
    return Expected(MANIFEST, manifest_key(item.key), len(manifest), hashlib.sha256(manifest).hexdigest())
