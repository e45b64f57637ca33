"""What goes over the wire, as pydantic models; OpenAPI is generated from them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.fixity_schemas import FixityOut
from evidence.items import Upload
from evidence.jobs import Job, time_left
from evidence.parts import playable_parts
from evidence.ports.catalogue import JobChange
from evidence.timekeeping import to_text
from retrieval.copies import FoundCopy
from retrieval.reading import HistoryLine, ItemView


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class Problem(BaseModel):
    """RFC 9457; `code` is stable, `detail` says what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str


class SignIn(Body):
    """User name and password."""

    username: str = Field(min_length=1, max_length=128)
    password: str = Field(min_length=1, max_length=1024)


class Salvage(Body):
    """Why a file that could not be verified is to be kept."""

    reason: str = Field(min_length=1, max_length=2000)


class StillWanted(Body):
    """Microseconds of the playable copy's time; the frame on screen then is taken."""

    at_us: int = Field(ge=0, le=8_640_000_000_000)


class AgentOut(BaseModel):
    """Whoever is signed in."""

    id: str
    username: str
    name: str
    role: str
    unit: str


class JobOut(BaseModel):
    """One stage of background work; `progress` is 0 to 1000.

    `seconds_left` is how long it still takes at the pace so far; null while that cannot be said.
    """

    id: str
    stage: str
    subject: str
    state: str
    progress: int
    attempts: int
    code: str | None
    message: str | None
    updated_at: str
    seconds_left: int | None

    @classmethod
    def of(cls, job: Job) -> JobOut:
        """From the domain."""
        left = time_left(job)
        return cls(
            id=job.id,
            stage=job.stage,
            subject=job.subject,
            state=job.state,
            progress=job.progress,
            attempts=job.attempts,
            code=job.code,
            message=job.message,
            updated_at=to_text(job.updated_at),
            seconds_left=None if left is None else round(left.total_seconds()),
        )


class RecoveryWanted(Body):
    """A whole recording of the same camera, made with the same settings."""

    sibling: str


class StillOut(BaseModel):
    """A still on its way; `made` once it lies at `path`. `job` says how far it is."""

    path: str
    made: bool
    job: JobOut


class JobChangeOut(BaseModel):
    """One step of one job, as the progress stream sends it."""

    job: str
    stage: str
    subject: str
    state: str
    progress: int
    message: str | None
    at: str

    @classmethod
    def of(cls, change: JobChange) -> JobChangeOut:
        """From the domain."""
        return cls(
            job=change.job_id,
            stage=change.stage,
            subject=change.subject,
            state=change.state,
            progress=change.progress,
            message=change.message,
            at=to_text(change.at),
        )


class RenditionOut(BaseModel):
    """Something made from an original."""

    id: str
    kind: str
    media_type: str
    size: int
    sha256: str
    made_at: str
    provenance: dict[str, Any]


class ItemOut(BaseModel):
    """One original and what is known of it.

    `playable_until_ms` is how far a recording can be played that is still being made; null for all others.
    `keep_until` is policy's, null for without end; `locked_until` is the store's.
    """

    id: str
    upload: str
    unit: str
    agent: str
    agent_name: str | None
    kind: str
    media_type: str
    size: int
    digests: dict[str, str]
    submitted: dict[str, Any]
    salvaged: str | None
    restriction: str
    committed_at: str
    locked_until: str
    keep_until: str | None
    keep_basis: str
    held: bool
    read_back: dict[str, Any] | None
    playable: bool
    playable_until_ms: int | None
    route: str | None
    reason: str | None
    duration_ms: int | None
    warnings: list[str]
    renditions: list[RenditionOut]
    jobs: list[JobOut]

    @classmethod
    def of(cls, view: ItemView) -> ItemOut:
        """From the domain."""
        item = view.item
        playable = any(rendition.kind == "playable" for rendition in view.renditions)
        ready = () if playable else playable_parts(view.parts)
        summary: dict[str, Any] = dict(item.summary or {})
        return cls(
            id=item.id,
            upload=item.upload_id,
            unit=item.unit,
            agent=item.agent_id,
            agent_name=view.names.get(item.agent_id),
            kind=item.kind,
            media_type=item.media_type,
            size=item.size,
            digests={"sha256": item.sha256, "crc32": f"{item.crc32:08x}"},
            submitted=dict(item.submission.as_json()),
            salvaged=item.salvaged,
            restriction=item.restriction,
            committed_at=to_text(item.committed_at),
            locked_until=to_text(item.locked_until),
            keep_until=None if item.keep_until is None else to_text(item.keep_until),
            keep_basis=item.keep_basis,
            held=item.held,
            read_back=None if item.read_back is None else dict(item.read_back),
            playable=playable,
            playable_until_ms=ready[-1].ends_us // 1000 if ready else None,
            route=summary.get("route"),
            reason=summary.get("reason"),
            duration_ms=summary.get("duration_ms"),
            warnings=list(summary.get("warnings", ())),
            renditions=[
                RenditionOut(
                    id=rendition.id,
                    kind=rendition.kind,
                    media_type=rendition.media_type,
                    size=rendition.size,
                    sha256=rendition.sha256,
                    made_at=to_text(rendition.made_at),
                    provenance=dict(rendition.provenance),
                )
                for rendition in view.renditions
            ],
            jobs=[JobOut.of(job) for job in view.jobs],
        )


class ItemCaseOut(BaseModel):
    """A case that an item is linked to."""

    link: str
    case: str
    number: str
    origin: str
    made_at: str


class ItemDetail(ItemOut):
    """One item with everything that ffprobe and exiftool said of it; null until it was described.

    `cases` are those that it is linked to, as far as whoever asks may see them.
    """

    fixity: FixityOut | None
    cases: list[ItemCaseOut]
    description: dict[str, Any] | None

    @classmethod
    def of(cls, view: ItemView) -> ItemDetail:
        """From the domain."""
        described = None if view.description is None else dict(view.description)
        cases = [
            ItemCaseOut(
                link=link.id,
                case=case.id,
                number=case.number,
                origin=link.origin,
                made_at=to_text(link.made_at),
            )
            for link, case in view.links
        ]
        fixity = None if view.audit is None else FixityOut.of(view.audit, view.audit_due)
        return cls(**ItemOut.of(view).model_dump(), fixity=fixity, cases=cases, description=described)


class ItemPage(BaseModel):
    """A page of items, newest first; `next` asks for the following page."""

    items: list[ItemOut]
    next: str | None


class CopyOut(BaseModel):
    """An item of which a stretch agrees with the one that was asked about; a reason to look, no proof.

    `score` is 0 to 1000: how many of the compared marks agree. Milliseconds of either recording's own time.
    """

    item: str
    filename: str
    unit: str
    by: str
    score: int
    at_ms: int
    asked_at_ms: int
    length_ms: int

    @classmethod
    def of(cls, found: FoundCopy) -> CopyOut:
        """From the domain."""
        return cls(
            item=found.item.id,
            filename=found.item.submission.filename,
            unit=found.item.unit,
            by=found.match.kind.value,
            score=found.match.score,
            at_ms=found.match.at_ms,
            asked_at_ms=found.match.asked_at_ms,
            length_ms=found.match.length_ms,
        )


class CopyList(BaseModel):
    """Likely copies, best first. `compared` is empty while nothing can be said of copies."""

    compared: list[str]
    copies: list[CopyOut]


class HistoryOut(BaseModel):
    """One custody event; `detail` is what was kept beside it."""

    event: dict[str, Any]
    detail: dict[str, Any] | None
    agent_name: str | None

    @classmethod
    def of(cls, line: HistoryLine) -> HistoryOut:
        """From the domain."""
        return cls(
            event=dict(line.event),
            detail=None if line.detail is None else dict(line.detail),
            agent_name=line.agent_name,
        )


class History(BaseModel):
    """An item's events, oldest first."""

    events: list[HistoryOut]


class JobList(BaseModel):
    """Jobs, latest change first."""

    jobs: list[JobOut]


class ReceiptProofOut(BaseModel):
    """The leaf of a receipt's event with its proof (c2sp.org/tlog-proof); docs/formats/receipt.md."""

    v: str
    key: str
    leaf: str
    proof: str


class UploadOut(BaseModel):
    """Where an upload stands."""

    id: str
    state: str
    offset: int
    length: int
    sha256: str | None
    salvaged: str | None
    code: str | None
    message: str | None
    item: str | None

    @classmethod
    def of(cls, upload: Upload) -> UploadOut:
        """From the domain."""
        return cls(
            id=upload.id,
            state=upload.state,
            offset=upload.offset,
            length=upload.length,
            sha256=upload.sha256,
            salvaged=upload.salvaged,
            code=upload.code,
            message=upload.message,
            item=upload.item_id,
        )


class Health(BaseModel):
    """Whether the server lives, or is ready."""

    status: Literal["ok"]
