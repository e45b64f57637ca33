"""Reviews, the queue of what waits for one, and samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from evidence.access import Viewer
from evidence.items import Item
from evidence.reviews import Review, Turn
from evidence.sampling import Frame, Sample


@dataclass(frozen=True, slots=True)
class Queued:
    """An item that waits for a review."""

    item: Item
    turn: Turn


class Reviews(Protocol):
    """An item is reviewed while it has a review that was not withdrawn."""

    def add(self, review: Review) -> None: ...
    def get(self, review_id: str) -> Review | None: ...
    def withdraw(self, review_id: str, *, at: datetime, agent_id: str, reason: str) -> None:
        """Raises Conflict("already-withdrawn")."""
        ...

    def of(self, item_id: str) -> Sequence[Review]:
        """Withdrawn ones too, oldest first."""
        ...

    def reviewed(self, item_ids: Collection[str]) -> Mapping[str, int]:
        """How many standing reviews each item has; those without any left out."""
        ...

    def queue(
        self, viewer: Viewer, unit: str, *, after: tuple[Turn, str] | None, limit: int
    ) -> Sequence[Queued]:
        """What waits of the unit and those below it, may be seen and is not the viewer's own.

        Drawn first, then oldest first; `after` is the last of the page before."""
        ...

    def population(self, viewer: Viewer, frame: Frame, limit: int) -> Sequence[str]:
        """Items within the frame that `viewer` may see and that are not sealed, in order, at most `limit`."""
        ...

    def draw(self, sample: Sample, item_ids: Sequence[str]) -> None:
        """Note the draw, and put what was drawn and is not reviewed at the queue's head."""
        ...

    def sample(self, sample_id: str) -> Sample | None: ...
    def drawn(self, sample_id: str) -> Sequence[str]:
        """In the order in which they were drawn."""
        ...

    def samples(self, unit: str, *, before: str | None, limit: int) -> Sequence[Sample]:
        """Draws from frames of the unit and of those below it, newest first."""
        ...

    def again(self, filters: Collection[str]) -> Sequence[Sample]:
        """Every draw by one of these filters' digests, oldest first."""
        ...
