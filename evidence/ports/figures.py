"""Figures as they are kept: sums that follow every change of what they count, in its transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from evidence.access import Viewer
from evidence.figures import FigureQuery, FigureTable


class Figures(Protocol):
    """Whatever changes what is counted of an item brings its sums up to date; nobody has to ask for it."""

    def table(self, viewer: Viewer, query: FigureQuery) -> FigureTable:
        """What of the units that the viewer's role reaches was counted, or of what they sent themselves."""
        ...

    def recount(self, item_ids: Sequence[str], *, moved: bool = False) -> None:
        """Count these items anew, in place of what was counted of them; `moved`: their days' gaps too."""
        ...

    def uncounted(self, limit: int) -> Sequence[str]:
        """Items that a migration left to be counted."""
        ...

    def unsettled(self) -> bool:
        """Whether there are days whose gaps have changed since."""
        ...

    def settle(self, limit: int) -> int:
        """Count the gaps of days that have changed since, at most `limit`; how many these were."""
        ...

    def difference(self) -> int:
        """Count everything anew: how many sums are kept otherwise. 0 unless something is broken."""
        ...
