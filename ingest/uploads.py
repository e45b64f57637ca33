"""Upload sessions: from the first header to acceptance (docs/architecture.md, "Receive", "Accept").

What must hold: an offset is acknowledged only for bytes that are fsynced and whose hash state is in the
catalogue; a request with a checksum counts wholly or not at all; the last byte is accepted, and the
commit queued, in one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from evidence.agents import Action, Agent, Resource
from evidence.errors import Denied, Invalid, NoSpace, TooLarge, Unavailable
from evidence.events import EventDraft, EventType, Outcome, Subject
from evidence.ids import is_id, new_id
from evidence.items import Upload, UploadState
from evidence.jobs import RINGS, Job, Stage
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.doorbell import Doorbell
from evidence.ports.objects import Staging
from ingest.receiving import Checksum, Receiver
from ingest.submission import parse_metadata, read_submission
from ingest.turns import Turns

_SETTLE_WITHIN = timedelta(seconds=10)
_ORPHAN_SECONDS = 3600.0
_HOLDS_BYTES = (UploadState.RECEIVING, UploadState.REFUSED, UploadState.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an upload may take. Bytes, and hours without a byte after which one expires."""

    max_bytes: int
    unit_quota_bytes: int | None
    reserve_bytes: int
    expire_after: timedelta
    #: For single units, instead of `unit_quota_bytes`.
    quotas: Mapping[str, int] = field(default_factory=dict)

    def quota(self, unit: str) -> int | None:
        """What the unit may have stored, in bytes; None where nothing limits it."""
        return self.quotas.get(unit, self.unit_quota_bytes)


class Uploads:
    """The use cases behind tus."""

    def __init__(
        self,
        catalogue: Catalogue,
        staging: Staging,
        authority: Authority,
        clock: Clock,
        doorbell: Doorbell,
        limits: Limits,
    ) -> None:
        self._catalogue = catalogue
        self._staging = staging
        self._authority = authority
        self._clock = clock
        self._doorbell = doorbell
        self.limits = limits
        self._turns = Turns(staging)
        self._receiver = Receiver(catalogue, staging, clock)

    async def open(self, agent: Agent, length: int, metadata: str) -> Upload:
        """A new session, durable on return; an empty file is accepted at once.

        Raises Invalid, TooLarge (length or quota), NoSpace (reserve) before any byte is sent.
        """
        self._authority.authorize(agent, Action.UPLOAD, Resource(agent.unit, agent.id))
        if length > self.limits.max_bytes:
            raise TooLarge("too-long", f"One file may have at most {self.limits.max_bytes} bytes here.")
        submission = read_submission(parse_metadata(metadata))
        free = await asyncio.to_thread(self._staging.free_bytes)
        now = self._clock.now()
        upload = Upload(
            id=new_id(now, self._staging.tag),
            agent_id=agent.id,
            unit=agent.unit,
            length=length,
            offset=0,
            state=UploadState.RECEIVING,
            submission=submission,
            created_at=now,
            touched_at=now,
            staging=self._staging.tag,
        )
        await self._receiver.create(upload.id)
        try:
            await self._catalogue.write(lambda tx: self._open(tx, upload, agent, free))
        except BaseException:
            await self._receiver.discard(upload.id)
            raise
        return await self.accept(upload.id) if length == 0 else upload

    def _open(self, tx: Transaction, upload: Upload, agent: Agent, free: int) -> None:
        quota = self.limits.quota(upload.unit)
        if quota is not None and tx.uploads.unit_bytes(upload.unit) + upload.length > quota:
            raise TooLarge("quota", "Your unit's quota is used up. Ask your administrator for more.")
        if free - tx.uploads.outstanding_bytes(self._staging.tag) - upload.length < self.limits.reserve_bytes:
            raise NoSpace(
                "reserve", "The server has too little free space for this file. Keep the card and try later."
            )
        tx.uploads.add(upload)
        tx.events.append(
            EventDraft(
                EventType.UPLOAD_OPENED,
                agent.id,
                upload.created_at,
                (Subject("upload", upload.id),),
                detail={"length": upload.length, "submitted": upload.submission.as_json()},
            )
        )

    async def find(self, agent: Agent, upload_id: str) -> Upload:
        """The session, if the agent may continue it; raises Denied."""
        upload = None
        if is_id(upload_id):
            upload = await self._catalogue.read(lambda tx: tx.uploads.get(upload_id))
        if upload is None:
            raise Denied
        self._authority.authorize(agent, Action.UPLOAD, Resource(upload.unit, upload.agent_id))
        return upload

    async def standing(self, agent: Agent, upload_id: str) -> Upload:
        """Where the upload stands; one whose bytes are all there is accepted on the way.

        Whoever asks is about to go on, so an older request of the same agent is ended first: what it still
        makes durable would make the answer stale. Raises Conflict("upload-busy") and
        Unavailable("upload-elsewhere") as `receive` does.
        """
        upload = await self.find(agent, upload_id)
        if upload.state is UploadState.RECEIVING:
            self._require_here(upload)
            async with self._turns.take(upload_id, agent.id):
                upload = await self.find(agent, upload_id)
        if upload.state is UploadState.RECEIVING and upload.offset == upload.length:
            return await self.accept(upload_id)
        return upload

    async def receive(
        self,
        agent: Agent,
        upload_id: str,
        offset: int,
        announced: int | None,
        pieces: AsyncIterator[bytes],
        checksum: Checksum | None,
    ) -> Upload:
        """Take bytes from `offset` on; on return they are durable, and accepted if they were the last.

        `announced` is the request's declared length. Raises Conflict("wrong-offset", "upload-busy",
        "superseded", "upload-ended"), Unavailable("upload-elsewhere"), TooLarge, NoSpace,
        Invalid("checksum-mismatch", "digest-mismatch"). However it ends, the session's offset covers
        exactly what is durable.
        """
        upload = await self.find(agent, upload_id)
        self._require_here(upload)
        async with self._turns.take(upload_id, agent.id):
            upload = await self.find(agent, upload_id)
            received = await self._receiver.run(upload, offset, announced, pieces, checksum)
            return await self.accept(upload_id) if received.offset == received.length else received

    def _require_here(self, upload: Upload) -> None:
        if upload.staging not in (None, self._staging.tag):
            raise Unavailable(
                "upload-elsewhere",
                "This upload lies on another server of this office, which does not answer at the moment. It "
                "goes on there: ask again in a moment.",
            )

    async def accept(self, upload_id: str) -> Upload:
        """Compare digests and queue the commit, for an upload whose bytes are all there; repeatable."""
        upload = await self._catalogue.read(lambda tx: tx.uploads.get(upload_id))
        assert upload is not None
        if upload.state is not UploadState.RECEIVING:
            return upload
        sha256 = self._receiver.fixity(upload).hexdigest()
        claimed = upload.submission.sha256
        if claimed is not None and claimed != sha256:
            await self._refuse(upload, sha256)
        now = self._clock.now()

        def settle(tx: Transaction) -> Sequence[Job]:
            # The last PATCH, a HEAD and the sweep may all come here; only the first one counts.
            if not _is_receiving(tx, upload_id):
                return ()
            tx.uploads.settle(upload_id, UploadState.ACCEPTED, at=now, sha256=sha256)
            tx.jobs.add(Stage.COMMIT, upload_id, upload.unit, now, staging=upload.staging)
            return tx.jobs.to_ring(now, RINGS)

        await self._doorbell.ring(await self._catalogue.write(settle))
        return replace(upload, state=UploadState.ACCEPTED, sha256=sha256)

    async def _refuse(self, upload: Upload, sha256: str) -> None:
        """Say which side is wrong: the staged bytes are read again and compared with what arrived."""
        size, staged = await asyncio.to_thread(self._staging.digest, upload.id)
        if size == upload.length and staged == sha256:
            error = Invalid(
                "digest-mismatch",
                "The bytes that arrived are not those the sender measured, and the server kept them as they "
                "arrived: the card, the reader or the line changed them. Keep the card, read it again and "
                "send the file anew; if it never reads the same twice, ask for it to be kept as salvaged.",
            )
        else:
            error = Invalid(
                "staging-mismatch",
                "The server's own disk did not keep the bytes as they arrived. Keep the card, send the file "
                "again, and tell your administrator that the staging disk is failing.",
            )
        now = self._clock.now()

        def settle(tx: Transaction) -> None:
            if not _is_receiving(tx, upload.id):
                return
            tx.uploads.settle(
                upload.id, UploadState.REFUSED, at=now, sha256=staged, code=error.code, message=error.message
            )
            tx.events.append(
                EventDraft(
                    EventType.UPLOAD_REFUSED,
                    upload.agent_id,
                    now,
                    (Subject("upload", upload.id),),
                    Outcome.FAILURE,
                    {"sha256": staged},
                    {"code": error.code, "claimed_sha256": upload.submission.sha256},
                )
            )

        await self._catalogue.write(settle)
        raise error

    async def salvage(self, agent: Agent, upload_id: str, reason: str) -> Upload:
        """Admit a refused upload at a person's word: the only copy is never thrown away.

        The item, its manifest and its receipt say `salvaged` and why. Raises Invalid("not-refused").
        """
        upload = await self.find(agent, upload_id)
        self._authority.authorize(agent, Action.SALVAGE, Resource(upload.unit, upload.agent_id))
        if not reason.strip():
            raise Invalid("no-reason", "Say why this file is to be kept although it could not be verified.")
        now = self._clock.now()

        def settle(tx: Transaction) -> Sequence[Job]:
            current = tx.uploads.get(upload_id)
            if current is None or current.state is not UploadState.REFUSED:
                raise Invalid("not-refused", "Only an upload that was refused can be salvaged.")
            tx.uploads.settle(upload_id, UploadState.ACCEPTED, at=now, salvaged=reason.strip())
            tx.events.append(
                EventDraft(
                    EventType.UPLOAD_SALVAGED,
                    agent.id,
                    now,
                    (Subject("upload", upload_id),),
                    digests={"sha256": current.sha256 or ""},
                    detail={"reason": reason.strip(), "claimed_sha256": current.submission.sha256},
                )
            )
            tx.jobs.add(Stage.COMMIT, upload_id, current.unit, now, staging=current.staging)
            return tx.jobs.to_ring(now, RINGS)

        await self._doorbell.ring(await self._catalogue.write(settle))
        return replace(upload, state=UploadState.ACCEPTED, salvaged=reason.strip())

    async def terminate(self, agent: Agent, upload_id: str) -> None:
        """End a session before acceptance; its bytes are dropped.

        Raises Conflict("upload-ended"), Unavailable("upload-elsewhere").
        """
        self._require_here(await self.find(agent, upload_id))
        async with self._turns.take(upload_id, agent.id):
            await self._end(upload_id, UploadState.TERMINATED, EventType.UPLOAD_TERMINATED, agent.id)

    async def receipt(self, agent: Agent, upload_id: str) -> str | None:
        """The newest receipt (compact JWS), on record as shown; None while the commit is under way."""
        upload = await self.find(agent, upload_id)
        receipts = await self._catalogue.read(lambda tx: tx.uploads.receipts(upload_id))
        if not receipts:
            return None
        await self._catalogue.record(
            EventDraft(
                EventType.RECEIPT_SHOWN,
                agent.id,
                self._clock.now(),
                (Subject("item", receipts[-1].item_id), Subject("upload", upload.id)),
                detail={"completed": receipts[-1].completed},
            )
        )
        return receipts[-1].jws

    async def accept_complete(self) -> int:
        """Accept uploads of this host whose last byte became durable just before a crash; how many."""
        before = self._clock.now() - _SETTLE_WITHIN
        waiting = await self._catalogue.read(
            lambda tx: tx.uploads.complete_unaccepted(before, self._staging.tag)
        )
        for upload in waiting:
            # A refusal is in the row, where the sender finds it.
            with suppress(Invalid):
                await self.accept(upload.id)
        return len(waiting)

    async def discard_orphans(self) -> int:
        """Drop staged files that no upload needs, an hour after the last byte; how many."""
        idle = await asyncio.to_thread(self._staging.idle, _ORPHAN_SECONDS)
        needed = await self._catalogue.read(
            lambda tx: {
                upload.id
                for upload in map(tx.uploads.get, idle)
                if upload is not None
                and upload.state in _HOLDS_BYTES
                and upload.staging in (None, self._staging.tag)
            }
        )
        orphans = [upload_id for upload_id in idle if upload_id not in needed]
        for upload_id in orphans:
            await self._receiver.discard(upload_id)
        return len(orphans)

    async def expire(self) -> int:
        """End sessions of this host that nobody continued; how many."""
        before = self._clock.now() - self.limits.expire_after
        stale = await self._catalogue.read(lambda tx: tx.uploads.stale(before, self._staging.tag))
        for upload in stale:
            await self._end(upload.id, UploadState.EXPIRED, EventType.UPLOAD_EXPIRED, None)
        return len(stale)

    @property
    def staging_tag(self) -> str:
        """Of this host's staging disk."""
        return self._staging.tag

    async def give_up(self, staging: str) -> tuple[int, int]:
        """What lay on a disk that is lost: how many uploads were ended, and how many commits released.

        What was not accepted ends, so that its sender begins anew. A commit may have come as far as the
        store: any worker tries it, and where nothing lies there it fails for good and says so. Repeatable.
        """
        left = await self._catalogue.read(lambda tx: tx.uploads.left_on(staging))
        accepted = [upload for upload in left if upload.state is UploadState.ACCEPTED]
        for upload in left:
            if upload.state is not UploadState.ACCEPTED:
                await self._end(upload.id, UploadState.EXPIRED, EventType.UPLOAD_EXPIRED, None)
        for upload in accepted:
            await self._catalogue.write(partial(_release, upload_id=upload.id))
        return len(left) - len(accepted), len(accepted)

    async def _end(self, upload_id: str, state: UploadState, kind: EventType, agent: str | None) -> None:
        now = self._clock.now()

        def settle(tx: Transaction) -> None:
            upload = tx.uploads.get(upload_id)
            if upload is None or upload.state not in (UploadState.RECEIVING, UploadState.REFUSED):
                raise Invalid("upload-ended", "This upload was accepted or has ended; it cannot be dropped.")
            tx.uploads.settle(upload_id, state, at=now)
            tx.events.append(
                EventDraft(
                    kind, agent, now, (Subject("upload", upload_id),), detail={"offset": upload.offset}
                )
            )

        await self._catalogue.write(settle)
        await self._receiver.discard(upload_id)


def _release(tx: Transaction, upload_id: str) -> None:
    tx.uploads.release(upload_id)


def _is_receiving(tx: Transaction, upload_id: str) -> bool:
    upload = tx.uploads.get(upload_id)
    return upload is not None and upload.state is UploadState.RECEIVING
