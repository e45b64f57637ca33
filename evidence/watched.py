"""What somebody has watched, as ranges of an item's own time. Pure.

Invariants: ranges are sorted, disjoint, do not touch and lie within the item; adding is a union, so that the
order in which a player tells plays no part and telling twice changes nothing. It is the player's word: that a
player showed something is not that somebody looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evidence.canonical import Json
from evidence.errors import Invalid
from evidence.ranges import ByteRange, merge, total
from evidence.spans import Span

#: A union of more pieces than this is of no player.
MOST_RANGES = 2_000


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of an item was watched. `length_ms` is the item's."""

    item_id: str
    ranges: tuple[ByteRange, ...]
    length_ms: int

    @property
    def covered_ms(self) -> int:
        """How much of it, each millisecond once."""
        return total(self.ranges)

    @property
    def permille(self) -> int:
        """The share of the whole, rounded down, so that 1000 is all of it."""
        return share(self.covered_ms, self.length_ms)

    def told(self) -> dict[str, Json]:
        """What goes on record of it."""
        return {
            "item": self.item_id,
            "ranges": [list(one) for one in self.ranges],
            "covered_ms": self.covered_ms,
            "duration_ms": self.length_ms,
        }


def share(covered_ms: int, length_ms: int) -> int:
    """Permille, rounded down; 0 of what has no length."""
    return covered_ms * 1000 // length_ms if length_ms > 0 else 0


def added(known: Iterable[ByteRange], more: Iterable[ByteRange], length_ms: int) -> tuple[ByteRange, ...]:
    """The union of both, cut to [0, length_ms); raises Invalid("too-many-ranges")."""
    cut = ((max(begins, 0), min(ends, length_ms)) for begins, ends in (*known, *more))
    union = tuple(merge(cut))
    if len(union) > MOST_RANGES:
        raise Invalid("too-many-ranges", f"No more than {MOST_RANGES} pieces of one item are kept.")
    return union


def by_item(spans: Iterable[Span]) -> Mapping[str, Sequence[ByteRange]]:
    """The ranges of each item that the spans name."""
    found: dict[str, list[ByteRange]] = {}
    for span in spans:
        found.setdefault(span.item_id, []).append((span.from_ms, span.to_ms))
    return found


def together(coverages: Iterable[Coverage]) -> tuple[int, int]:
    """Covered and whole length of several items of one recording, milliseconds."""
    known = list(coverages)
    return sum(one.covered_ms for one in known), sum(one.length_ms for one in known)
