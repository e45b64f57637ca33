"""Dispatch lists, and what items say that they are compared with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from evidence.dispatch import Dispatch, Sighting
from evidence.items import Item


class Dispatches(Protocol):
    """The lines of a unit's lists, one for each reference."""

    def known(self, unit: str, references: Collection[str]) -> Mapping[str, Dispatch]: ...
    def put(self, unit: str, dispatches: Sequence[Dispatch], agent_id: str, at: datetime) -> None:
        """Insert or replace the lines of these references."""
        ...

    def near(
        self, spans: Mapping[str, Collection[tuple[datetime, datetime]]]
    ) -> Mapping[str, Sequence[Dispatch]]:
        """By unit those that meet one of its times within the leeway, the earliest first, each once."""
        ...

    def sightings(self, items: Sequence[Item], zone: timedelta) -> Mapping[str, Sighting]:
        """What each item says of itself by its first clock; one without a zone is read as `zone` from UTC."""
        ...

    def unlinked(self, unit: str, begins_at: datetime, ends_at: datetime, limit: int) -> Sequence[Item]:
        """The unit's items without a live link that began then by some clock in some zone, oldest first."""
        ...
