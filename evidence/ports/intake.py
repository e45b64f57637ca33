"""What the catalogue keeps of uploads until they are items, and their receipts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from evidence.items import Intent, Upload, UploadState


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A receipt as issued: compact JWS; `completed` once a read-back stands in it."""

    upload_id: str
    item_id: str
    jws: str
    completed: bool


class Uploads(Protocol):
    """Upload sessions and the intents of their commits."""

    def add(self, upload: Upload) -> None: ...
    def get(self, upload_id: str) -> Upload | None: ...
    def advance(self, upload_id: str, *, offset: int, hash_state: bytes, crc32: int, at: datetime) -> None:
        """Record durable bytes; raises Conflict if the upload is no longer receiving."""
        ...

    def settle(
        self,
        upload_id: str,
        state: UploadState,
        *,
        at: datetime,
        sha256: str | None = None,
        salvaged: str | None = None,
        code: str | None = None,
        message: str | None = None,
        item_id: str | None = None,
    ) -> None:
        """Move to `state`; None leaves a field as it is, but `code`/`message` are always replaced."""
        ...

    def outstanding_bytes(self, staging: str) -> int:
        """Bytes still to come to that staging for every upload that is receiving."""
        ...

    def unit_bytes(self, unit: str) -> int:
        """Bytes committed by the unit plus the declared length of what is on its way in."""
        ...

    def stale(self, before: datetime, staging: str) -> Sequence[Upload]:
        """Uploads of that staging receiving or refused and untouched since `before`."""
        ...

    def complete_unaccepted(self, before: datetime, staging: str) -> Sequence[Upload]:
        """Uploads of that staging whose bytes are all there, not accepted since `before`."""
        ...

    def stagings(self) -> Mapping[str, Mapping[UploadState, int]]:
        """By staging, how many uploads receive, were refused, or are accepted and not committed yet."""
        ...

    def left_on(self, staging: str) -> Sequence[Upload]:
        """Those uploads of one staging."""
        ...

    def release(self, upload_id: str) -> None:
        """Name no staging for the upload any more, nor for its commit: any worker may try that."""
        ...

    def add_intent(self, intent: Intent) -> None: ...
    def intent(self, upload_id: str) -> Intent | None: ...
    def add_receipt(self, receipt: StoredReceipt, at: datetime) -> None: ...
    def receipts(self, upload_id: str) -> Sequence[StoredReceipt]:
        """Oldest first."""
        ...

    def receipts_of_item(self, item_id: str) -> Sequence[StoredReceipt]: ...
