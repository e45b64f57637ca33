"""Marks as they are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from evidence.marks import Mark


class Marks(Protocol):
    """Withdrawn ones stay."""

    def add(self, mark: Mark) -> None: ...
    def get(self, mark_id: str) -> Mark | None: ...
    def withdraw(self, mark_id: str, *, at: datetime, agent_id: str, reason: str) -> None:
        """Raises Conflict("already-withdrawn")."""
        ...

    def on(self, item_ids: Collection[str]) -> Sequence[Mark]:
        """Every mark with a span of one of these items, withdrawn ones too, oldest first."""
        ...

    def words(self, item_id: str) -> Sequence[str]:
        """Labels and notes of what is not withdrawn, and of which no other item is sealed."""
        ...

    def beside(self, item_ids: Collection[str]) -> Sequence[str]:
        """Other items that have a mark in common with one of these."""
        ...
