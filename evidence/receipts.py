"""What a receipt states, version 1 (docs/formats/receipt.md). Signing it is `custody.receipts`' job."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime

from evidence.canonical import Json, canonical
from evidence.items import Item, Submission
from evidence.timekeeping import to_text

RECEIPT_VERSION = "custos/receipt/1"
RECEIPT_PROOF_VERSION = "custos/receipt-proof/1"


def payload_of(statement: str) -> dict[str, Json]:
    """What a statement of ours (compact JWS) says; its signature is not looked at."""
    payload = statement.split(".")[1]
    said: dict[str, Json] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return said


def event_of(receipt: str) -> str:
    """The event that a receipt of ours is about; its signature is not looked at."""
    return str(payload_of(receipt)["event"])


def encode_receipt(
    item: Item,
    *,
    receipt_id: str,
    upload_id: str,
    submission: Submission,
    agent_id: str,
    event_id: str,
    event_digest: str,
    issued_at: datetime,
    time_source: str,
    read_back: Mapping[str, Json] | None = None,
    completes: str | None = None,
) -> bytes:
    """The canonical payload of a receipt; `submission` is this upload's, not the item's first one.

    `completes` is the SHA-256 of the receipt that this one completes (hex over its compact JWS), None
    for the first. `digest_compared` says whether the submitter named a digest that was compared.
    """
    return canonical(
        {
            "v": RECEIPT_VERSION,
            "id": receipt_id,
            "upload": upload_id,
            "item": item.id,
            "name": submission.filename,
            "size": item.size,
            "digests": {"sha256": item.sha256, "crc32": f"{item.crc32:08x}"},
            "digest_compared": submission.sha256 is not None and item.salvaged is None,
            "salvaged": item.salvaged,
            "device": submission.device,
            "agent": agent_id,
            "medium": submission.medium,
            "method": submission.method,
            "event": event_id,
            "event_digest": event_digest,
            "locked_until": to_text(item.locked_until),
            "issued_at": to_text(issued_at),
            "time_source": time_source,
            "read_back": read_back,
            "completes": completes,
        }
    )
