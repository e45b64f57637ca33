"""Holds 暂停销毁: nothing of an item or a case goes while one is on it, whatever its schedule says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from evidence.access import SubjectKind
from evidence.agents import Action, Agent
from evidence.allowed import allowed_case, allowed_item
from evidence.canonical import Json
from evidence.cases import checked_reason
from evidence.errors import Denied
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import is_id, new_id
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.schedules import Hold


class Holds:
    """The use cases of a hold."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def place(
        self, agent: Agent, kind: SubjectKind, subject_id: str, reason: str, authority: str
    ) -> Hold:
        """Hold an item, or all that is, was or comes to be linked to a case. Durable on return.

        Raises Denied, Invalid.
        """
        reason, authority = checked_reason(reason), checked_reason(authority)
        now = self._clock.now()

        def put(tx: Transaction) -> Hold:
            _find(tx, self._authority, agent, kind, subject_id, now)
            hold = Hold(new_id(now), kind.value, subject_id, reason, authority, agent.id, now)
            tx.retention.hold(hold)
            tx.events.append(
                _event(EventType.HOLD_PLACED, agent, now, hold, {"reason": reason, "authority": authority})
            )
            return hold

        return await self._catalogue.write(put)

    async def lift(self, agent: Agent, hold_id: str, reason: str) -> None:
        """Lift a hold, with the reason; durable on return. Raises Denied, Invalid, Conflict."""
        reason = checked_reason(reason)
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            hold = tx.retention.get_hold(hold_id) if is_id(hold_id) else None
            if hold is None:
                raise Denied
            _find(tx, self._authority, agent, SubjectKind(hold.subject_kind), hold.subject_id, now)
            tx.retention.lift(hold.id, at=now, agent_id=agent.id, reason=reason)
            tx.events.append(_event(EventType.HOLD_LIFTED, agent, now, hold, {"reason": reason}))

        await self._catalogue.write(put)

    async def on(self, agent: Agent, kind: SubjectKind, subject_id: str) -> Sequence[Hold]:
        """Every hold on it, lifted ones too, oldest first; raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> Sequence[Hold]:
            _find(tx, self._authority, agent, kind, subject_id, now)
            return tx.retention.holds_on([subject_id])

        return await self._catalogue.read(look)


def _find(
    tx: Transaction, authority: Authority, agent: Agent, kind: SubjectKind, subject_id: str, now: datetime
) -> None:
    if kind is SubjectKind.ITEM:
        allowed_item(tx, authority, agent, Action.HOLD, subject_id, now)
    else:
        allowed_case(tx, authority, agent, Action.HOLD, subject_id, now)


def _event(
    kind: EventType, agent: Agent, now: datetime, hold: Hold, detail: Mapping[str, Json]
) -> EventDraft:
    subjects = (Subject(hold.subject_kind, hold.subject_id), Subject("hold", hold.id))
    return EventDraft(kind, agent.id, now, subjects, detail=detail)
