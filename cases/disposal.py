"""Disposal 销毁: what may go, proposed by one person and approved by two others. Nothing here removes a byte.

What is approved is carried out by a process of its own (`cases.disposing`), which judges everything again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evidence.access import Viewer
from evidence.agents import Action, Agent, Resource, Restriction
from evidence.alarms import raise_alarm
from evidence.canonical import Json
from evidence.cases import checked_reason
from evidence.disposal import (
    CARRIED_OUT_WITHIN,
    NOTICE_AHEAD,
    NOTICE_EVERY,
    Fate,
    Notice,
    Outcome,
    Proposal,
    ProposalState,
    approved,
    checked_items,
    refused,
)
from evidence.errors import Conflict, CustosError, Denied
from evidence.events import SALT_BYTES, EventDraft, EventType, Subject
from evidence.fates import fates
from evidence.ids import is_id, new_id
from evidence.items import Item
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.timekeeping import is_live, to_text

PAGE = 50
#: Items that one notice names; that there are more is seen in the list of what is due.
_MOST_NOTICED = 500
_NOTICES = 10
#: Identifiers that are asked about in one statement.
_ASKED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class DueItem:
    """An item whose retention is over, and what may become of it."""

    item: Item
    fate: Fate


@dataclass(frozen=True, slots=True)
class Judged:
    """What may become of each item that was asked for, and the proposal of those that are due, if any are."""

    fates: Sequence[tuple[str, Fate]]
    proposal: Proposal | None


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A proposal, what has become of its items so far, and the names behind its people."""

    proposal: Proposal
    outcomes: Sequence[Outcome]
    names: Mapping[str, str]


class Disposal:
    """The use cases of proposing and approving."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def due(self, agent: Agent, before: str | None) -> Sequence[DueItem]:
        """A page of items whose retention is over, newest first, on record; raises Denied.

        What is held or locked is among them and says so.
        """
        now = self._clock.now()
        viewer = self._viewer(agent, Action.SEE_DISPOSALS, now)
        items_seen = self._authority.scope(agent, Action.LIST_ITEMS)
        if items_seen is None:
            raise Denied

        def look(tx: Transaction) -> Sequence[DueItem]:
            items = tx.disposals.due(viewer, now, before=before, limit=PAGE)
            found = fates(tx, items, now)
            return [DueItem(item, found[item.id]) for item in items]

        page = await self._catalogue.read(look)
        await self._record(agent, now, [one.item.id for one in page], "due")
        return page

    async def propose(
        self, agent: Agent, item_ids: Sequence[str], reason: str, *, preview: bool = False
    ) -> Judged:
        """Propose what of these items is due; with `preview` only say what may become of each.

        Every item asked for is in the answer; what the agent may not see is "not-found" there. Where none is
        due nothing is proposed. Durable on return. Raises Denied, Invalid.
        """
        asked, reason = checked_items(item_ids), checked_reason(reason)
        now = self._clock.now()
        viewer = self._viewer(agent, Action.PROPOSE_DISPOSAL, now)

        def judge(tx: Transaction) -> Sequence[tuple[str, Fate]]:
            items = self._reached(tx, agent, Action.PROPOSE_DISPOSAL, asked, viewer)
            found = fates(tx, [*items.values()], now)
            return [(one, found.get(one, Fate.NOT_FOUND)) for one in asked]

        def put(tx: Transaction) -> Judged:
            judged = judge(tx)
            due = tuple(one for one, found in judged if found is Fate.DUE)
            if not due:
                return Judged(judged, None)
            salt = secrets.token_bytes(SALT_BYTES)
            proposal = Proposal(new_id(now), agent.unit, reason, agent.id, now, due, salt)
            tx.disposals.propose(proposal)
            tx.events.append(
                _event(EventType.DISPOSAL_PROPOSED, agent.id, now, proposal, proposal.detail, items=True)
            )
            return Judged(judged, proposal)

        if preview:
            return Judged(await self._catalogue.read(judge), None)
        return await self._catalogue.write(put)

    async def approve(self, agent: Agent, proposal_id: str) -> Proposal:
        """Approve a proposal, every item of which the agent may see; durable on return.

        Raises Denied, and Conflict as `evidence.disposal.approved` does.
        """
        now = self._clock.now()
        viewer = self._viewer(agent, Action.APPROVE_DISPOSAL, now)

        def put(tx: Transaction) -> Proposal:
            proposal = self._find(tx, agent, Action.APPROVE_DISPOSAL, proposal_id)
            items = self._reached(tx, agent, Action.APPROVE_DISPOSAL, proposal.items, viewer)
            if len(items) < len(proposal.items):
                raise Denied
            found = fates(tx, [*items.values()], now, in_proposal=True)
            after = approved(proposal, agent.id, now, found)
            tx.disposals.settle(after)
            detail: dict[str, Json] = {"approved": after.state is ProposalState.APPROVED}
            tx.events.append(_event(EventType.DISPOSAL_APPROVED, agent.id, now, after, detail))
            return after

        return await self._catalogue.write(put)

    async def refuse(self, agent: Agent, proposal_id: str, reason: str) -> Proposal:
        """End a proposal, with the reason; its own proposer may too. Durable on return.

        Raises Denied, Invalid, Conflict("not-open"), Conflict("begun").
        """
        reason = checked_reason(reason)
        now = self._clock.now()

        def put(tx: Transaction) -> Proposal:
            proposal = self._find(tx, agent, Action.SEE_DISPOSALS, proposal_id)
            own = proposal.proposed_by == agent.id
            if not own or self._authority.scope(agent, Action.PROPOSE_DISPOSAL) is None:
                proposal = self._find(tx, agent, Action.APPROVE_DISPOSAL, proposal_id)
            begun = any(one.tombstone is not None for one in tx.disposals.outcomes(proposal.id))
            after = refused(proposal, agent.id, now, reason, begun=begun)
            tx.disposals.settle(after)
            tx.events.append(_event(EventType.DISPOSAL_REFUSED, agent.id, now, after, {"reason": reason}))
            return after

        return await self._catalogue.write(put)

    async def listed(self, agent: Agent, before: str | None) -> tuple[Sequence[ProposalView], str | None]:
        """A page of proposals, newest first, and the cursor of the next page; on record; raises Denied.

        Those with a sealed item that does not name the agent are left out.
        """
        now = self._clock.now()
        viewer = self._viewer(agent, Action.SEE_DISPOSALS, now)

        def look(tx: Transaction) -> tuple[list[ProposalView], str | None]:
            found = tx.disposals.page(viewer, before=before, limit=PAGE)
            hidden = _hidden(tx, [item for one in found for item in one.items], agent)
            above = {unit: tx.units.above(unit) for unit in {one.unit for one in found}}
            seen = [
                one for one in found if self._may(agent, Action.SEE_DISPOSALS, one, above[one.unit], hidden)
            ]
            names = tx.agents.names(sorted({person for one in seen for person in _people(one)}))
            views = [ProposalView(one, (), names) for one in seen]
            return views, found[-1].id if len(found) == PAGE else None

        views, following = await self._catalogue.read(look)
        # Which items they name is shown by each of them, and not here.
        subjects = tuple(Subject("disposal", one.proposal.id) for one in views)
        await self._catalogue.record(
            EventDraft(EventType.LIST_SHOWN, agent.id, now, subjects, detail={"of": "disposals"})
        )
        return views, following

    async def shown(self, agent: Agent, proposal_id: str) -> ProposalView:
        """A proposal and what has become of it, on record; raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> ProposalView:
            proposal = self._find(tx, agent, Action.SEE_DISPOSALS, proposal_id)
            names = tx.agents.names(sorted(_people(proposal)))
            return ProposalView(proposal, tx.disposals.outcomes(proposal.id), names)

        view = await self._catalogue.read(look)
        await self._record(agent, now, view.proposal.items, "disposal")
        return view

    async def certificate(self, agent: Agent, proposal_id: str) -> str:
        """The signed certificate; raises Denied, Conflict("not-yet") while there is none."""
        view = await self.shown(agent, proposal_id)
        if view.proposal.certificate is None or view.proposal.state is not ProposalState.CARRIED_OUT:
            raise Conflict("not-yet", "There is a certificate once the disposal has been carried out.")
        return view.proposal.certificate

    async def notices(self, agent: Agent) -> Sequence[Notice]:
        """What was announced to fall due, newest first, as far as the agent may see it; raises Denied."""
        now = self._clock.now()
        viewer = self._viewer(agent, Action.SEE_DISPOSALS, now)

        def look(tx: Transaction) -> Sequence[Notice]:
            found = tx.disposals.notices(viewer, _NOTICES)
            hidden = _hidden(tx, [item for one in found for item in one.items], agent)
            return [
                replace(one, items=tuple(item for item in one.items if item not in hidden)) for one in found
            ]

        notices = await self._catalogue.read(look)
        await self._record(agent, now, sorted({item for one in notices for item in one.items}), "notices")
        return notices

    async def give_notice(self) -> int:
        """Announce to every unit, once in seven days, what falls due in the next thirty; to how many.

        Repeatable, also by several processes at once.
        """
        now = self._clock.now()
        until = now + NOTICE_AHEAD
        given = 0
        for unit in await self._catalogue.read(lambda tx: tx.disposals.units_due(until)):

            def put(tx: Transaction, unit: str = unit) -> bool:
                last = tx.disposals.last_notice(unit)
                if last is not None and is_live(last.at + NOTICE_EVERY, now, NOTICE_EVERY):
                    return False
                items = tuple(tx.disposals.falling_due(unit, until, _MOST_NOTICED))
                notice = Notice(new_id(now), unit, now, until, items)
                tx.disposals.add_notice(notice)
                subjects = (Subject("notice", notice.id), *(Subject("item", one) for one in items))
                detail: dict[str, Json] = {"unit": unit, "until": to_text(until), "items": len(items)}
                tx.events.append(EventDraft(EventType.DISPOSAL_NOTICED, None, now, subjects, detail=detail))
                return True

            given += await self._catalogue.write(put)
        return given

    async def watch(self) -> None:
        """Raise an alarm for what was approved over seven days ago and is not carried out. Repeatable."""
        now = self._clock.now()

        def late(tx: Transaction) -> Sequence[Proposal]:
            return [one for one in tx.disposals.open() if one.approvals[-1].at + CARRIED_OUT_WITHIN < now]

        def note(tx: Transaction) -> None:
            for one in late(tx):
                raise_alarm(
                    tx,
                    Alarm(
                        "disposal-not-carried-out",
                        one.id,
                        "A disposal was approved over seven days ago and is not carried out. Run "
                        "`custos dispose list`, then `custos dispose run`.",
                        now,
                    ),
                    one.id,
                )

        if await self._catalogue.read(late):
            await self._catalogue.write(note)

    def _viewer(self, agent: Agent, action: Action, now: datetime) -> Viewer:
        scope = self._authority.scope(agent, action)
        if scope is None:
            raise Denied
        return Viewer.of(agent, scope, now)

    def _find(self, tx: Transaction, agent: Agent, action: Action, proposal_id: str) -> Proposal:
        proposal = tx.disposals.get(proposal_id) if is_id(proposal_id) else None
        if proposal is None:
            raise Denied
        hidden = _hidden(tx, proposal.items, agent)
        if not self._may(agent, action, proposal, tx.units.above(proposal.unit), hidden):
            raise Denied
        return proposal

    def _may(
        self, agent: Agent, action: Action, proposal: Proposal, above: tuple[str, ...], hidden: frozenset[str]
    ) -> bool:
        """A proposal is as closed as what it names."""
        closed = Restriction.NONE if hidden.isdisjoint(proposal.items) else Restriction.SEALED
        return self._allows(agent, action, Resource(proposal.unit, proposal.proposed_by, above, closed))

    def _allows(self, agent: Agent, action: Action, resource: Resource) -> bool:
        try:
            self._authority.authorize(agent, action, resource)
        except CustosError:
            return False
        return True

    def _reached(
        self, tx: Transaction, agent: Agent, action: Action, item_ids: Sequence[str], viewer: Viewer
    ) -> Mapping[str, Item]:
        """Those of the items with which the agent may do this; what is only shared with them is not."""
        seen = tx.items.seen_by(viewer, [one for one in item_ids if is_id(one)])
        above = {unit: tx.units.above(unit) for unit in {item.unit for item in seen.values()}}
        return {
            one: item
            for one, item in seen.items()
            if self._allows(agent, action, Resource(item.unit, item.owner, above[item.unit]))
        }

    async def _record(self, agent: Agent, now: datetime, items: Sequence[str], of: str) -> None:
        subjects = tuple(Subject("item", one) for one in items)
        await self._catalogue.record(
            EventDraft(EventType.LIST_SHOWN, agent.id, now, subjects, detail={"of": of})
        )


def _hidden(tx: Transaction, item_ids: Sequence[str], agent: Agent) -> frozenset[str]:
    asked = sorted(set(item_ids))
    steps = range(0, len(asked), _ASKED_AT_ONCE)
    found = (tx.access.hidden(asked[start : start + _ASKED_AT_ONCE], agent.id) for start in steps)
    return frozenset().union(*found)


def _people(proposal: Proposal) -> set[str]:
    refused_by = () if proposal.refused_by is None else (proposal.refused_by,)
    return {proposal.proposed_by, *(one.agent_id for one in proposal.approvals), *refused_by}


def _event(
    kind: EventType,
    agent_id: str,
    now: datetime,
    proposal: Proposal,
    detail: Mapping[str, Json],
    *,
    items: bool = False,
) -> EventDraft:
    about = tuple(Subject("item", one) for one in proposal.items) if items else ()
    return EventDraft(kind, agent_id, now, (Subject("disposal", proposal.id), *about), detail=detail)
