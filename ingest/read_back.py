"""Read back: a worker reads the stored object again and only then may a camera be freed."""

from __future__ import annotations

import hashlib

from evidence.alarms import raise_alarm
from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.events import EventDraft, EventType, Outcome, Subject, event_digest
from evidence.fixity import Digests
from evidence.ids import new_id
from evidence.items import Item
from evidence.manifests import manifest_of
from evidence.ports.catalogue import Alarm, Transaction
from evidence.ports.clock import Clock
from evidence.ports.intake import StoredReceipt
from evidence.ports.objects import NotStored, ObjectStore
from evidence.ports.replicas import Ensured, Replicator
from evidence.ports.signing import Signer
from evidence.ports.work import Lease
from evidence.receipts import encode_receipt
from evidence.replicas import note
from evidence.timekeeping import to_text


class ReadBackStage:
    """`evidence.ports.work.StageWork` for items: re-prove SHA-256, add SHA-512 and SM3."""

    def __init__(
        self, store: ObjectStore, signer: Signer, clock: Clock, copies: Replicator | None = None
    ) -> None:
        self._store = store
        self._copies = copies
        self._signer = signer
        self._clock = clock

    async def run(self, lease: Lease) -> None:
        """Prove the item `lease.job.subject` and complete its receipts; a mismatch is an alarm.

        Where copies are kept in other stores too, as many as are needed are proven first. While one that is
        needed does not answer the job waits, and is asked again by the sweep.
        """
        item = await lease.read(lambda tx: tx.items.get(lease.job.subject))
        if item is None:
            raise StageFailed("no-item", "The item of this read-back is not in the catalogue.", final=True)
        try:
            found = await self._store.read_back(item.key, version=item.version)
        except NotStored:
            found = None
        if found is None or (found.size, found.sha256) != (item.size, item.sha256):
            await self._mismatch(lease, item, found)
        else:
            await self._match(lease, item, found)

    async def _replicated(self, lease: Lease, item: Item) -> Ensured | None:
        """The copies in other stores, on record; None: fewer than needed are proven, and the job waits."""
        assert self._copies is not None
        manifest, known = await lease.read(lambda tx: (manifest_of(tx, item), tx.replicas.of_item(item.id)))
        now = self._clock.now()
        ensured = await self._copies.ensure(item, manifest, known, now, primary=True)
        if 1 + len(ensured.proven) < self._copies.needed:
            await lease.wait(lambda tx: note(tx, item.id, ensured, now))
            return None
        return ensured

    async def _match(self, lease: Lease, item: Item, found: Digests) -> None:
        ensured = Ensured()
        if self._copies is not None:
            replicated = await self._replicated(lease, item)
            if replicated is None:
                return
            ensured = replicated
        now = self._clock.now()
        result: dict[str, Json] = {
            "at": to_text(now),
            "method": found.method,
            "sha256": found.sha256,
            "sha512": found.sha512,
            "sm3": found.sm3,
        }

        def complete(tx: Transaction) -> None:
            tx.items.set_read_back(item.id, result)
            tx.fixity.proven(item.id, now)
            tx.events.append(
                EventDraft(
                    EventType.ITEM_READ_BACK,
                    None,
                    now,
                    (Subject("item", item.id),),
                    digests={"sha256": found.sha256, "sha512": found.sha512, "sm3": found.sm3},
                    detail={"method": found.method, "size": found.size},
                )
            )
            if self._copies is not None:
                note(tx, item.id, ensured, now)
            self._complete_receipts(tx, item, result)

        await lease.finish(complete)

    def _complete_receipts(self, tx: Transaction, item: Item, result: dict[str, Json]) -> None:
        """Every upload that became this item and has a receipt gets the completed one."""
        receipts = tx.uploads.receipts_of_item(item.id)
        done = {receipt.upload_id for receipt in receipts if receipt.completed}
        for receipt in receipts:
            if receipt.upload_id in done:
                continue
            upload = tx.uploads.get(receipt.upload_id)
            intent = tx.uploads.intent(receipt.upload_id)
            assert upload is not None
            assert intent is not None
            event = tx.events.get(intent.event_id)
            current = tx.items.get(item.id)
            assert event is not None
            assert current is not None
            now = self._clock.now()
            payload = encode_receipt(
                current,
                receipt_id=new_id(now),
                upload_id=upload.id,
                submission=upload.submission,
                agent_id=upload.agent_id,
                event_id=intent.event_id,
                event_digest=event_digest(event[0]),
                issued_at=now,
                time_source=self._clock.source(),
                read_back=result,
                completes=hashlib.sha256(receipt.jws.encode()).hexdigest(),
            )
            statement = self._signer.sign_statement(payload)
            tx.uploads.add_receipt(StoredReceipt(upload.id, item.id, statement, completed=True), now)

    async def _mismatch(self, lease: Lease, item: Item, found: Digests | None) -> None:
        now = self._clock.now()
        alarm = Alarm(
            "read-back-mismatch",
            item.id,
            "A stored original is missing or is not the bytes that came in. Keep the card or camera, do not "
            "free it, and look at the store's disk.",
            now,
        )

        def note(tx: Transaction) -> None:
            tx.events.append(
                EventDraft(
                    EventType.ITEM_READ_BACK,
                    None,
                    now,
                    (Subject("item", item.id),),
                    Outcome.FAILURE,
                    {} if found is None else {"sha256": found.sha256},
                    {"expected_sha256": item.sha256, "found": found is not None},
                )
            )
            raise_alarm(tx, alarm, item.id)

        await lease.write(note)
        raise StageFailed("read-back-mismatch", alarm.message, final=True)
