"""What came in late, and what has not come in for long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from evidence.access import Viewer
from evidence.items import Item


@dataclass(frozen=True, slots=True)
class Late:
    """An item, and how long after its end by its own clock it was received."""

    item: Item
    by: timedelta


@dataclass(frozen=True, slots=True)
class SilentDevice:
    """A device that sends, and when it last did."""

    unit: str
    device: str
    last_at: datetime


class Lateness(Protocol):
    """Every method shows what the viewer may see and nothing else."""

    def late(
        self, viewer: Viewer, *, by: timedelta, since: datetime, zone: timedelta, limit: int
    ) -> Sequence[Late]:
        """Items received since then, later than `by` after they ended, newest first.

        A clock that states no zone is read as `zone` from UTC; what knows no clock is not late.
        """
        ...

    def silent(
        self, viewer: Viewer, *, since: datetime, before: datetime, limit: int
    ) -> Sequence[SilentDevice]:
        """Devices that sent since then, and nothing after `before`; the longest silent first."""
        ...
