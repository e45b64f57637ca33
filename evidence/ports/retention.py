"""Schedules, what they come to for each item, and holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from evidence.access import Viewer
from evidence.cases import Case
from evidence.items import Item
from evidence.schedules import Hold, Keep, Schedule


@dataclass(frozen=True, slots=True)
class Month:
    """How many items are kept until a month (`YYYY-MM`, UTC), and how many of them are held."""

    month: str
    items: int
    held: int


class Retention(Protocol):
    """Versions count from 1 without a hole; the newest one that is in force holds."""

    def propose(self, schedule: Schedule) -> None: ...
    def get(self, version: int) -> Schedule | None: ...
    def listed(self) -> Sequence[Schedule]:
        """Newest first."""
        ...

    def in_force(self) -> Schedule | None: ...
    def approve(self, version: int, approved_by: Sequence[str], in_force_at: datetime | None) -> None: ...
    def cases_ever(self, item_ids: Collection[str]) -> Mapping[str, Sequence[Case]]:
        """The cases that each item is or was linked to; items without any left out."""
        ...

    def keep(self, item_id: str, keep: Keep, version: int) -> None:
        """Note until when the item is kept, by which version (0: none was in force)."""
        ...

    def behind(self, version: int, limit: int) -> Sequence[Item]:
        """Items whose keeping was last reckoned by an older version, oldest first."""
        ...

    def page(self, after: str, limit: int) -> Sequence[Item]:
        """Every item after that identifier, oldest first."""
        ...

    def to_renew(self, before: datetime, limit: int) -> Sequence[Item]:
        """Items fully locked whose lock ends before `before` and before they may go."""
        ...

    def forecast(self, viewer: Viewer, until: datetime) -> Sequence[Month]:
        """What of that which `viewer` may see is kept until a day before `until`, month by month."""
        ...

    def hold(self, hold: Hold) -> None: ...
    def get_hold(self, hold_id: str) -> Hold | None: ...
    def lift(self, hold_id: str, *, at: datetime, agent_id: str, reason: str) -> None:
        """Raises Conflict("already-lifted")."""
        ...

    def untold_holds(self, limit: int) -> Sequence[Item]:
        """Items of which the store was told otherwise than whether they are held, oldest first."""
        ...

    def told_hold(self, item_id: str, held: bool) -> None:
        """Note what the store was told."""
        ...

    def holds_on(self, subjects: Collection[str]) -> Sequence[Hold]:
        """On any of these items and cases, lifted ones too, oldest first."""
        ...
