"""What belongs to what, by hand: one item or many, looked at before it is done; and what waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from evidence.access import Viewer
from evidence.agents import Action, Agent, Restriction
from evidence.allowed import allowed_case, allowed_item
from evidence.cases import LONGEST_TEXT, Case, Origin, checked_link
from evidence.errors import Denied, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import is_id
from evidence.items import Item
from evidence.linking import link, withdraw
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock

#: Items that are linked at once.
MOST = 500
PAGE = 50


class Fate(StrEnum):
    """What becomes of an item that is to be linked."""

    LINKED = "linked"
    ALREADY = "already-linked"
    NOT_FOUND = "not-found"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item without a case, and the case that its submitter named."""

    item: Item
    named: str | None


class Linking:
    """The use cases of linking."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def link(
        self, agent: Agent, case_id: str, item_ids: Sequence[str], *, preview: bool
    ) -> Sequence[tuple[str, Fate]]:
        """Link every item that the agent may link; with `preview` only say what would become of each.

        Durable on return. Raises Denied, Invalid("too-many"), Conflict("settled-case").
        """
        if not item_ids or len(item_ids) > MOST:
            raise Invalid("too-many", f"1 to {MOST} items are linked at once.")
        now = self._clock.now()

        def fate(tx: Transaction, case: Case, item_id: str) -> Fate:
            try:
                item = allowed_item(tx, self._authority, agent, Action.LINK, item_id, now)
            except Denied:
                return Fate.NOT_FOUND
            if tx.links.live(case.id, item.id) is not None:
                return Fate.ALREADY
            if not preview:
                link(tx, case, item, Origin.HAND, agent.id, now)
            return Fate.LINKED

        def work(tx: Transaction) -> Sequence[tuple[str, Fate]]:
            case = allowed_case(tx, self._authority, agent, Action.LINK, case_id, now)
            checked_link(case)
            return [(item_id, fate(tx, case, item_id)) for item_id in dict.fromkeys(item_ids)]

        return await (self._catalogue.read(work) if preview else self._catalogue.write(work))

    async def withdraw(self, agent: Agent, link_id: str, reason: str) -> None:
        """Say that the two do not belong together, and why; the link stays as withdrawn.

        From a sealed case only whoever may seal it withdraws: it may be what keeps the item closed.
        Durable on return. Raises Denied, Invalid("reason-needed"), Conflict("already-withdrawn").
        """
        reason = reason.strip()
        if not reason or len(reason) > LONGEST_TEXT:
            raise Invalid("reason-needed", f"Say why, in 1 to {LONGEST_TEXT} characters: it goes on record.")
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            made = tx.links.get(link_id) if is_id(link_id) else None
            if made is None:
                raise Denied
            case = allowed_case(tx, self._authority, agent, Action.WITHDRAW_LINK, made.case_id, now)
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
        page = await self._catalogue.read(lambda tx: tx.links.unlinked(viewer, before=before, limit=PAGE))
        subjects = tuple(Subject("item", item.id) for item in page)
        await self._catalogue.record(
            EventDraft(EventType.LIST_SHOWN, agent.id, now, subjects, detail={"of": "inbox"})
        )
        return [Waiting(item, item.submission.case) for item in page]
