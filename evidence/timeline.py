"""A recording's own time: where each of its segments lies, what is missing, what is there twice. Pure.

Invariants: segments stand in the order of their numbers where each has one of its own, else of their times;
offsets are whole microseconds from the first, and never fall. One clock places them; a segment that does not
know it stands directly after the one before, or where the next is known to begin if that is sooner, and says
so. Nothing is said of a hole where that cannot be known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from evidence.recordings import TOLERANCE_US, Clock, Segment


class Placing(StrEnum):
    """How it is known where a segment lies."""

    CLOCK = "clock"
    #: Directly after the one before it, because nothing says when it began.
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Placed:
    """A segment on the recording's time."""

    segment: Segment
    offset_us: int
    by: Placing


@dataclass(frozen=True, slots=True)
class Stretch:
    """Half-open, on the recording's time; `first` and `second` are the items on either side.

    Between segments it is a hole; where two show the same time, an overlap.
    """

    from_us: int
    to_us: int
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of which no segment is there, both ends included, and the items on either side."""

    first: int
    last: int
    after: str | None
    before: str | None


@dataclass(frozen=True, slots=True)
class TimeLine:
    """`begins_us` is when it begins by `clock`; None where the first segment does not know that clock."""

    clock: Clock | None
    begins_us: int | None
    placed: tuple[Placed, ...]
    missing: tuple[Numbers, ...]
    repeated: tuple[int, ...]
    holes: tuple[Stretch, ...]
    overlaps: tuple[Stretch, ...]
    length_us: int


def time_line(segments: Sequence[Segment]) -> TimeLine:
    """The time line of these segments of one recording; there is at least one."""
    ordered, clock = _ordered(segments)
    placed, begins_us = _placed(ordered, clock)
    holes, overlaps = between(placed)
    counts = Counter(segment.counted for segment in ordered if segment.counted is not None)
    return TimeLine(
        clock,
        begins_us,
        placed,
        _missing(ordered),
        tuple(sorted(number for number, count in counts.items() if count > 1)),
        holes,
        overlaps,
        max(one.offset_us + (one.segment.length_us or 0) for one in placed),
    )


def _ordered(segments: Sequence[Segment]) -> tuple[list[Segment], Clock | None]:
    numbers = {segment.counted for segment in segments}
    if None not in numbers and len(numbers) == len(segments):
        ordered = sorted(segments, key=lambda segment: (segment.counted or 0, segment.item_id))
        return ordered, most_known([clock for clock in _clocks(ordered) if _rises(ordered, clock)], ordered)
    clock = most_known(_clocks(segments), segments)
    return sorted(segments, key=lambda segment: _by_time(segment, clock)), clock


def _by_time(segment: Segment, clock: Clock | None) -> tuple[bool, int, int, str]:
    at_us = None if clock is None else segment.start(clock)
    return at_us is None, at_us or 0, segment.counted or 0, segment.item_id


def _clocks(segments: Sequence[Segment]) -> list[Clock]:
    return sorted({start.clock for segment in segments for start in segment.starts})


def _rises(ordered: Sequence[Segment], clock: Clock) -> bool:
    """A clock that shows the same for several speaks of the whole recording; one that goes back was set."""
    known = [at_us for segment in ordered if (at_us := segment.start(clock)) is not None]
    return all(before < after for before, after in pairwise(known))


def most_known(clocks: Sequence[Clock], segments: Sequence[Segment]) -> Clock | None:
    """The clock that most of the segments know; of several the one that is asked first."""
    known = Counter(start.clock for segment in segments for start in segment.starts)
    return min(clocks, key=lambda clock: (-known[clock], clock), default=None)


def _placed(ordered: Sequence[Segment], clock: Clock | None) -> tuple[tuple[Placed, ...], int | None]:
    known = [None if clock is None else segment.start(clock) for segment in ordered]
    first = next((number for number, at_us in enumerate(known) if at_us is not None), None)
    at_us = 0
    if first is not None:
        before = sum(segment.length_us or 0 for segment in ordered[:first])
        at_us = (known[first] or 0) - before
    begins_us = at_us
    placed = []
    for number, (segment, said) in enumerate(zip(ordered, known, strict=True)):
        following = next((later for later in known[number:] if later is not None), at_us)
        at_us = min(at_us, following) if said is None else said
        by = Placing.ASSUMED if said is None else Placing.CLOCK
        placed.append(Placed(segment, at_us - begins_us, by))
        at_us += segment.length_us or 0
    return tuple(placed), begins_us if first == 0 else None


def between(placed: Sequence[Placed]) -> tuple[tuple[Stretch, ...], tuple[Stretch, ...]]:
    """Holes and overlaps of more than the tolerance, of what is placed in the order of time."""
    holes, overlaps = [], []
    reach: tuple[int, str] | None = None
    for one in placed:
        begins, item = one.offset_us, one.segment.item_id
        if one.segment.length_us is None:
            reach = None
            continue
        ends = begins + one.segment.length_us
        if reach is not None and begins - reach[0] > TOLERANCE_US:
            holes.append(Stretch(reach[0], begins, reach[1], item))
        elif reach is not None and min(reach[0], ends) - begins > TOLERANCE_US:
            overlaps.append(Stretch(begins, min(reach[0], ends), reach[1], item))
        if reach is None or ends > reach[0]:
            reach = ends, item
    return tuple(holes), tuple(overlaps)


def _missing(ordered: Sequence[Segment]) -> tuple[Numbers, ...]:
    """What lies between the numbers that are there, and before them: counting begins at 1 at the latest."""
    first_of: dict[int, str] = {}
    for segment in ordered:
        if segment.counted is not None:
            first_of.setdefault(segment.counted, segment.item_id)
    missing = []
    last, after = 0, None
    for number, item in sorted(first_of.items()):
        if number > last + 1:
            missing.append(Numbers(last + 1, number - 1, after, item))
        last, after = number, item
    return tuple(missing)
