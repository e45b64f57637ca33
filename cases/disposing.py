"""Carrying out a disposal: a process of its own, by which alone an original ever goes.

Order, and why:

1. *Trusted time.* An authority signs the time over the proposal. Without it nothing begins: a clock that was
   set forward must end nothing.
2. *Tombstones.* For each item one transaction judges everything again, by that time and by the store's own
   lock, and writes the tombstone with its event. It is the moment of disposal: a hold placed before it wins,
   from then on every read says "disposed". It comes before the bytes go, so that there is no moment in
   which somebody is promised bytes that are gone, and so that a crash leaves a row that says what to do.
3. *Bytes.* What was made of the item first, its original next, its manifest last: while anything is left,
   what says what it was is left too.
4. *A look* at every place where something of it could lie.
5. *The certificate*, fixed in the catalogue before it is put into the store, so that a crash in between
   leads to the same bytes; then the proposal is carried out.

Each step may be repeated; a crash anywhere is finished by the next run, with one certificate.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evidence.certificates import encode_certificate
from evidence.clips import clip_kind
from evidence.disposal import (
    CERTIFICATE_LOCK,
    CLOCKS_AGREE,
    PASSING,
    CopyOut,
    Fate,
    Outcome,
    Proposal,
    ProposalState,
    Tombstone,
    TrustedTime,
    time_statement,
)
from evidence.errors import Conflict, Unavailable
from evidence.events import EventDraft, EventType, Subject, event_digest
from evidence.fates import fates
from evidence.ids import derived_id
from evidence.items import Item
from evidence.keys import certificate_key, is_key, manifest_key
from evidence.ports.catalogue import Catalogue, HistoryEntry, Transaction
from evidence.ports.clock import Clock
from evidence.ports.copies import FingerprintIndex
from evidence.ports.disposal import Disposer, TrustedClock
from evidence.ports.objects import ObjectStore
from evidence.ports.signing import Signer

_EVERY_EVENT = 1 << 40


@dataclass(frozen=True, slots=True)
class Carried:
    """How far a run came. `postponed`: items that wait, each with why; done once there are none."""

    proposal: Proposal
    disposed: int
    spared: int
    postponed: Mapping[str, Fate]

    @property
    def done(self) -> bool:
        """Whether there is a certificate now."""
        return not self.postponed


class Disposing:
    """The use case of `custos dispose`; one process at a time."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: ObjectStore,
        disposer: Disposer,
        index: FingerprintIndex,
        trusted: TrustedClock,
        signer: Signer,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._disposer = disposer
        self._index = index
        self._trusted = trusted
        self._signer = signer
        self._clock = clock

    async def waiting(self) -> Sequence[Proposal]:
        """What is approved and not carried out, oldest first."""
        return await self._catalogue.read(lambda tx: tx.disposals.open())

    async def carry_out(self, proposal_id: str) -> Carried:
        """Carry the proposal out as far as it goes now; see the module's docstring. Durable on return.

        Raises Conflict("not-approved"), Unavailable("no-trusted-time"), Unavailable("clock-disagrees"),
        Unavailable("something-left"), Unavailable("foreign-object").
        """
        proposal = await self._catalogue.read(lambda tx: tx.disposals.get(proposal_id))
        if proposal is None or proposal.state is not ProposalState.APPROVED:
            raise Conflict("not-approved", "No disposal of that name was approved and waits.")
        postponed = await self._bury(proposal)
        outcomes = await self._catalogue.read(lambda tx: tx.disposals.outcomes(proposal_id))
        gone = [one.tombstone for one in outcomes if one.tombstone is not None]
        for tombstone in gone:
            await self._remove(tombstone)
        checked_at = self._clock.now()
        if not postponed:
            proposal = await self._certify(proposal, checked_at)
        spared = sum(one.spared is not None for one in outcomes)
        return Carried(proposal, len(gone), spared, postponed)

    async def _bury(self, proposal: Proposal) -> Mapping[str, Fate]:
        """Steps 1 and 2; the items that wait, each with why."""
        outcomes = await self._catalogue.read(lambda tx: tx.disposals.outcomes(proposal.id))
        left = [one.item_id for one in outcomes if one.tombstone is None and one.spared is None]
        known = {one.id for one in await self._catalogue.read(lambda tx: tx.disposals.times(proposal.id))}
        # A catalogue that was rebuilt can know that an item went, and have lost the token of when.
        untimed = [one.tombstone for one in outcomes if one.tombstone and one.tombstone.time_id not in known]
        if not left and not untimed:
            return {}
        time = await self._trusted.stamp(time_statement(proposal.id, proposal.items))
        if abs(time.at - self._clock.now()) > CLOCKS_AGREE:
            raise Unavailable(
                "clock-disagrees",
                "Trusted time and this machine's clock are more than five minutes apart. Put the clock right "
                "first: nothing is disposed of by a clock that is wrong.",
            )

        def note(tx: Transaction) -> None:
            tx.disposals.add_time(proposal.id, time)
            for one in untimed:
                tx.disposals.bury(proposal.id, replace(one, at=time.at, time_id=time.id))

        await self._catalogue.write(note)
        found = {item_id: await self._bury_item(proposal.id, item_id, time) for item_id in left}
        return {item_id: fate for item_id, fate in found.items() if fate in PASSING}

    async def _bury_item(self, proposal_id: str, item_id: str, time: TrustedTime) -> Fate:
        item = await self._catalogue.read(lambda tx: tx.items.get(item_id))
        assert item is not None
        cut = await self._catalogue.read(lambda tx: [*_clips_elsewhere(tx, item), *_exported(tx, item)])
        keys = _in_order(item, {*await self._keys(item), *cut})
        lock = await self._disposer.locked_until(item)
        locks = {} if lock is None else {item_id: lock}
        held = await self._disposer.is_held(item)

        def put(tx: Transaction) -> Fate:
            proposal, now = tx.disposals.get(proposal_id), tx.items.get(item_id)
            assert now is not None
            if proposal is None or proposal.state is not ProposalState.APPROVED:
                raise Conflict("not-approved", "This disposal was refused meanwhile.")
            fate = fates(tx, [now], time.at, in_proposal=True, locks=locks)[item_id]
            if fate is Fate.DUE and held:
                # Lifted a moment ago: the sweep has yet to tell the store.
                return Fate.BUSY
            if fate is Fate.DUE:
                _bury(tx, proposal, now, keys, time, self._clock.now())
            elif fate not in PASSING:
                tx.disposals.spare(proposal_id, item_id, fate)
                subjects = (Subject("item", item_id), Subject("disposal", proposal_id))
                detail = {"fate": fate.value}
                at = self._clock.now()
                tx.events.append(EventDraft(EventType.ITEM_SPARED, None, at, subjects, detail=detail))
            return fate

        return await self._catalogue.write(put)

    async def _keys(self, item: Item) -> Sequence[str]:
        found = await self._disposer.keys_of(item)
        if not all(map(is_key, found)):
            raise Unavailable(
                "foreign-object",
                f"Among what the store has of item {item.id} lies something that Custos did not put there. "
                "Look at it and take it away; then run this again.",
            )
        return found

    async def _remove(self, tombstone: Tombstone) -> None:
        """Steps 3 and 4. The lock has to have ended before the time under which the item went."""
        item = await self._catalogue.read(lambda tx: tx.items.get(tombstone.item_id))
        assert item is not None
        there = await self._keys(item)
        for key in _in_order(item, {*tombstone.keys, *there}):
            await self._disposer.dispose(key, tombstone.at)
        await self._index.drop(item.id)
        if await self._disposer.keys_of(item):
            raise Unavailable(
                "something-left",
                "Something of an item that was disposed of still lies in the store. Run this again; if it "
                "goes on, look at the server's log.",
            )

    async def _certify(self, proposal: Proposal, checked_at: datetime) -> Proposal:
        """Step 5."""
        now = self._clock.now()

        def fix(tx: Transaction) -> Proposal:
            standing = tx.disposals.get(proposal.id)
            assert standing is not None
            if standing.certificate is not None:
                return standing
            outcomes = tx.disposals.outcomes(proposal.id)
            gone = [one.item_id for one in outcomes if one.tombstone is not None]
            payload = encode_certificate(
                standing,
                outcomes,
                _used(tx.disposals.times(proposal.id), outcomes),
                {item_id: _copies(tx.events.history(item_id, _EVERY_EVENT)) for item_id in gone},
                certificate_id=derived_id(proposal.id, "certificate"),
                checked_at=checked_at,
                issued_at=now,
                time_source=self._clock.source(),
            )
            fixed = replace(standing, certificate=self._signer.sign_statement(payload))
            tx.disposals.settle(fixed)
            return fixed

        fixed = await self._catalogue.write(fix)
        assert fixed.certificate is not None
        data = fixed.certificate.encode()
        times = await self._catalogue.read(lambda tx: tx.disposals.times(proposal.id))
        locked_until = times[-1].at + CERTIFICATE_LOCK
        await self._store.put(certificate_key(proposal.id), data, locked_until=locked_until)
        after = replace(fixed, state=ProposalState.CARRIED_OUT, finished_at=now)

        def finish(tx: Transaction) -> None:
            tx.disposals.settle(after)
            tx.oversight.clear_alarm("disposal-not-carried-out", proposal.id, now)
            tx.events.append(
                EventDraft(
                    EventType.DISPOSAL_CERTIFIED,
                    None,
                    now,
                    (Subject("disposal", proposal.id),),
                    digests={"sha256": hashlib.sha256(data).hexdigest()},
                    detail={"key": certificate_key(proposal.id)},
                )
            )

        await self._catalogue.write(finish)
        return after


def _bury(
    tx: Transaction, proposal: Proposal, item: Item, keys: Sequence[str], time: TrustedTime, now: datetime
) -> None:
    schedule = tx.retention.in_force()
    assert schedule is not None
    event = tx.events.append(
        EventDraft(
            EventType.ITEM_DISPOSED,
            None,
            now,
            (Subject("item", item.id), Subject("disposal", proposal.id)),
            digests={"sha256": item.sha256},
            detail={"schedule": schedule.version, "keys": list(keys), "authority": time.authority},
        )
    )
    tombstone = Tombstone(
        item.id, item.sha256, item.size, schedule.version, tuple(keys), time.at, time.id, event.id,
        event_digest(event.data),
    )  # fmt: skip
    tx.disposals.bury(proposal.id, tombstone)


def _clips_elsewhere(tx: Transaction, item: Item) -> Sequence[str]:
    """Where clips lie that show something of the item and are kept with another one."""
    found = [
        tx.items.rendition(clip.item_id, clip_kind(clip.id))
        for clip in tx.clips.on([item.id])
        if clip.item_id != item.id
    ]
    return [one.key for one in found if one is not None]


def _exported(tx: Transaction, item: Item) -> Sequence[str]:
    """Where the files of exports lie that tell of the item."""
    found = [one.made for one in tx.exports.with_items([item.id]) if one.made is not None]
    return [key for made in found for key in made.keys]


def _used(times: Sequence[TrustedTime], outcomes: Sequence[Outcome]) -> Sequence[TrustedTime]:
    """Those under which something went; if nothing did, the last one, by which it was judged."""
    used = {one.tombstone.time_id for one in outcomes if one.tombstone is not None}
    return [one for one in times if one.id in used] or times[-1:]


def _in_order(item: Item, keys: Sequence[str] | set[str]) -> list[str]:
    """Renditions, then the original, then the manifest."""
    last = {item.key: 1, manifest_key(item.key): 2}
    return sorted(keys, key=lambda key: (last.get(key, 0), key))


def _copies(entries: Sequence[HistoryEntry]) -> list[CopyOut]:
    """What was sent of the original, of clips and exports, and exported lists with a row about the item."""
    found = []
    clips, exports = set[str](), set[str]()
    for entry in entries:
        event = json.loads(entry.data)
        said = {} if entry.detail is None else json.loads(entry.detail)
        known = {"original": "original", **dict.fromkeys(clips, "clip"), **dict.fromkeys(exports, "export")}
        kind = known.get(said.get("content", "original"))
        if event["type"] == EventType.LIST_EXPORTED:
            found.append(CopyOut(event["id"], event["agent"], "list", None))
        elif event["type"] == EventType.VIEWING_CLOSED and kind is not None:
            found.append(CopyOut(event["id"], event["agent"], kind, said.get("bytes")))
        elif any(subject["kind"] == "clip" for subject in event["subjects"]):
            # That it was asked for, or made: only then has it a rendition.
            clips.add(str(said.get("rendition")))
        else:
            exports.update(subject["id"] for subject in event["subjects"] if subject["kind"] == "export")
    return found
