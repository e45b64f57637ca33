"""Clips as they were asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from evidence.clips import Clip


class Clips(Protocol):
    """What was made of them are renditions."""

    def add(self, clip: Clip) -> None: ...
    def get(self, clip_id: str) -> Clip | None: ...
    def on(self, item_ids: Collection[str]) -> Sequence[Clip]:
        """Every clip with a source among these items, oldest first."""
        ...
