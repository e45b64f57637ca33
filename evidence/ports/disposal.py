"""Proposals of disposal and what has become of them; the half of the store that destroys; trusted time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from evidence.access import Viewer
from evidence.disposal import Fate, Notice, Outcome, Proposal, Tombstone, TrustedTime
from evidence.items import Item


class Disposals(Protocol):
    """The catalogue's side. Every item of a proposal has one outcome row, from the proposal on."""

    def propose(self, proposal: Proposal) -> None: ...
    def get(self, proposal_id: str) -> Proposal | None: ...
    def page(self, viewer: Viewer, *, before: str | None, limit: int) -> Sequence[Proposal]:
        """Those of the units that the viewer reaches, newest first."""
        ...

    def settle(self, proposal: Proposal) -> None:
        """Note the proposal's state, approvals, refusal and certificate."""
        ...

    def open(self) -> Sequence[Proposal]:
        """Approved and not carried out, oldest first."""
        ...

    def due(self, viewer: Viewer, now: datetime, *, before: str | None, limit: int) -> Sequence[Item]:
        """What `viewer` may see and is kept no longer than until `now`, held or not, newest first."""
        ...

    def proposed(self, item_ids: Collection[str]) -> frozenset[str]:
        """Those of the items that are in a proposal which is neither refused nor carried out."""
        ...

    def busy(self, item_ids: Collection[str]) -> frozenset[str]:
        """Those at which work is going on or waits, that are not fully locked, or that somebody views.

        An export that is being made is work on each of its items, one being fetched a viewing of each.
        """
        ...

    def outcomes(self, proposal_id: str) -> Sequence[Outcome]:
        """Of every item of the proposal, in the order of their identifiers."""
        ...

    def add_time(self, proposal_id: str, time: TrustedTime) -> None: ...
    def times(self, proposal_id: str) -> Sequence[TrustedTime]:
        """Oldest first."""
        ...

    def bury(self, proposal_id: str, tombstone: Tombstone) -> None:
        """Mark the item as disposed of, and drop all that was made or said of it.

        What stays is its row, its links and its events.
        """
        ...

    def spare(self, proposal_id: str, item_id: str, fate: Fate) -> None:
        """Note that the item does not go by this proposal."""
        ...

    def units_due(self, until: datetime) -> Sequence[str]:
        """Units with something that is not held and kept no longer than until then."""
        ...

    def falling_due(self, unit: str, until: datetime, limit: int) -> Sequence[str]:
        """What of exactly this unit that is, the earliest first."""
        ...

    def add_notice(self, notice: Notice) -> None: ...
    def last_notice(self, unit: str) -> Notice | None: ...
    def notices(self, viewer: Viewer, limit: int) -> Sequence[Notice]:
        """Those of the units that the viewer reaches, newest first."""
        ...


class Disposer(Protocol):
    """The destroying half of the store. Only the disposal process has one; the service never does."""

    async def keys_of(self, item: Item) -> Sequence[str]:
        """Every key under which something of the item lies: original, manifest, renditions, parts."""
        ...

    async def locked_until(self, item: Item) -> datetime | None:
        """The latest lock on any of these; None if none is locked."""
        ...

    async def is_held(self, item: Item) -> bool:
        """Whether the store itself holds any of these."""
        ...

    async def dispose(self, key: str, now: datetime) -> None:
        """Remove the object under `key`, which is not locked beyond the trusted instant `now`.

        On return the bytes are unlinked and that is durable. May be repeated: nothing happens if there is
        none. Raises Conflict("locked"), Conflict("held") and then has touched nothing. A crash leaves the
        object, whole but for its immutable flag, or none.
        """
        ...


class TimeAsked(Protocol):
    """Several authorities at once."""

    async def stamp_all(self, statement: bytes) -> Sequence[TrustedTime]:
        """What each of them signed over `statement` that answered rightly, checked against its root."""
        ...


class TrustedClock(Protocol):
    """Time that somebody else vouches for."""

    async def stamp(self, statement: bytes) -> TrustedTime:
        """An authority's signed time over `statement`, checked against its root and fresh.

        Raises Unavailable("no-trusted-time") where none is configured or none answers rightly.
        """
        ...
