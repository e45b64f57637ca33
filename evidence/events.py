"""Custody events, version 1 (docs/formats/event.md).

What is written for ever must stay harmless for ever: the event holds pseudonymous identifiers, digests,
type, time and outcome. Names, addresses, purposes and file names are *detail*; the event holds only
SHA-256(salt ‖ JCS(detail)), so that detail can be disclosed or withheld one by one and still be proven.

Invariants: the bytes are made once and kept verbatim; `n` counts an emitter's events without a hole;
an emitter is one process start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from evidence.canonical import Json, canonical, parse_canonical, quoted
from evidence.ids import is_id
from evidence.timekeeping import from_text, to_text

EVENT_VERSION = "custos/event/1"
SALT_BYTES = 32
#: A leaf of the log has at most 65,535 bytes, and each subject takes up to 250 of them.
MOST_SUBJECTS = 200


class EventType(StrEnum):
    """What happened. Names are stable for ever; new ones may be added."""

    EMITTER_STARTED = "emitter.started"
    EMITTER_STOPPED = "emitter.stopped"
    UPLOAD_OPENED = "upload.opened"
    UPLOAD_TERMINATED = "upload.terminated"
    UPLOAD_EXPIRED = "upload.expired"
    UPLOAD_REFUSED = "upload.refused"
    UPLOAD_SALVAGED = "upload.salvaged"
    ITEM_INGESTED = "item.ingested"
    ITEM_RESUBMITTED = "item.resubmitted"
    ITEM_LOCKED = "item.locked"
    ITEM_READ_BACK = "item.read-back"
    ITEM_AUDITED = "item.audited"
    AUDIT_ASKED = "audit.asked"
    COPY_MADE = "copy.made"
    COPY_MENDED = "copy.mended"
    ITEM_DESCRIBED = "item.described"
    RENDITION_MADE = "rendition.made"
    RENDITION_DISCARDED = "rendition.discarded"
    STILL_ASKED = "still.asked"
    RECOVERY_ASKED = "recovery.asked"
    CASE_OPENED = "case.opened"
    CASE_DESCRIBED = "case.described"
    CASE_MOVED = "case.moved"
    CASE_SHOWN = "case.shown"
    LINK_MADE = "link.made"
    LINK_WITHDRAWN = "link.withdrawn"
    PERSON_ASSIGNED = "person.assigned"
    PERSON_DISMISSED = "person.dismissed"
    RESTRICTION_SET = "restriction.set"
    SHARE_GIVEN = "share.given"
    SHARE_WITHDRAWN = "share.withdrawn"
    PURPOSE_STATED = "purpose.stated"
    UNIT_PLACED = "unit.placed"
    LIST_IMPORTED = "list.imported"
    PARTICULARS_STATED = "particulars.stated"
    NOTE_WRITTEN = "note.written"
    NOTE_WITHDRAWN = "note.withdrawn"
    FORM_SET = "form.set"
    CHECKLIST_SET = "checklist.set"
    ENTRY_COVERED = "entry.covered"
    ENTRY_UNCOVERED = "entry.uncovered"
    ENTRY_EXCUSED = "entry.excused"
    ENTRY_ASKED = "entry.asked"
    SCHEDULE_PROPOSED = "schedule.proposed"
    SCHEDULE_APPROVED = "schedule.approved"
    RETENTION_SET = "retention.set"
    HOLD_PLACED = "hold.placed"
    HOLD_LIFTED = "hold.lifted"
    LOCK_RENEWED = "lock.renewed"
    DISPOSAL_NOTICED = "disposal.noticed"
    DISPOSAL_PROPOSED = "disposal.proposed"
    DISPOSAL_APPROVED = "disposal.approved"
    DISPOSAL_REFUSED = "disposal.refused"
    ITEM_SPARED = "item.spared"
    ITEM_DISPOSED = "item.disposed"
    DISPOSAL_CERTIFIED = "disposal.certified"
    RECORDING_JOINED = "recording.joined"
    RECORDING_PARTED = "recording.parted"
    MARK_MADE = "mark.made"
    MARK_WITHDRAWN = "mark.withdrawn"
    PLAYBACK_OPENED = "playback.opened"
    PLAYBACK_CLOSED = "playback.closed"
    WATCHED_SHOWN = "watched.shown"
    CLIP_ASKED = "clip.asked"
    EXPORT_ASKED = "export.asked"
    EXPORT_MADE = "export.made"
    EXPORT_SHOWN = "export.shown"
    EXPORT_DISCARDED = "export.discarded"
    EXPORT_IMPORTED = "export.imported"
    REVIEW_MADE = "review.made"
    REVIEW_WITHDRAWN = "review.withdrawn"
    SAMPLE_DRAWN = "sample.drawn"
    SAMPLE_SHOWN = "sample.shown"
    STAGE_FAILED = "stage.failed"
    STAGE_RETRIED = "stage.retried"
    VIEWING_OPENED = "viewing.opened"
    VIEWING_CLOSED = "viewing.closed"
    LIST_SHOWN = "list.shown"
    LIST_EXPORTED = "list.exported"
    ITEM_SHOWN = "item.shown"
    RECEIPT_SHOWN = "receipt.shown"
    PROGRESS_SHOWN = "progress.shown"
    HISTORY_SHOWN = "history.shown"
    REPORT_SHOWN = "report.shown"
    ACCESS_DENIED = "access.denied"
    SESSION_OPENED = "session.opened"
    SESSION_CLOSED = "session.closed"
    SESSION_REFUSED = "session.refused"
    AGENT_REGISTERED = "agent.registered"
    AGENT_DISABLED = "agent.disabled"
    AGENT_ENABLED = "agent.enabled"
    TOKEN_ISSUED = "token.issued"  # noqa: S105  an event's name, no secret
    LOG_REPLAYED = "log.replayed"
    CATALOGUE_REBUILT = "catalogue.rebuilt"
    JOURNAL_PRUNED = "journal.pruned"
    LOG_AUDITED = "log.audited"
    INSTALLATION_MOVED = "installation.moved"
    ALARM_RAISED = "alarm.raised"
    KEY_RECOVERY_NAMED = "key.recovery-named"
    KEY_ROTATED = "key.rotated"


#: The PREMIS 3 event type (id.loc.gov/vocabulary/preservation/eventType) carried beside ours;
#: None where PREMIS has no word for it.
PREMIS_TYPES: Mapping[EventType, str | None] = {
    EventType.EMITTER_STARTED: None,
    EventType.EMITTER_STOPPED: None,
    EventType.UPLOAD_OPENED: "ingestion start",
    EventType.UPLOAD_TERMINATED: "ingestion end",
    EventType.UPLOAD_EXPIRED: "ingestion end",
    EventType.UPLOAD_REFUSED: "validation",
    EventType.UPLOAD_SALVAGED: "appraisal",
    EventType.ITEM_INGESTED: "ingestion",
    EventType.ITEM_RESUBMITTED: "fixity check",
    EventType.ITEM_LOCKED: "policy assignment",
    EventType.ITEM_READ_BACK: "fixity check",
    EventType.ITEM_AUDITED: "fixity check",
    EventType.AUDIT_ASKED: None,
    EventType.COPY_MADE: "replication",
    EventType.COPY_MENDED: "replication",
    EventType.ITEM_DESCRIBED: "metadata extraction",
    EventType.RENDITION_MADE: "creation",
    EventType.RENDITION_DISCARDED: "deletion",
    EventType.STILL_ASKED: None,
    EventType.RECOVERY_ASKED: None,
    EventType.CASE_OPENED: None,
    EventType.CASE_DESCRIBED: None,
    EventType.CASE_MOVED: None,
    EventType.CASE_SHOWN: "dissemination",
    EventType.LINK_MADE: "metadata modification",
    EventType.LINK_WITHDRAWN: "metadata modification",
    EventType.PERSON_ASSIGNED: None,
    EventType.PERSON_DISMISSED: None,
    EventType.RESTRICTION_SET: "policy assignment",
    EventType.SHARE_GIVEN: "policy assignment",
    EventType.SHARE_WITHDRAWN: "policy assignment",
    EventType.PURPOSE_STATED: None,
    EventType.UNIT_PLACED: None,
    EventType.LIST_IMPORTED: None,
    EventType.PARTICULARS_STATED: "metadata modification",
    EventType.NOTE_WRITTEN: "metadata modification",
    EventType.NOTE_WITHDRAWN: "metadata modification",
    EventType.FORM_SET: None,
    EventType.CHECKLIST_SET: None,
    EventType.ENTRY_COVERED: "metadata modification",
    EventType.ENTRY_UNCOVERED: "metadata modification",
    EventType.ENTRY_EXCUSED: "metadata modification",
    EventType.ENTRY_ASKED: "metadata modification",
    EventType.SCHEDULE_PROPOSED: None,
    EventType.SCHEDULE_APPROVED: "policy assignment",
    EventType.RETENTION_SET: "policy assignment",
    EventType.HOLD_PLACED: "policy assignment",
    EventType.HOLD_LIFTED: "policy assignment",
    EventType.LOCK_RENEWED: "policy assignment",
    EventType.DISPOSAL_NOTICED: None,
    EventType.DISPOSAL_PROPOSED: None,
    EventType.DISPOSAL_APPROVED: "policy assignment",
    EventType.DISPOSAL_REFUSED: None,
    EventType.ITEM_SPARED: None,
    EventType.ITEM_DISPOSED: "deletion",
    EventType.DISPOSAL_CERTIFIED: None,
    EventType.RECORDING_JOINED: "metadata modification",
    EventType.RECORDING_PARTED: "metadata modification",
    EventType.MARK_MADE: "metadata modification",
    EventType.MARK_WITHDRAWN: "metadata modification",
    EventType.PLAYBACK_OPENED: "dissemination",
    EventType.PLAYBACK_CLOSED: "dissemination",
    EventType.WATCHED_SHOWN: "dissemination",
    EventType.CLIP_ASKED: None,
    EventType.EXPORT_ASKED: None,
    EventType.EXPORT_MADE: "dissemination",
    EventType.EXPORT_SHOWN: "dissemination",
    EventType.EXPORT_DISCARDED: "deletion",
    EventType.EXPORT_IMPORTED: "ingestion",
    EventType.REVIEW_MADE: "metadata modification",
    EventType.REVIEW_WITHDRAWN: "metadata modification",
    EventType.SAMPLE_DRAWN: None,
    EventType.SAMPLE_SHOWN: "dissemination",
    EventType.STAGE_FAILED: None,
    EventType.STAGE_RETRIED: None,
    EventType.VIEWING_OPENED: "dissemination",
    EventType.VIEWING_CLOSED: "dissemination",
    EventType.LIST_SHOWN: "dissemination",
    EventType.LIST_EXPORTED: "dissemination",
    EventType.ITEM_SHOWN: "dissemination",
    EventType.RECEIPT_SHOWN: "dissemination",
    EventType.PROGRESS_SHOWN: "dissemination",
    EventType.HISTORY_SHOWN: "dissemination",
    EventType.REPORT_SHOWN: "dissemination",
    EventType.ACCESS_DENIED: None,
    EventType.SESSION_OPENED: None,
    EventType.SESSION_CLOSED: None,
    EventType.SESSION_REFUSED: None,
    EventType.AGENT_REGISTERED: None,
    EventType.AGENT_DISABLED: None,
    EventType.AGENT_ENABLED: None,
    EventType.TOKEN_ISSUED: None,
    EventType.LOG_REPLAYED: None,
    EventType.CATALOGUE_REBUILT: None,
    EventType.JOURNAL_PRUNED: None,
    EventType.LOG_AUDITED: "fixity check",
    EventType.INSTALLATION_MOVED: None,
    EventType.ALARM_RAISED: None,
    EventType.KEY_RECOVERY_NAMED: None,
    EventType.KEY_ROTATED: None,
}


class Outcome(StrEnum):
    """How it ended. `unknown`: a crash left it open, the permitted maximum stands."""

    SUCCESS = "success"
    FAILURE = "failure"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What an event is about: "item", "upload", "agent", "emitter", "viewing", "still",
    "recovery", "recording", "mark", "playback", "clip", "export", "review", "sample" or "alarm"."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class EventDraft:
    """What a use case says happened; the emitter adds identity, counter and salt."""

    type: EventType
    agent: str | None
    at: datetime
    subjects: tuple[Subject, ...] = ()
    outcome: Outcome = Outcome.SUCCESS
    digests: Mapping[str, str] = field(default_factory=dict)
    detail: Mapping[str, Json] = field(default_factory=dict)
    #: A fixed identifier where a retry must name the same event; otherwise one is drawn.
    id: str | None = None


def parts_of(draft: EventDraft) -> Sequence[EventDraft]:
    """The draft, or where it concerns more than an event can name, several that name them in turn.

    Their detail says which `part` of how many `parts` each is. Only the first has the draft's own identifier.
    """
    count = len(draft.subjects)
    if count <= MOST_SUBJECTS:
        return [draft]
    slices = [draft.subjects[first : first + MOST_SUBJECTS] for first in range(0, count, MOST_SUBJECTS)]
    return [
        replace(
            draft,
            subjects=subjects,
            detail={**draft.detail, "part": number, "parts": len(slices)},
            id=draft.id if number == 1 else None,
        )
        for number, subjects in enumerate(slices, 1)
    ]


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event's bytes for ever, and beside them the detail and salt that they commit to."""

    id: str
    type: EventType
    at: datetime
    subjects: tuple[Subject, ...]
    data: bytes
    salt: bytes
    detail: bytes


def event_digest(data: bytes) -> str:
    """SHA-256 of an event's bytes, lower-case hex: how receipts name the event."""
    return hashlib.sha256(data).hexdigest()


def detail_digest(salt: bytes, detail: bytes) -> str:
    """SHA-256(salt ‖ JCS(detail)), lower-case hex."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(salt + detail).hexdigest()


def seal(draft: EventDraft, *, event_id: str, emitter: str, n: int, salt: bytes) -> SealedEvent:
    """Fix the bytes of one event (docs/formats/event.md §2).

    Pure: equal arguments give equal bytes. Raises ValueError or TypeError for what has no canonical
    form.
    """
    detail = canonical(draft.detail)
    subjects = tuple(sorted(set(draft.subjects)))
    about = ",".join([f'{{"id":{quoted(one.id)},"kind":{quoted(one.kind)}}}' for one in subjects])
    premis = PREMIS_TYPES[draft.type]
    # The members are written in canonical order by hand: every read waits for this, and the general
    # encoder takes four times as long. A property test holds the two equal.
    data = (
        f'{{"agent":{"null" if draft.agent is None else quoted(draft.agent)}'
        f',"detail":"{detail_digest(salt, detail)}"'
        f',"digests":{canonical(draft.digests).decode() if draft.digests else "{}"}'
        f',"emitter":{quoted(emitter)},"id":{quoted(event_id)},"n":{n}'
        f',"outcome":"{draft.outcome}","premis":{"null" if premis is None else quoted(premis)}'
        f',"subjects":[{about}],"time":"{to_text(draft.at)}","type":"{draft.type}"'
        f',"v":"{EVENT_VERSION}"}}'
    ).encode()
    return SealedEvent(event_id, draft.type, draft.at, subjects, data, salt, detail)


_FIELDS = frozenset(
    [
        "v",
        "id",
        "type",
        "premis",
        "time",
        "emitter",
        "n",
        "agent",
        "subjects",
        "outcome",
        "digests",
        "detail",
    ]
)


def parse_event(data: bytes) -> dict[str, Json]:
    """The event in `data`, checked against every rule of docs/formats/event.md; else ValueError."""
    event = parse_canonical(data)
    if event.get("v") != EVENT_VERSION or event.keys() != _FIELDS:
        raise ValueError("not a version 1 event")
    kind = EventType(str(event["type"]))
    if event["premis"] != PREMIS_TYPES[kind]:
        raise ValueError("the PREMIS type does not belong to the type")
    Outcome(str(event["outcome"]))
    from_text(str(event["time"]))
    n = event["n"]
    if not isinstance(n, int) or isinstance(n, bool) or n < 0:
        raise ValueError("n is a count from 0")
    for name in ("id", "emitter"):
        if not is_id(str(event[name])):
            raise ValueError(f"{name} is not an identifier")
    if event["agent"] is not None and not is_id(str(event["agent"])):
        raise ValueError("agent is not an identifier")
    return event
