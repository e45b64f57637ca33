"""Finding copies of an item. What may not be seen is neither found nor counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence.access import Viewer
from evidence.agents import Action, Agent
from evidence.allowed import allowed_item
from evidence.copies import CopyMatch, FingerprintKind
from evidence.errors import Denied
from evidence.events import EventDraft, EventType, Subject
from evidence.items import Item
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue
from evidence.ports.clock import Clock
from evidence.ports.copies import FingerprintIndex

MOST_SHOWN = 50
#: More are asked for than shown: those that the agent may not see take places too.
_MOST_ASKED = 1_000


@dataclass(frozen=True, slots=True)
class FoundCopy:
    """An item that the agent may see, and how a stretch of it agrees."""

    item: Item
    match: CopyMatch


@dataclass(frozen=True, slots=True)
class Copies:
    """`compared`: the kinds of fingerprint that the asked item has. None: nothing can be said of copies."""

    compared: Sequence[FingerprintKind]
    found: Sequence[FoundCopy]


class CopySearch:
    """The use case behind "find copies of this"."""

    def __init__(
        self, catalogue: Catalogue, index: FingerprintIndex, authority: Authority, clock: Clock
    ) -> None:
        self._catalogue = catalogue
        self._index = index
        self._authority = authority
        self._clock = clock

    async def copies_of(self, agent: Agent, item_id: str) -> Copies:
        """At most 50 likely copies, best first; one event names the asked item and every one shown.

        An item that agrees in picture and in sound is there twice. Raises Denied, EventNotWritten.
        """
        now = self._clock.now()
        scope = self._authority.scope(agent, Action.SEE_ITEM)
        if scope is None:
            raise Denied
        viewer = Viewer.of(agent, scope, now)
        await self._catalogue.read(
            lambda tx: allowed_item(tx, self._authority, agent, Action.SEE_ITEM, item_id, now)
        )
        compared: list[FingerprintKind] = []
        matches: list[CopyMatch] = []
        for kind in FingerprintKind:
            fingerprint = await self._index.of(item_id, kind)
            if fingerprint is not None and fingerprint.marks:
                compared.append(kind)
                matches += await self._index.matches(fingerprint, _MOST_ASKED)
        matches.sort(key=lambda match: -match.score)
        # The index may know an item that is not registered, or no longer.
        items = await self._catalogue.read(
            lambda tx: tx.items.seen_by(viewer, {match.item_id for match in matches})
        )
        there = {one for one, item in items.items() if item.disposed_at is None}
        seen = [FoundCopy(items[match.item_id], match) for match in matches if match.item_id in there]
        seen = seen[:MOST_SHOWN]
        shown = {item_id, *(copy.item.id for copy in seen)}
        await self._catalogue.record(
            EventDraft(
                EventType.LIST_SHOWN,
                agent.id,
                now,
                tuple(Subject("item", one) for one in sorted(shown)),
                detail={"of": "copies", "asked": item_id},
            )
        )
        return Copies(compared, seen)
