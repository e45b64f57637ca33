"""Uploads, items and renditions, as the use cases see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from evidence.agents import Restriction
from evidence.canonical import Json
from evidence.timekeeping import TimeStatement


class UploadState(StrEnum):
    """receiving → accepted → committed; or refused (→ accepted as salvaged), terminated, expired."""

    RECEIVING = "receiving"
    ACCEPTED = "accepted"
    COMMITTED = "committed"
    REFUSED = "refused"
    TERMINATED = "terminated"
    EXPIRED = "expired"


class Category(StrEnum):
    """The six kinds of administrative enforcement; OTHER where none was named."""

    LICENSING = "licensing"
    PENALTY = "penalty"
    COERCION = "coercion"
    LEVY = "levy"
    INSPECTION = "inspection"
    FEES = "fees"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Submission:
    """What the submitter said about a file; none of it is believed, all of it is kept."""

    filename: str
    media_type: str | None = None
    case: str | None = None
    category: Category = Category.OTHER
    officer: str | None = None
    device: str | None = None
    recording: str | None = None
    segment: int | None = None
    medium: str | None = None
    method: str = "upload"
    sha256: str | None = None
    times: tuple[TimeStatement, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """The form kept in manifests, event details and the catalogue."""
        return {
            "filename": self.filename,
            "media_type": self.media_type,
            "case": self.case,
            "category": self.category.value,
            "officer": self.officer,
            "device": self.device,
            "recording": self.recording,
            "segment": self.segment,
            "medium": self.medium,
            "method": self.method,
            "sha256": self.sha256,
            "times": [dict(statement.as_json()) for statement in self.times],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Submission:
        """The inverse of `as_json`."""
        times = value["times"]
        segment = value["segment"]
        assert isinstance(times, list)
        assert segment is None or isinstance(segment, int)

        def text(name: str) -> str | None:
            found = value[name]
            return None if found is None else str(found)

        return cls(
            filename=str(value["filename"]),
            media_type=text("media_type"),
            case=text("case"),
            category=Category(str(value["category"])),
            officer=text("officer"),
            device=text("device"),
            recording=text("recording"),
            segment=segment,
            medium=text("medium"),
            method=str(value["method"]),
            sha256=text("sha256"),
            times=tuple(
                TimeStatement(
                    str(statement["source"]),
                    str(statement["value"]),
                    None if statement["zone"] is None else str(statement["zone"]),
                    str(statement["marks"]),
                )
                for statement in times
                if isinstance(statement, Mapping)
            ),
        )


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way in. `offset` bytes are durable on staging; `hash_state` covers exactly those."""

    id: str
    agent_id: str
    unit: str
    length: int
    offset: int
    state: UploadState
    submission: Submission
    created_at: datetime
    touched_at: datetime
    hash_state: bytes | None = None
    crc32: int = 0
    sha256: str | None = None
    salvaged: str | None = None
    code: str | None = None
    message: str | None = None
    item_id: str | None = None
    #: The staging disk on which its bytes lie, by its tag; None: no host has it for itself.
    staging: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """What a commit is going to do, fixed before it does any of it."""

    upload_id: str
    item_id: str
    event_id: str
    key: str
    sha256: str
    at: datetime
    #: The lock the store was asked for first, and the one it is extended to: fixed here, so that a
    #: repeated step asks for the same.
    first_lock: datetime
    full_lock: datetime
    #: Judged by content, before the bytes move.
    kind: str
    media_type: str
    #: Set when the same device and unit sent the same bytes before and the stored copy was re-proven.
    resubmission: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One original in the store."""

    id: str
    upload_id: str
    unit: str
    agent_id: str
    submission: Submission
    kind: str
    media_type: str
    size: int
    sha256: str
    crc32: int
    key: str
    committed_at: datetime
    locked_until: datetime
    salvaged: str | None = None
    version: str = ""
    fully_locked: bool = False
    read_back: Mapping[str, Json] | None = None
    #: The short end of the description: route, reason, duration_ms, warnings; None until described.
    summary: Mapping[str, Json] | None = None
    #: What holds of its own restriction and of those of the cases that it is linked to.
    restriction: Restriction = Restriction.NONE
    #: Until when policy keeps it, None: without end; and what that rests on.
    keep_until: datetime | None = None
    keep_basis: str = ""
    held: bool = False
    #: The officer whose recording it is, if a station sent it for them.
    officer_id: str | None = None
    #: When it was disposed of, and by which proposal; what it was stays.
    disposed_at: datetime | None = None
    disposed_in: str | None = None

    @property
    def owner(self) -> str:
        """Whose recording it is: the officer for whom a station sent it, else whoever sent it."""
        return self.officer_id or self.agent_id


@dataclass(frozen=True, slots=True)
class Rendition:
    """Something made from an original that can be made again."""

    id: str
    item_id: str
    kind: str
    key: str
    media_type: str
    size: int
    sha256: str
    made_at: datetime
    #: Tool, version and arguments, so that it can be made again and argued about.
    provenance: Mapping[str, Json] = field(default_factory=dict)
    #: What is needed to serve it: for "playable" the playlist's segments.
    layout: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Still:
    """A frame that somebody asked for: microseconds of the playable copy's time."""

    id: str
    item_id: str
    agent_id: str
    shown_us: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Recovery:
    """Somebody's word that `sibling_id` is a whole recording of the camera that made `item_id`."""

    id: str
    item_id: str
    sibling_id: str
    agent_id: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Viewing:
    """A permission already on record: who, what, and the most that may leave."""

    id: str
    agent_id: str
    item_id: str
    #: "original" or a rendition's identifier.
    content: str
    permitted: tuple[int, int]
    purpose: str | None
    opened_at: datetime
    expires_at: datetime
    emitter: str
