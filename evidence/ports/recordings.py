"""Recordings and the segments that they are made of (`evidence.recordings` holds the rules)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evidence.access import Viewer
from evidence.items import Item
from evidence.recordings import Segment


@dataclass(frozen=True, slots=True)
class Member:
    """A segment that somebody may see, its item, and the recording that it belongs to."""

    segment: Segment
    item: Item
    recording: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day in some place, half-open, in microseconds: what a clock without a zone shows, and UTC."""

    local_us: tuple[int, int]
    utc_us: tuple[int, int]


class Recordings(Protocol):
    """Every method that is given a viewer shows what they may see and nothing else."""

    def recording_of(self, item_id: str) -> str | None:
        """The recording that the item belongs to; None if it is in none."""
        ...

    def current(self, recording_id: str) -> str | None:
        """The recording that this identifier names today: that of the segment after which it was named."""
        ...

    def near(self, segment: Segment) -> Sequence[tuple[Segment, str]]:
        """Other segments that could be of one recording with this one, each with its recording.

        Of many that are in one recording anyhow, one may stand for all.
        """
        ...

    def place(self, segment: Segment, recording_id: str) -> None:
        """Put the segment, as it is known now, into the recording."""
        ...

    def move(self, item_ids: Sequence[str], recording_id: str) -> None:
        """Put these segments into that recording."""
        ...

    def merge(self, recording_id: str, into: str) -> None:
        """Put all segments of the first into the second."""
        ...

    def members(self, viewer: Viewer, recording_ids: Sequence[str], limit: int) -> Sequence[Member]:
        """The segments of these recordings, at most `limit`."""
        ...

    def page(self, viewer: Viewer, *, before: str | None, limit: int) -> Sequence[str]:
        """Recordings of which the viewer may see a segment, newest first."""
        ...

    def on_day(self, viewer: Viewer, unit: str, device: str, day: Day, limit: int) -> Sequence[Member]:
        """The device's segments of which some lies on the day by the clock that is asked first."""
        ...
