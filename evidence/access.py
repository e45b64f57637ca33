"""Who sees what beside what their role says: restrictions, named people, shares, stated purposes. Pure.

Invariants: a restriction is only ever overcome by being named, never by a role or a share; what an item is
linked to can close it and never opens it; every list, count, cursor and suggestion carries a `Viewer`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from evidence.agents import Agent, Resource, Restriction

#: How long a purpose that was stated holds.
PURPOSE_LASTS = timedelta(hours=1)
#: The longest that something is shared for at once; longer is asked for again.
LONGEST_SHARE = timedelta(days=366)


class SubjectKind(StrEnum):
    """What can be restricted and shared."""

    ITEM = "item"
    CASE = "case"


@dataclass(frozen=True, slots=True)
class Sight:
    """A viewer's reach looked up: its units, single items from elsewhere, single items that it leaves out.

    `units` None: every unit. Where one of them would be too many, it is None and asked for by a subquery.
    """

    units: tuple[str, ...] | None
    also: tuple[str, ...] | None
    hidden: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who asks for a list, and how far their role reaches.

    `unit` None: every unit. With `own` only what they sent or opened themselves. What is shared with them
    or belongs to a case that they are assigned to comes on top; what is sealed only if they are named, or
    `past_seals`, as an audit reads its record. `now` decides what has expired.
    """

    agent_id: str
    unit: str | None
    own: bool
    now: datetime
    past_seals: bool = False
    #: The catalogue looks it up before it asks anything that carries the viewer.
    sight: Sight | None = None

    @classmethod
    def of(cls, agent: Agent, scope: Resource, now: datetime) -> Viewer:
        """From what `Authority.scope` answers."""
        past_seals = scope.restriction is Restriction.SEALED
        return cls(agent.id, scope.unit, scope.owner is not None, now, past_seals)


@dataclass(frozen=True, slots=True)
class Share:
    """Somebody may see an item or a case until then, whatever their unit."""

    id: str
    subject_kind: SubjectKind
    subject_id: str
    agent_id: str
    given_by: str
    given_at: datetime
    until: datetime
    reason: str


def strictest(restrictions: Iterable[Restriction]) -> Restriction:
    """What holds where several do."""
    return max(restrictions, key=list(Restriction).index, default=Restriction.NONE)
