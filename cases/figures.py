"""Figures for whoever answers for a unit, and for officers of their own; each look is on record."""

from __future__ import annotations

from evidence.access import Viewer
from evidence.agents import Action, Agent
from evidence.canonical import Json
from evidence.errors import Denied
from evidence.events import EventDraft, EventType
from evidence.figures import FigureQuery, FigureTable
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue
from evidence.ports.clock import Clock


class FigureDesk:
    """The use case of figures."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def table(self, agent: Agent, query: FigureQuery) -> FigureTable:
        """What was counted of the agent's unit and those below it, or of what they sent; on record.

        What is sealed is counted nowhere. Raises Denied, Invalid("bad-period").
        """
        query = query.checked()
        scope = self._authority.scope(agent, Action.SEE_FIGURES)
        if scope is None:
            raise Denied
        now = self._clock.now()
        viewer = Viewer.of(agent, scope, now)
        found = await self._catalogue.read(lambda tx: tx.figures.table(viewer, query))
        asked: dict[str, Json] = {
            "by": query.by.value,
            "since": None if query.since is None else query.since.isoformat(),
            "until": None if query.until is None else query.until.isoformat(),
            "unit": query.unit,
            "officer": query.officer,
            "device": query.device,
            "category": query.category,
            "kind": query.kind,
        }
        said = {name: value for name, value in asked.items() if value is not None}
        detail: dict[str, Json] = {"of": "figures", "query": said}
        await self._catalogue.record(EventDraft(EventType.LIST_SHOWN, agent.id, now, detail=detail))
        return found
