"""Playback sessions, and what players say that they showed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from evidence.ranges import ByteRange


@dataclass(frozen=True, slots=True)
class Playback:
    """One person plays these items; `watched` holds, by item, what their player says that it showed."""

    id: str
    agent_id: str
    purpose: str | None
    opened_at: datetime
    touched_at: datetime
    watched: Mapping[str, Sequence[ByteRange]]
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What one person's players say of one item, in one session."""

    item_id: str
    agent_id: str
    ranges: Sequence[ByteRange]
    touched_at: datetime


@dataclass(frozen=True, slots=True)
class Delivered:
    """Bytes of one rendition of an item that left for one person, as closed viewings have them."""

    item_id: str
    agent_id: str
    content: str
    ranges: Sequence[ByteRange]


class Playbacks(Protocol):
    """A session's items are those that the recording had when it was opened."""

    def open(self, playback: Playback) -> None: ...
    def get(self, playback_id: str) -> Playback | None: ...
    def tell(self, playback_id: str, watched: Mapping[str, Sequence[ByteRange]], at: datetime) -> None:
        """Replace what was watched of these items."""
        ...

    def close(self, playback_id: str, at: datetime) -> bool:
        """False if it was already."""
        ...

    def idle(self, before: datetime, after: datetime, limit: int) -> Sequence[Playback]:
        """Open sessions that nothing was told of since `before`, or that were touched after `after`."""
        ...

    def told(self, item_ids: Collection[str], agent_id: str | None = None) -> Sequence[Told]:
        """What was watched of these items, by everybody or by one."""
        ...

    def delivered(self, item_ids: Collection[str]) -> Sequence[Delivered]:
        """What left of these items under viewings that are closed and of which it is known."""
        ...
