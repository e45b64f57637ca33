"""The commit of an accepted upload: a job of which every step may be repeated.

1. intent row: item, event, key and locks are fixed, so that a retry makes no second locked orphan;
2. bytes into the store, create-only, with a short first lock;
3. one transaction: item row, ingestion event, follow-on jobs;
4. manifest beside the original, the event verbatim inside; the lock extended;
5. one transaction: lock noted and on record, receipt, upload committed, job done.

Bytes before row: an orphan object can be reconciled, a row without bytes can not. The receipt is the last
step: whoever holds one can rely on all the others.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from evidence.agents import Role
from evidence.alarms import raise_alarm
from evidence.content import HEAD_BYTES, judge
from evidence.errors import StageFailed
from evidence.events import EventDraft, EventType, Outcome, SealedEvent, Subject, event_digest
from evidence.ids import new_id
from evidence.items import Intent, Item, Upload, UploadState
from evidence.jobs import Stage
from evidence.keeping import reckon
from evidence.keys import manifest_key, original_key
from evidence.linking import link_as_submitted
from evidence.manifests import encode_manifest
from evidence.ports.catalogue import Alarm, Transaction
from evidence.ports.clock import Clock
from evidence.ports.intake import StoredReceipt
from evidence.ports.objects import NotStored, ObjectStat, ObjectStore, Staging
from evidence.ports.signing import Signer
from evidence.ports.work import Lease
from evidence.projection import refresh
from evidence.receipts import encode_receipt
from evidence.retention import first_lock
from evidence.schedules import keep, lock_for
from evidence.timekeeping import to_text


class CommitStage:
    """`evidence.ports.work.StageWork` for uploads."""

    def __init__(self, store: ObjectStore, staging: Staging, signer: Signer, clock: Clock) -> None:
        self._store = store
        self._staging = staging
        self._signer = signer
        self._clock = clock

    async def run(self, lease: Lease) -> None:
        """Commit the upload `lease.job.subject`; see the module's docstring."""
        upload_id = lease.job.subject
        upload = await lease.read(lambda tx: tx.uploads.get(upload_id))
        if upload is None or upload.sha256 is None:
            raise StageFailed("no-upload", "The upload of this commit is not in the catalogue.", final=True)
        intent = await lease.read(lambda tx: tx.uploads.intent(upload_id))
        if intent is None:
            intent = await self._intend(lease, upload, upload.sha256)
        if intent.resubmission:
            await self._resubmit(lease, upload, intent)
        else:
            await self._commit(lease, upload, intent)

    async def _intend(self, lease: Lease, upload: Upload, sha256: str) -> Intent:
        content = judge(await asyncio.to_thread(_head, self._staging.path(upload.id)))
        known = await self._proven_copy(lease, upload, sha256)
        now = self._clock.now()
        item_id = new_id(now) if known is None else known.id
        schedule = await lease.read(lambda tx: tx.retention.in_force())
        kept = keep(schedule, upload.submission.category, now, ())
        intent = Intent(
            upload_id=upload.id,
            item_id=item_id,
            event_id=new_id(now),
            key=original_key(item_id, sha256, now) if known is None else known.key,
            sha256=sha256,
            at=now,
            first_lock=first_lock(now),
            full_lock=lock_for(now, kept.until),
            kind=content.kind,
            media_type=content.media_type,
            resubmission=known is not None,
        )
        await lease.write(lambda tx: tx.uploads.add_intent(intent))
        return intent

    async def _proven_copy(self, lease: Lease, upload: Upload, sha256: str) -> Item | None:
        """The item that these bytes already are, if its stored copy proves it; else an alarm and None."""
        device = upload.submission.device
        if device is None or upload.length == 0 or upload.salvaged is not None:
            return None
        known = await lease.read(
            lambda tx: tx.items.same_acquisition(unit=upload.unit, device=device, sha256=sha256)
        )
        if known is None:
            return None
        try:
            found = await self._store.read_back(known.key, version=known.version)
        except NotStored:
            found = None
        if found is not None and found.sha256 == sha256 and found.size == upload.length:
            return known
        alarm = Alarm(
            "stored-copy-wrong",
            known.id,
            "A recording was sent again and its stored copy did not prove to be the same bytes. The new copy "
            "was kept as an item of its own; look at the store's disk.",
            self._clock.now(),
        )
        await lease.write(lambda tx: raise_alarm(tx, alarm, known.id))
        return None

    async def _commit(self, lease: Lease, upload: Upload, intent: Intent) -> None:
        stored = await self._store.commit(
            intent.key,
            self._staging.path(upload.id),
            size=upload.length,
            sha256=intent.sha256,
            locked_until=intent.first_lock,
        )
        item = await lease.write(lambda tx: self._register(tx, upload, intent, stored))
        event = await lease.read(lambda tx: tx.events.get(intent.event_id))
        assert event is not None
        data, salt, detail = event
        manifest = encode_manifest(item, intent, data=data, salt=salt, detail=detail)
        await self._store.put(manifest_key(intent.key), manifest, locked_until=intent.full_lock)
        locked = await self._store.extend_lock(intent.key, intent.full_lock, version=item.version)
        until = locked.locked_until or intent.first_lock
        now = self._clock.now()

        def complete(tx: Transaction) -> None:
            tx.items.set_lock(item.id, until)
            tx.events.append(
                EventDraft(
                    EventType.ITEM_LOCKED,
                    None,
                    now,
                    (Subject("item", item.id),),
                    digests={"sha256": item.sha256},
                    detail={"locked_until": to_text(until)},
                )
            )
            current = tx.items.get(item.id)
            assert current is not None
            self._acknowledge(tx, upload, current, intent.event_id, data)

        await lease.finish(complete)

    def _register(self, tx: Transaction, upload: Upload, intent: Intent, stored: ObjectStat) -> Item:
        known = tx.items.get(intent.item_id)
        if known is not None:
            return known
        now = self._clock.now()
        item = Item(
            id=intent.item_id,
            upload_id=upload.id,
            unit=upload.unit,
            agent_id=upload.agent_id,
            submission=upload.submission,
            kind=intent.kind,
            media_type=intent.media_type,
            size=upload.length,
            sha256=intent.sha256,
            crc32=upload.crc32,
            key=intent.key,
            committed_at=now,
            locked_until=intent.first_lock,
            salvaged=upload.salvaged,
            version=stored.version,
            officer_id=_officer(tx, upload),
        )
        tx.items.add(item)
        tx.events.append(
            EventDraft(
                EventType.ITEM_INGESTED,
                upload.agent_id,
                now,
                (Subject("item", item.id), Subject("upload", upload.id)),
                digests={"sha256": item.sha256},
                detail={
                    "key": item.key,
                    "size": item.size,
                    "salvaged": item.salvaged,
                    "submitted": item.submission.as_json(),
                },
                id=intent.event_id,
            )
        )
        reckon(tx, [item], now)
        link_as_submitted(tx, item, now)
        tx.jobs.add(Stage.DESCRIBE, item.id, item.unit, now)
        refresh(tx, item.id)
        return item

    async def _resubmit(self, lease: Lease, upload: Upload, intent: Intent) -> None:
        await lease.read(lambda tx: _still_kept(tx, intent))
        # The intent stands, so a retry never asks for these bytes again.
        await asyncio.to_thread(self._staging.discard, upload.id)
        now = self._clock.now()

        def complete(tx: Transaction) -> None:
            item = _still_kept(tx, intent)
            event: SealedEvent = tx.events.append(
                EventDraft(
                    EventType.ITEM_RESUBMITTED,
                    upload.agent_id,
                    now,
                    (Subject("item", item.id), Subject("upload", upload.id)),
                    Outcome.SUCCESS,
                    {"sha256": intent.sha256},
                    {"submitted": upload.submission.as_json()},
                    id=intent.event_id,
                )
            )
            self._acknowledge(tx, upload, item, intent.event_id, event.data)

        await lease.finish(complete)

    def _acknowledge(self, tx: Transaction, upload: Upload, item: Item, event_id: str, event: bytes) -> None:
        now = self._clock.now()
        payload = encode_receipt(
            item,
            receipt_id=new_id(now),
            upload_id=upload.id,
            submission=upload.submission,
            agent_id=upload.agent_id,
            event_id=event_id,
            event_digest=event_digest(event),
            issued_at=now,
            time_source=self._clock.source(),
        )
        statement = self._signer.sign_statement(payload)
        tx.uploads.add_receipt(StoredReceipt(upload.id, item.id, statement, completed=False), now)
        tx.uploads.settle(upload.id, UploadState.COMMITTED, at=now, item_id=item.id)
        # The receipt comes first, so that the read-back finds it and completes it.
        tx.jobs.add(Stage.READ_BACK, item.id, item.unit, now, again=True)


def _still_kept(tx: Transaction, intent: Intent) -> Item:
    """The item that was sent again; whoever sent it still has the bytes, as no receipt was given."""
    item = tx.items.get(intent.item_id)
    assert item is not None
    if item.disposed_at is not None:
        raise StageFailed(
            "disposed",
            "The item that these bytes were kept as was disposed of meanwhile. Send the file again.",
            final=True,
        )
    return item


def _officer(tx: Transaction, upload: Upload) -> str | None:
    """The officer whose user name a station gives, of its unit or of one below it; None for all else."""
    sender = tx.agents.get(upload.agent_id)
    if sender is None or sender.role is not Role.STATION or not upload.submission.officer:
        return None
    found = tx.agents.by_username(upload.submission.officer.strip())
    if found is None or found[0].role is not Role.OFFICER:
        return None
    officer = found[0]
    is_of_unit = upload.unit in (officer.unit, *tx.units.above(officer.unit))
    return officer.id if is_of_unit else None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise StageFailed(
            "staged-missing",
            "The accepted bytes are no longer on the staging disk. Send the file again from the card.",
            final=True,
        ) from error
