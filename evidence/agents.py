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
    """One role per agent in the spine; unit and case join it later."""

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


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action is asked on: its unit, and for an upload the agent that opened it."""

    unit: str | None = None
    owner: str | None = None
