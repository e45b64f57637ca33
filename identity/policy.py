"""What each role may do, and on whose things: one readable table. What is not in it is denied."""

from __future__ import annotations

from enum import Enum

from evidence.agents import Action, Agent, Resource, Role
from evidence.errors import Denied


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
    Action.SEE_JOBS: Reach.UNIT,
}
_SEND = {Action.UPLOAD: Reach.UNIT, Action.SALVAGE: Reach.UNIT}
_OWN = {
    Action.LIST_ITEMS: Reach.OWN,
    Action.SEE_ITEM: Reach.OWN,
    Action.PLAY: Reach.OWN,
    Action.SEE_JOBS: Reach.UNIT,
}

#: By default administrators manage people and machines and see no media; auditors see the log and none.
TABLE: dict[Role, dict[Action, Reach]] = {
    Role.OFFICER: {**_SEND, **_OWN},
    Role.STATION: {Action.UPLOAD: Reach.UNIT, Action.SEE_JOBS: Reach.UNIT},
    Role.REVIEWER: {**_SEE, Action.SEE_HISTORY: Reach.UNIT},
    Role.ARCHIVIST: {**_SEE, Action.SEE_HISTORY: Reach.UNIT},
    Role.LEGAL_REVIEWER: {**_SEE, Action.SEE_HISTORY: Reach.UNIT},
    Role.SUPERVISOR: {**_SEE, **_SEND, Action.SEE_HISTORY: Reach.UNIT, Action.RETRY_JOBS: Reach.UNIT},
    Role.AUDITOR: {Action.SEE_HISTORY: Reach.ALL, Action.SEE_JOBS: Reach.ALL},
    Role.ADMINISTRATOR: {Action.SEE_JOBS: Reach.ALL, Action.RETRY_JOBS: Reach.ALL},
}


class RolePolicy:
    """`evidence.ports.authority.Authority` from the table."""

    def authorize(self, agent: Agent, action: Action, resource: Resource) -> None:
        """Return if allowed, else raise Denied."""
        reach = None if agent.disabled else TABLE[agent.role].get(action)
        if not (
            reach is Reach.ALL
            or (reach is Reach.UNIT and resource.unit == agent.unit)
            or (reach is Reach.OWN and resource.owner == agent.id)
        ):
            raise Denied

    def scope(self, agent: Agent, action: Action) -> Resource | None:
        """The widest resource on which the agent may do this."""
        reach = None if agent.disabled else TABLE[agent.role].get(action)
        if reach is Reach.ALL:
            return Resource()
        if reach is Reach.UNIT:
            return Resource(unit=agent.unit)
        if reach is Reach.OWN:
            return Resource(unit=agent.unit, owner=agent.id)
        return None
