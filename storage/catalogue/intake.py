"""Upload sessions, intents and receipts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from evidence.errors import Conflict
from evidence.items import Intent, Upload, UploadState
from evidence.ports.intake import StoredReceipt
from evidence.timekeeping import to_micros
from storage.catalogue import codec
from storage.catalogue.tables import intents, items, jobs, receipts, uploads

_LIES = (UploadState.RECEIVING.value, UploadState.REFUSED.value, UploadState.ACCEPTED.value)


class SqlUploads:
    """`evidence.ports.catalogue.Uploads` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, upload: Upload) -> None:
        """Insert a new session."""
        self._connection.execute(
            insert(uploads).values(
                id=upload.id,
                agent_id=upload.agent_id,
                unit=upload.unit,
                length=upload.length,
                offset=upload.offset,
                state=upload.state.value,
                submission=codec.dump(upload.submission.as_json()),
                hash_state=upload.hash_state,
                crc32=upload.crc32,
                created_at=to_micros(upload.created_at),
                touched_at=to_micros(upload.touched_at),
                staging=upload.staging,
            )
        )

    def get(self, upload_id: str) -> Upload | None:
        """The session of that identifier."""
        row = self._connection.execute(select(uploads).where(uploads.c.id == upload_id)).mappings().first()
        return None if row is None else codec.upload(row)

    def advance(self, upload_id: str, *, offset: int, hash_state: bytes, crc32: int, at: datetime) -> None:
        """Record durable bytes."""
        result = self._connection.execute(
            update(uploads)
            .where(uploads.c.id == upload_id, uploads.c.state == UploadState.RECEIVING.value)
            .values(offset=offset, hash_state=hash_state, crc32=crc32, touched_at=to_micros(at))
        )
        if result.rowcount != 1:
            raise Conflict("upload-ended", "This upload has ended; start a new one.")

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
        """Move to another state."""
        given = {"sha256": sha256, "salvaged": salvaged, "item_id": item_id}
        self._connection.execute(
            update(uploads)
            .where(uploads.c.id == upload_id)
            .values(
                state=state.value,
                touched_at=to_micros(at),
                code=code,
                message=message,
                **{name: value for name, value in given.items() if value is not None},
            )
        )

    def outstanding_bytes(self, staging: str) -> int:
        """Bytes still to come to that staging."""
        return int(
            self._connection.execute(
                select(func.coalesce(func.sum(uploads.c.length - uploads.c.offset), 0)).where(
                    uploads.c.state == UploadState.RECEIVING.value, _is_on(staging)
                )
            ).scalar_one()
        )

    def unit_bytes(self, unit: str) -> int:
        """Bytes kept for the unit and on their way in."""
        kept = select(func.coalesce(func.sum(items.c.size), 0)).where(items.c.unit == unit)
        coming = select(func.coalesce(func.sum(uploads.c.length), 0)).where(
            uploads.c.unit == unit,
            uploads.c.state.in_(
                [
                    UploadState.RECEIVING.value,
                    UploadState.ACCEPTED.value,
                    UploadState.REFUSED.value,
                ]
            ),
        )
        return int(self._connection.execute(kept).scalar_one()) + int(
            self._connection.execute(coming).scalar_one()
        )

    def stale(self, before: datetime, staging: str) -> Sequence[Upload]:
        """Sessions that nobody continued."""
        rows = self._connection.execute(
            select(uploads).where(
                uploads.c.state.in_([UploadState.RECEIVING.value, UploadState.REFUSED.value]),
                uploads.c.touched_at < to_micros(before),
                _is_on(staging),
            )
        ).mappings()
        return [codec.upload(row) for row in rows]

    def complete_unaccepted(self, before: datetime, staging: str) -> Sequence[Upload]:
        """Complete, still receiving, untouched since `before`."""
        rows = self._connection.execute(
            select(uploads).where(
                uploads.c.state == UploadState.RECEIVING.value,
                uploads.c.offset == uploads.c.length,
                uploads.c.touched_at < to_micros(before),
                _is_on(staging),
            )
        ).mappings()
        return [codec.upload(row) for row in rows]

    def stagings(self) -> Mapping[str, Mapping[UploadState, int]]:
        """How many uploads each staging has."""
        rows = self._connection.execute(
            select(uploads.c.staging, uploads.c.state, func.count())
            .where(uploads.c.state.in_(_LIES), uploads.c.staging.is_not(None))
            .group_by(uploads.c.staging, uploads.c.state)
        )
        found: dict[str, dict[UploadState, int]] = {}
        for staging, state, count in rows:
            found.setdefault(staging, {})[UploadState(state)] = count
        return found

    def left_on(self, staging: str) -> Sequence[Upload]:
        """What has not become an item yet."""
        rows = self._connection.execute(
            select(uploads).where(uploads.c.state.in_(_LIES), uploads.c.staging == staging)
        ).mappings()
        return [codec.upload(row) for row in rows]

    def release(self, upload_id: str) -> None:
        """Name no staging any more."""
        self._connection.execute(update(uploads).where(uploads.c.id == upload_id).values(staging=None))
        self._connection.execute(
            update(jobs).where(jobs.c.subject == upload_id).values(staging=None, rung_at=None)
        )

    def add_intent(self, intent: Intent) -> None:
        """Fix what a commit is going to do."""
        self._connection.execute(
            insert(intents).values(
                upload_id=intent.upload_id,
                item_id=intent.item_id,
                event_id=intent.event_id,
                key=intent.key,
                sha256=intent.sha256,
                at=to_micros(intent.at),
                first_lock=to_micros(intent.first_lock),
                full_lock=to_micros(intent.full_lock),
                resubmission=intent.resubmission,
                kind=intent.kind,
                media_type=intent.media_type,
            )
        )

    def intent(self, upload_id: str) -> Intent | None:
        """The intent of that upload's commit."""
        row = (
            self._connection.execute(select(intents).where(intents.c.upload_id == upload_id))
            .mappings()
            .first()
        )
        return None if row is None else codec.intent(row)

    def add_receipt(self, receipt: StoredReceipt, at: datetime) -> None:
        """Keep a receipt as issued."""
        self._connection.execute(
            insert(receipts).values(
                upload_id=receipt.upload_id,
                item_id=receipt.item_id,
                jws=receipt.jws,
                completed=receipt.completed,
                created_at=to_micros(at),
            )
        )

    def receipts(self, upload_id: str) -> Sequence[StoredReceipt]:
        """Receipts of one upload, oldest first."""
        rows = self._connection.execute(
            select(receipts).where(receipts.c.upload_id == upload_id).order_by(receipts.c.seq)
        ).mappings()
        return [codec.receipt(row) for row in rows]

    def receipts_of_item(self, item_id: str) -> Sequence[StoredReceipt]:
        """Receipts of every upload that became this item, oldest first."""
        rows = self._connection.execute(
            select(receipts).where(receipts.c.item_id == item_id).order_by(receipts.c.seq)
        ).mappings()
        return [codec.receipt(row) for row in rows]


def _is_on(staging: str) -> ColumnElement[bool]:
    """What lies there, or came before stagings had tags."""
    return or_(uploads.c.staging == staging, uploads.c.staging.is_(None))
