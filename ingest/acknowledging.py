"""The receipt of an upload whose recording is kept."""

from __future__ import annotations

from evidence.events import event_digest
from evidence.ids import new_id
from evidence.items import Item, Upload, UploadState
from evidence.jobs import Stage
from evidence.ports.catalogue import Transaction
from evidence.ports.clock import Clock
from evidence.ports.intake import StoredReceipt
from evidence.ports.signing import Signer
from evidence.receipts import encode_receipt


def acknowledge(
    tx: Transaction, signer: Signer, clock: Clock, upload: Upload, item: Item, event_id: str, event: bytes
) -> None:
    """Give the receipt, settle the upload, and have the stored copy read back; with the transaction."""
    now = clock.now()
    payload = encode_receipt(
        item,
        receipt_id=new_id(now),
        upload_id=upload.id,
        submission=upload.submission,
        agent_id=upload.agent_id,
        event_id=event_id,
        event_digest=event_digest(event),
        issued_at=now,
        time_source=clock.source(),
    )
    statement = signer.sign_statement(payload)
    tx.uploads.add_receipt(StoredReceipt(upload.id, item.id, statement, completed=False), now)
    tx.uploads.settle(upload.id, UploadState.COMMITTED, at=now, item_id=item.id)
    # The receipt comes first, so that the read-back finds it and completes it.
    tx.jobs.add(Stage.READ_BACK, item.id, item.unit, now, again=True)
