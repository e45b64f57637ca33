"""Stretches of items in their own time, and of recordings in theirs. Pure.

Invariants: what is said of a recording is kept as spans of its segments, each in that segment's own time, so
that a late segment, which shifts the recording's time, moves nothing. Milliseconds, half-open; a span that
ends where it begins is a point. A span lies within its item as far as it was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evidence.errors import Invalid
from evidence.items import Item
from evidence.timeline import TimeLine

#: Segments that one thing is said of at most.
MOST_SPANS = 200


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """[from_ms, to_ms) of an item's own time."""

    item_id: str
    from_ms: int
    to_ms: int

    @property
    def is_point(self) -> bool:
        """Whether it ends where it begins."""
        return self.from_ms == self.to_ms


def length_of(item: Item) -> int | None:
    """How long the item plays, milliseconds as measured; None if it does not, or is not described yet."""
    length = None if item.summary is None else item.summary.get("duration_ms")
    return length if isinstance(length, int) and length > 0 else None


def checked_span(item: Item, from_ms: int, to_ms: int) -> Span:
    """The span; raises Invalid("no-length") and Invalid("outside") that says how long the item is."""
    length = length_of(item)
    if length is None:
        raise Invalid(
            "no-length", "This item has no length that was measured; nothing can be said of a part."
        )
    if not 0 <= from_ms <= to_ms <= length:
        raise Invalid("outside", f"A time lies between 0 and {length} ms, and does not end before it begins.")
    return Span(item.id, from_ms, to_ms)


def on_segments(line: TimeLine, from_ms: int, to_ms: int) -> tuple[Span, ...]:
    """What lies at that stretch of the recording's time, in its order; of a point, the segment that shows it.

    What a hole covers is in none. Raises Invalid("outside"), Invalid("in-a-hole") where nothing is there, and
    Invalid("too-many-segments").
    """
    length = line.length_us // 1000
    if not 0 <= from_ms <= to_ms <= length:
        raise Invalid("outside", f"A time lies between 0 and {length} ms, and does not end before it begins.")
    found = _point(line, from_ms * 1000) if from_ms == to_ms else _stretch(line, from_ms * 1000, to_ms * 1000)
    if not found:
        raise Invalid("in-a-hole", "The recording has nothing at that time.")
    if len(found) > MOST_SPANS:
        raise Invalid("too-many-segments", f"A stretch goes over at most {MOST_SPANS} segments.")
    return tuple(found)


def _point(line: TimeLine, at_us: int) -> list[Span]:
    # A point at the very end belongs to what ends there; everywhere else to what begins.
    for is_last in (False, True):
        for one in line.placed:
            within_us, length_us = at_us - one.offset_us, one.segment.length_us or 0
            if 0 <= within_us < length_us or (is_last and 0 < within_us == length_us):
                at_ms = within_us // 1000
                return [Span(one.segment.item_id, at_ms, at_ms)]
    return []


def _stretch(line: TimeLine, from_us: int, to_us: int) -> list[Span]:
    found = []
    for one in line.placed:
        length_us = one.segment.length_us or 0
        begins = max(from_us - one.offset_us, 0) // 1000
        ends = min(-(-(to_us - one.offset_us) // 1000), length_us // 1000)
        if begins < ends:
            found.append(Span(one.segment.item_id, begins, ends))
    return found


def on_line(line: TimeLine, spans: Sequence[Span]) -> Mapping[Span, int]:
    """At which millisecond of the recording's time each span begins, those of other recordings left out."""
    offsets = {one.segment.item_id: one.offset_us for one in line.placed}
    return {span: offsets[span.item_id] // 1000 + span.from_ms for span in spans if span.item_id in offsets}
