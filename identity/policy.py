"""What each role may do, and on whose things: one readable table. What is not in it is denied."""

from __future__ import annotations

from enum import Enum

from evidence.agents import Action, Agent, Resource, Restriction, Role
from evidence.errors import Denied, PurposeNeeded


class Reach(Enum):
    """On whose things an action is allowed."""

    OWN = "own"
    UNIT = "unit"
    ALL = "all"


_SEE = {
    Action.LIST_ITEMS: Reach.UNIT,
    Action.SEE_ITEM: Reach.UNIT,
    Action.PLAY: Reach.UNIT,
    Action.READ_ORIGINAL: Reach.UNIT,
    Action.SEE_HISTORY: Reach.UNIT,
    Action.SEE_CASE: Reach.UNIT,
    Action.SEE_JOBS: Reach.UNIT,
    Action.SEE_SCHEDULES: Reach.ALL,
    Action.SEE_FIGURES: Reach.UNIT,
    Action.MARK: Reach.UNIT,
    Action.SEE_REVIEWS: Reach.UNIT,
}
_SEND = {Action.UPLOAD: Reach.UNIT, Action.SALVAGE: Reach.UNIT}
_KEEP_FILES = {
    Action.OPEN_CASE: Reach.UNIT,
    Action.CHANGE_CASE: Reach.UNIT,
    Action.ARCHIVE_CASE: Reach.UNIT,
    Action.LINK: Reach.UNIT,
    Action.WITHDRAW_LINK: Reach.UNIT,
    Action.SHARE: Reach.UNIT,
    Action.CHANGE_SCHEDULE: Reach.ALL,
    Action.HOLD: Reach.UNIT,
    Action.IMPORT_LISTS: Reach.UNIT,
    Action.STATE_PARTICULARS: Reach.UNIT,
    Action.WRITE_NOTE: Reach.UNIT,
    Action.SEE_DISPOSALS: Reach.UNIT,
    Action.PROPOSE_DISPOSAL: Reach.UNIT,
    Action.EXPORT: Reach.UNIT,
}
_REVIEW = {Action.REVIEW: Reach.UNIT}
_OWN = {
    Action.LIST_ITEMS: Reach.OWN,
    Action.SEE_ITEM: Reach.OWN,
    Action.PLAY: Reach.OWN,
    Action.OPEN_CASE: Reach.UNIT,
    Action.SEE_CASE: Reach.OWN,
    Action.CHANGE_CASE: Reach.OWN,
    Action.LINK: Reach.OWN,
    Action.WITHDRAW_LINK: Reach.OWN,
    Action.STATE_PARTICULARS: Reach.OWN,
    Action.WRITE_NOTE: Reach.OWN,
    Action.SEE_JOBS: Reach.UNIT,
    Action.SEE_FIGURES: Reach.OWN,
    Action.MARK: Reach.OWN,
}

#: By default administrators manage people and machines and see no media; auditors see the log and none.
TABLE: dict[Role, dict[Action, Reach]] = {
    Role.OFFICER: {**_SEND, **_OWN},
    Role.STATION: {Action.UPLOAD: Reach.UNIT, Action.SEE_JOBS: Reach.UNIT},
    Role.REVIEWER: {**_SEE, **_REVIEW, Action.WRITE_NOTE: Reach.UNIT},
    Role.ARCHIVIST: {**_SEE, **_KEEP_FILES},
    Role.LEGAL_REVIEWER: {
        **_SEE,
        **_REVIEW,
        Action.DRAW_SAMPLE: Reach.UNIT,
        Action.HOLD: Reach.UNIT,
        Action.WRITE_NOTE: Reach.UNIT,
        Action.SEE_DISPOSALS: Reach.UNIT,
        Action.APPROVE_DISPOSAL: Reach.UNIT,
    },
    Role.SUPERVISOR: {
        **_SEE,
        **_REVIEW,
        **_SEND,
        **_KEEP_FILES,
        Action.DRAW_SAMPLE: Reach.UNIT,
        Action.ASSIGN: Reach.UNIT,
        Action.RESTRICT: Reach.UNIT,
        Action.RETRY_JOBS: Reach.UNIT,
        Action.SET_FORMS: Reach.UNIT,
        Action.APPROVE_DISPOSAL: Reach.UNIT,
    },
    Role.AUDITOR: {
        Action.SEE_HISTORY: Reach.ALL,
        Action.SEE_JOBS: Reach.ALL,
        Action.SEE_SCHEDULES: Reach.ALL,
        Action.SEE_DISPOSALS: Reach.ALL,
    },
    Role.ADMINISTRATOR: {
        Action.SEE_JOBS: Reach.ALL,
        Action.RETRY_JOBS: Reach.ALL,
        Action.MANAGE_UNITS: Reach.ALL,
        Action.SET_FORMS: Reach.ALL,
    },
}

#: What whoever something is shared with may do with it, in any unit, if their role may do it at all.
_SHARED = frozenset({Action.SEE_ITEM, Action.PLAY, Action.SEE_CASE, Action.MARK})
#: The same for a case and whoever is assigned to it.
_ASSIGNED = frozenset({Action.SEE_CASE, Action.CHANGE_CASE, Action.LINK, Action.WRITE_NOTE})
#: What of a restricted item asks for a purpose.
_WITH_PURPOSE = frozenset({Action.PLAY, Action.READ_ORIGINAL, Action.EXPORT})
#: What the log says is seen by whoever may see it, sealed or not: it holds no names.
_UNSEALED = frozenset({Role.AUDITOR})


class RolePolicy:
    """`evidence.ports.authority.Authority` from the table."""

    def authorize(self, agent: Agent, action: Action, resource: Resource) -> None:
        """Return if allowed, else raise Denied, or PurposeNeeded for whoever is allowed but for that."""
        reach = None if agent.disabled else TABLE[agent.role].get(action)
        within = (
            reach is Reach.ALL
            or (reach is Reach.UNIT and agent.unit in (resource.unit, *resource.above))
            or (reach is Reach.OWN and resource.owner == agent.id)
            or (reach is not None and resource.shared and action in _SHARED)
            or (reach is not None and resource.assigned and action in _ASSIGNED)
        )
        sealed = resource.restriction is Restriction.SEALED and not resource.named
        if not within or (sealed and agent.role not in _UNSEALED):
            raise Denied
        if resource.restriction is not Restriction.NONE and action in _WITH_PURPOSE and not resource.purpose:
            raise PurposeNeeded

    def scope(self, agent: Agent, action: Action) -> Resource | None:
        """The widest resource on which the agent may do this."""
        reach = None if agent.disabled else TABLE[agent.role].get(action)
        if reach is Reach.ALL:
            unsealed = agent.role in _UNSEALED
            return Resource(restriction=Restriction.SEALED if unsealed else Restriction.NONE)
        if reach is Reach.UNIT:
            return Resource(unit=agent.unit)
        if reach is Reach.OWN:
            return Resource(unit=agent.unit, owner=agent.id)
        return None
