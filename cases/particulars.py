"""Particulars of an item for a court, stated by whoever knows; each statement is on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence.agents import Action, Agent
from evidence.allowed import allowed_item
from evidence.canonical import Json
from evidence.events import EventDraft, EventType, Subject
from evidence.particulars import Particulars
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.dossier import Stated
from evidence.projection import refresh


@dataclass(frozen=True, slots=True)
class ParticularsView:
    """What was stated last, by whom, and what a court would still ask."""

    stated: Stated | None
    by: str | None
    missing: Sequence[str]


class CourtParticulars:
    """The use cases of particulars."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def state(self, agent: Agent, item_id: str, particulars: Particulars) -> ParticularsView:
        """Replace the item's particulars; what they were stays on record. Durable on return.

        Raises Denied, Invalid("too-much-detail").
        """
        particulars = particulars.checked()
        now = self._clock.now()

        def put(tx: Transaction) -> ParticularsView:
            item = allowed_item(tx, self._authority, agent, Action.STATE_PARTICULARS, item_id, now)
            before = tx.dossier.stated([item.id]).get(item.id)
            stated = Stated(particulars, agent.id, now)
            tx.dossier.state(item.id, stated)
            was = None if before is None else before.particulars.as_json()
            detail: dict[str, Json] = {"was": was, "is": particulars.as_json()}
            tx.events.append(
                EventDraft(
                    EventType.PARTICULARS_STATED, agent.id, now, (Subject("item", item.id),), detail=detail
                )
            )
            refresh(tx, item.id)
            return ParticularsView(stated, agent.name, particulars.missing(item.kind))

        return await self._catalogue.write(put)

    async def of(self, agent: Agent, item_id: str) -> ParticularsView:
        """What was stated of the item, on record; raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> ParticularsView:
            item = allowed_item(tx, self._authority, agent, Action.SEE_ITEM, item_id, now)
            stated = tx.dossier.stated([item.id]).get(item.id)
            if stated is None:
                return ParticularsView(None, None, Particulars().missing(item.kind))
            by = tx.agents.names([stated.stated_by]).get(stated.stated_by)
            return ParticularsView(stated, by, stated.particulars.missing(item.kind))

        view = await self._catalogue.read(look)
        await self._catalogue.record(
            EventDraft(
                EventType.ITEM_SHOWN,
                agent.id,
                now,
                (Subject("item", item_id),),
                detail={"of": "particulars"},
            )
        )
        return view
