"""Parts of long recordings as they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from evidence.parts import Part


class Parts(Protocol):
    """Parts of long recordings that are made playable bit by bit."""

    def plan(self, parts: Sequence[Part]) -> None:
        """Note the parts of one item; nothing happens if it has some already."""
        ...

    def get(self, part_id: str) -> Part | None: ...
    def of_item(self, item_id: str) -> Sequence[Part]:
        """In the order of their numbers; empty if the item is not made in parts."""
        ...

    def of_items(self, item_ids: Sequence[str]) -> Mapping[str, Sequence[Part]]:
        """The same for many, those without parts left out."""
        ...

    def made(self, part_id: str, at: datetime) -> None: ...
    def give_up(self, part_id: str, reason: str) -> None: ...
    def joined(self, before: datetime, limit: int) -> Sequence[str]:
        """Items with parts whose playable copy was made before `before`, at most `limit`."""
        ...

    def forget(self, item_id: str) -> None:
        """Drop the parts of an item."""
        ...
