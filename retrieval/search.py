"""Searching: pages, counts, suggestions, lists as files, and the searches that people keep.

Whatever is shown is on record first, by one event that names every item of it, with the query as its detail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from evidence.access import Viewer
from evidence.agents import Action, Agent
from evidence.canonical import Json
from evidence.errors import Conflict, Denied, Invalid, TooLarge
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import is_id, new_id
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.search import PAGE, ClockReading, Facets, Query, SavedSearch, cursor, read_cursor
from retrieval.reading import ItemView, views_of

MOST_EXPORTED = 10_000
MOST_SAVED = 200
_ROWS_AN_EVENT = 200
_SUGGESTED = 10


@dataclass(frozen=True, slots=True)
class Found:
    """An item, and by which clocks it lies in the time that was asked for."""

    view: ItemView
    clocks: Sequence[ClockReading]


@dataclass(frozen=True, slots=True)
class FoundPage:
    """What was found, newest first; `following` asks for the next page."""

    found: Sequence[Found]
    following: str | None


class Search:
    """The use cases behind `/search` and `/searches`."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def page(self, agent: Agent, query: Query, after: str | None, limit: int = PAGE) -> FoundPage:
        """A page of what the agent may see, on record; raises Denied, Invalid("bad-cursor")."""
        viewer = self._viewer(agent)
        before = None if after is None else read_cursor(agent.id, query, after)
        found, last = await self._catalogue.read(lambda tx: _page(tx, viewer, query, before, limit))
        await self._record(agent, EventType.LIST_SHOWN, {"of": "search", "query": query.pairs()}, found)
        following = cursor(agent.id, query, last) if last is not None and len(found) == limit else None
        return FoundPage(found, following)

    async def facets(self, agent: Agent, query: Query) -> Facets:
        """Counts of what the agent may see, on record; raises Denied."""
        viewer = self._viewer(agent)
        counted = await self._catalogue.read(lambda tx: tx.search.facets(viewer, query))
        await self._record(agent, EventType.LIST_SHOWN, {"of": "counts", "query": query.pairs()})
        return counted

    async def suggestions(self, agent: Agent, beginning: str) -> Mapping[str, Sequence[str]]:
        """Values that begin so and that an item has which the agent may see, on record; raises Denied."""
        viewer = self._viewer(agent)
        if not beginning.strip() or len(beginning) > 64:
            raise Invalid("bad-beginning", "`text` has 1 to 64 characters.")
        found = await self._catalogue.read(
            lambda tx: tx.search.suggestions(viewer, beginning.strip(), _SUGGESTED)
        )
        await self._record(agent, EventType.LIST_SHOWN, {"of": "suggestions", "beginning": beginning})
        return found

    async def export(self, agent: Agent, query: Query) -> AsyncIterator[Sequence[Found]]:
        """All that is found, some at a time, each time on record before it is handed out.

        Raises Denied, TooLarge("too-many-rows"), before anything is handed out.
        """
        viewer = self._viewer(agent)
        total = (await self._catalogue.read(lambda tx: tx.search.facets(viewer, query))).total
        if total > MOST_EXPORTED:
            raise TooLarge(
                "too-many-rows",
                f"The list has {total:,} rows, and a file at most {MOST_EXPORTED:,}. Narrow the search.",
            )
        return self._exported(agent, viewer, query)

    async def _exported(self, agent: Agent, viewer: Viewer, query: Query) -> AsyncIterator[Sequence[Found]]:
        before, row = None, 0
        while True:
            at = before
            found, before = await self._catalogue.read(
                lambda tx, at=at: _page(tx, viewer, query, at, _ROWS_AN_EVENT)  # type: ignore[misc]
            )
            # A list of nothing was handed out too.
            if found or row == 0:
                detail: dict[str, Json] = {"of": "search", "query": query.pairs(), "first_row": row + 1}
                await self._record(agent, EventType.LIST_EXPORTED, detail, found)
                yield found
            row += len(found)
            if len(found) < _ROWS_AN_EVENT or row >= MOST_EXPORTED:
                return

    async def save(self, agent: Agent, name: str, query: Query) -> SavedSearch:
        """Keep a search under a name, in place of one of that name; raises Denied, Conflict."""
        self._viewer(agent)
        now = self._clock.now()
        saved = SavedSearch(new_id(now), agent.id, name, query, now)

        def keep(tx: Transaction) -> None:
            others = [one for one in tx.search.saved(agent.id) if one.name != name]
            if len(others) >= MOST_SAVED:
                raise Conflict("too-many-saved", f"You keep {MOST_SAVED} searches; drop one first.")
            tx.search.save(saved)

        await self._catalogue.write(keep)
        return saved

    async def saved(self, agent: Agent) -> Sequence[SavedSearch]:
        """What the agent keeps, by name; raises Denied."""
        self._viewer(agent)
        return await self._catalogue.read(lambda tx: tx.search.saved(agent.id))

    async def drop_saved(self, agent: Agent, search_id: str) -> None:
        """Forget a search of the agent's own; raises Denied, also for somebody else's."""
        self._viewer(agent)
        if not is_id(search_id) or not await self._catalogue.write(
            lambda tx: tx.search.drop_saved(agent.id, search_id)
        ):
            raise Denied

    def _viewer(self, agent: Agent) -> Viewer:
        scope = self._authority.scope(agent, Action.LIST_ITEMS)
        if scope is None:
            raise Denied
        return Viewer.of(agent, scope, self._clock.now())

    async def _record(
        self, agent: Agent, kind: EventType, detail: Mapping[str, Json], found: Sequence[Found] = ()
    ) -> None:
        subjects = tuple(Subject("item", one.view.item.id) for one in found)
        await self._catalogue.record(EventDraft(kind, agent.id, self._clock.now(), subjects, detail=detail))


def _page(
    tx: Transaction, viewer: Viewer, query: Query, before: int | None, limit: int
) -> tuple[list[Found], int | None]:
    hits = tx.search.page(viewer, query, before=before, limit=limit)
    views = views_of(tx, tx.items.several([hit.item_id for hit in hits]))
    clocks = tx.search.matching_clocks(query, [hit.item_id for hit in hits])
    found = [Found(view, clocks.get(view.item.id, ())) for view in views]
    return found, hits[-1].seq if hits else None
