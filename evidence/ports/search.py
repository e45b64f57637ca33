"""The search, as the use cases see it: entries that follow from other rows, and questions about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from evidence.access import Viewer
from evidence.search import ClockReading, Entry, Facets, Hit, ItemState, Query, SavedSearch


class Search(Protocol):
    """Every question is answered from what `viewer` may see and from nothing else."""

    def put(self, entry: Entry) -> None:
        """Keep the entry of its item, in place of the one before; the item keeps its place in the order."""
        ...

    def set_state(self, item_id: str, state: ItemState) -> None:
        """Note what has become of the item; nothing happens if it has no entry."""
        ...

    def drop(self, item_id: str) -> None:
        """Forget the item's entry; nothing happens if it has none."""
        ...

    def entry(self, item_id: str) -> Entry | None:
        """The entry as it is kept."""
        ...

    def items_after(self, item_id: str | None, limit: int) -> Sequence[str]:
        """The next items in the order of their identifiers, with an entry or without."""
        ...

    def due(self, limit: int) -> Sequence[str]:
        """Items whose entries a migration left to be made."""
        ...

    def settle(self, item_ids: Sequence[str]) -> None:
        """Note that these are made."""
        ...

    def page(self, viewer: Viewer, query: Query, *, before: int | None, limit: int) -> Sequence[Hit]:
        """What is found, newest first; `before` is the last number of the page before."""
        ...

    def matching_clocks(self, query: Query, item_ids: Sequence[str]) -> Mapping[str, Sequence[ClockReading]]:
        """By which clocks each of these lies in the time that is asked for; empty if none is asked for."""
        ...

    def facets(self, viewer: Viewer, query: Query) -> Facets:
        """How many are found, and how many of each unit, kind, category, state, device and officer."""
        ...

    def suggestions(self, viewer: Viewer, beginning: str, limit: int) -> Mapping[str, Sequence[str]]:
        """Officers, devices, units and case numbers that begin so."""
        ...

    def save(self, saved: SavedSearch) -> None:
        """Keep it, in place of the same person's of the same name."""
        ...

    def saved(self, agent_id: str) -> Sequence[SavedSearch]:
        """The person's own, by name."""
        ...

    def drop_saved(self, agent_id: str, search_id: str) -> bool:
        """Forget it; False if the person has none of that identifier."""
        ...
