"""What one device's segments of one day do not cover. Pure.

A report says what is not there, never why: a number may be a photo's, a hole may be a camera switched off,
and what somebody may not see is for them not there. Invariants: times are those of one clock; a segment that
does not know it is named as such and counts for no hole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from evidence.recordings import Clock, Segment, counter
from evidence.timeline import Placed, Placing, Stretch, between, most_known

#: Makers' pre-event buffers are this long, and often without sound.
_SHORTEST_BUFFER_US = 15_000_000
_LONGEST_BUFFER_US = 120_000_000


@dataclass(frozen=True, slots=True)
class Skipped:
    """File numbers of which nothing is there, both ends included, and the items on either side."""

    template: str
    first: int
    last: int
    after: str
    before: str


@dataclass(frozen=True, slots=True)
class Restart:
    """A counter that went back, from the number of one item to that of the next."""

    template: str
    number: int
    to: int
    after: str
    before: str


@dataclass(frozen=True, slots=True)
class DayGaps:
    """`placed` by when each began by `clock`, in the order of time; `unplaced` do not know that clock."""

    clock: Clock | None
    placed: tuple[Placed, ...]
    unplaced: tuple[Segment, ...]
    holes: tuple[Stretch, ...]
    overlaps: tuple[Stretch, ...]
    skipped: tuple[Skipped, ...]
    restarts: tuple[Restart, ...]


def day_gaps(segments: Sequence[Segment]) -> DayGaps:
    """What is not there between these segments of one device."""
    clock = most_known(sorted({start.clock for one in segments for start in one.starts}), segments)
    known = [(segment, None if clock is None else segment.start(clock)) for segment in segments]
    placed = sorted(
        (Placed(segment, at_us, Placing.CLOCK) for segment, at_us in known if at_us is not None),
        key=lambda one: (one.offset_us, one.segment.counted or 0, one.segment.item_id),
    )
    unplaced = sorted((one for one, at_us in known if at_us is None), key=lambda one: one.item_id)
    holes, overlaps = between(placed)
    skipped, restarts = _counted([one.segment for one in placed])
    return DayGaps(clock, tuple(placed), tuple(unplaced), holes, overlaps, skipped, restarts)


def _counted(ordered: Iterable[Segment]) -> tuple[tuple[Skipped, ...], tuple[Restart, ...]]:
    by_template: dict[str, list[tuple[int, str]]] = {}
    for segment in ordered:
        if (found := counter(segment)) is not None:
            by_template.setdefault(found[0], []).append((found[1], segment.item_id))
    skipped, restarts = [], []
    for template, numbered in sorted(by_template.items()):
        for (number, item), (following, its) in pairwise(numbered):
            if following > number + 1:
                skipped.append(Skipped(template, number + 1, following - 1, item, its))
            elif following < number:
                restarts.append(Restart(template, number, following, item, its))
    return tuple(skipped), tuple(restarts)


def likely_buffer_us(silent_until_us: object, length_us: int | None) -> int | None:
    """How long the pre-event buffer likely is with which a recording begins; None: nothing looks like one.

    `silent_until_us` is how far it is silent from its beginning, as far as that is known.
    """
    if not isinstance(silent_until_us, int) or length_us is None or silent_until_us >= length_us:
        return None
    return silent_until_us if _SHORTEST_BUFFER_US <= silent_until_us <= _LONGEST_BUFFER_US else None
