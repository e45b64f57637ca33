"""Who looks, as lists and searches have to know it: every row, count, cursor and suggestion is filtered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from evidence.agents import Agent, Resource


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who asks for a list, and how far their role reaches.

    `unit` None: every unit. With `own` only what they sent themselves. `now` decides what has expired.
    """

    agent_id: str
    unit: str | None
    own: bool
    now: datetime

    @classmethod
    def of(cls, agent: Agent, scope: Resource, now: datetime) -> Viewer:
        """From what `Authority.scope` answers."""
        return cls(agent.id, scope.unit, scope.owner is not None, now)
