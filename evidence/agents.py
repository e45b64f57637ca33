"""Who acts, what they may be, and what they may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AgentKind(StrEnum):
    """PREMIS agent types."""

    PERSON = "person"
    DEVICE = "device"
    SERVICE = "service"


class Role(StrEnum):
    """One for each agent; unit and case decide beside it."""

    OFFICER = "officer"
    REVIEWER = "reviewer"
    ARCHIVIST = "archivist"
    LEGAL_REVIEWER = "legal-reviewer"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    STATION = "station"


class Action(StrEnum):
    """What can be asked of Custos; every route names one."""

    UPLOAD = "upload"
    SALVAGE = "salvage"
    LIST_ITEMS = "list-items"
    SEE_ITEM = "see-item"
    PLAY = "play"
    READ_ORIGINAL = "read-original"
    SEE_HISTORY = "see-history"
    SEE_JOBS = "see-jobs"
    RETRY_JOBS = "retry-jobs"
    OPEN_CASE = "open-case"
    SEE_CASE = "see-case"
    CHANGE_CASE = "change-case"
    ARCHIVE_CASE = "archive-case"
    LINK = "link"
    WITHDRAW_LINK = "withdraw-link"
    ASSIGN = "assign"
    RESTRICT = "restrict"
    SHARE = "share"
    MANAGE_UNITS = "manage-units"
    SEE_SCHEDULES = "see-schedules"
    CHANGE_SCHEDULE = "change-schedule"
    HOLD = "hold"
    IMPORT_LISTS = "import-lists"
    STATE_PARTICULARS = "state-particulars"
    WRITE_NOTE = "write-note"
    SET_FORMS = "set-forms"
    SEE_FIGURES = "see-figures"
    MARK = "mark"
    REVIEW = "review"
    SEE_REVIEWS = "see-reviews"
    DRAW_SAMPLE = "draw-sample"
    EXPORT = "export"
    SEE_DISPOSALS = "see-disposals"
    PROPOSE_DISPOSAL = "propose-disposal"
    APPROVE_DISPOSAL = "approve-disposal"


@dataclass(frozen=True, slots=True)
class Agent:
    """Whoever acts. `id` is a pseudonym; `name` is detail and never enters an event."""

    id: str
    kind: AgentKind
    username: str
    name: str
    role: Role
    unit: str
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Credential:
    """A session or bearer token as stored: only its SHA-256, never itself."""

    digest: str
    agent_id: str
    kind: str
    label: str
    created_at: datetime
    expires_at: datetime


class Restriction(StrEnum):
    """How far an item or a case is closed, least first: a purpose is asked for, or people are named."""

    NONE = "none"
    RESTRICTED = "restricted"
    SEALED = "sealed"


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action is asked on, as far as it decides who may.

    `unit` and the units `above` it, next one first; the `owner` sent or opened it. `named`: whoever asks
    is named on everything that seals it. `shared`: it is shared with them, or an item of a case that they
    are assigned to. `assigned`: a case that they are assigned to. `purpose` is what they stated that they
    look for, while that holds.
    """

    unit: str | None = None
    owner: str | None = None
    above: tuple[str, ...] = ()
    restriction: Restriction = Restriction.NONE
    named: bool = False
    shared: bool = False
    assigned: bool = False
    purpose: str | None = None
