"""What belongs to what, by hand: one item or many, looked at before it is done; and what waits for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial

from evidence.access import Viewer
from evidence.agents import Action, Agent, Restriction
from evidence.allowed import allowed_case, allowed_item
from evidence.cases import Case, Origin, checked_link, checked_reason
from evidence.errors import Denied, Disposed, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import is_id
from evidence.items import Item
from evidence.linking import cases_for, link, withdraw
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ruling import judged

#: Items that are linked at once.
MOST = 500
#: Of these, in one transaction.
_AT_ONCE = 25
PAGE = 50


class Fate(StrEnum):
    """What becomes of an item that is to be linked."""

    LINKED = "linked"
    ALREADY = "already-linked"
    DISPOSED = "disposed"
    NOT_FOUND = "not-found"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item without a case, the case that its submitter named, and those that a list says it may be of."""

    item: Item
    named: str | None
    candidates: Sequence[str]


class Linking:
    """The use cases of linking."""

    def __init__(
        self, catalogue: Catalogue, authority: Authority, clock: Clock, zone: timedelta = timedelta(hours=8)
    ) -> None:
        """`zone`: how far from UTC clocks are read that do not say."""
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock
        self._zone = zone

    async def link(
        self, agent: Agent, case_id: str, item_ids: Sequence[str], *, preview: bool
    ) -> Sequence[tuple[str, Fate]]:
        """Link every item that the agent may link; with `preview` only say what would become of each.

        What is linked stays so if a later one fails; asking again says so. Durable on return. Raises Denied,
        Invalid("too-many"), Conflict("settled-case").
        """
        if not item_ids or len(item_ids) > MOST:
            raise Invalid("too-many", f"1 to {MOST} items are linked at once.")
        now = self._clock.now()

        def fate(tx: Transaction, case: Case, item_id: str) -> Fate:
            try:
                item = allowed_item(tx, self._authority, agent, Action.LINK, item_id, now)
            except Denied:
                return Fate.NOT_FOUND
            except Disposed:
                return Fate.DISPOSED
            if tx.links.live(case.id, item.id) is not None:
                return Fate.ALREADY
            if not preview:
                link(tx, case, item, Origin.HAND, agent.id, now)
            return Fate.LINKED

        def work(tx: Transaction, some: Sequence[str]) -> Sequence[tuple[str, Fate]]:
            case = allowed_case(tx, self._authority, agent, Action.LINK, case_id, now)
            checked_link(case)
            return [(item_id, fate(tx, case, item_id)) for item_id in some]

        fates: list[tuple[str, Fate]] = []
        asked = list(dict.fromkeys(item_ids))
        # In steps: whoever waits for the writer meanwhile does not wait for all of them.
        for start in range(0, len(asked), _AT_ONCE):
            step = partial(work, some=asked[start : start + _AT_ONCE])
            fates += await (self._catalogue.read(step) if preview else self._catalogue.write(step))
        return fates

    async def withdraw(self, agent: Agent, link_id: str, reason: str) -> None:
        """Say that the two do not belong together, and why; the link stays as withdrawn.

        From a sealed case only whoever may seal it withdraws: it may be what keeps the item closed.
        Durable on return. Raises Denied, Invalid("reason-needed"), Conflict("already-withdrawn").
        """
        reason = checked_reason(reason)
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            made = tx.links.get(link_id) if is_id(link_id) else None
            if made is None:
                raise Denied
            case = allowed_case(tx, self._authority, agent, Action.WITHDRAW_LINK, made.case_id, now)
            allowed_item(tx, self._authority, agent, Action.SEE_ITEM, made.item_id, now)
            if case.restriction is Restriction.SEALED:
                allowed_case(tx, self._authority, agent, Action.RESTRICT, made.case_id, now)
            withdraw(tx, made, agent.id, reason, now)

        await self._catalogue.write(work)

    async def inbox(self, agent: Agent, before: str | None) -> Sequence[Waiting]:
        """A page of items without a case that the agent may see, newest first; one event names them all."""
        scope = self._authority.scope(agent, Action.LIST_ITEMS)
        if scope is None:
            raise Denied
        now = self._clock.now()
        viewer = Viewer.of(agent, scope, now)
        cases = self._authority.scope(agent, Action.SEE_CASE)

        def look(tx: Transaction) -> Sequence[Waiting]:
            items = tx.links.unlinked(viewer, before=before, limit=PAGE)
            candidates = {} if cases is None else self._candidates(tx, items, Viewer.of(agent, cases, now))
            return [Waiting(item, item.submission.case, candidates.get(item.id, ())) for item in items]

        page = await self._catalogue.read(look)
        subjects = tuple(Subject("item", one.item.id) for one in page)
        await self._catalogue.record(
            EventDraft(EventType.LIST_SHOWN, agent.id, now, subjects, detail={"of": "inbox"})
        )
        return page

    def _candidates(
        self, tx: Transaction, items: Sequence[Item], viewer: Viewer
    ) -> Mapping[str, Sequence[str]]:
        """The numbers of cases that each item may belong to, as far as the viewer may see the case."""
        judgements = judged(tx, items, self._zone)
        named = {(one.item.unit, number) for one in judgements for number in one.verdict.candidates}
        known = cases_for(tx, named)
        seen = tx.cases.seen_by(viewer, {case.id for case in known.values()})
        shown = {name for name, case in known.items() if case.id in seen}
        return {
            one.item.id: [number for number in one.verdict.candidates if (one.item.unit, number) in shown]
            for one in judgements
        }
