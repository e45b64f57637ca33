"""Sets of bytes: half-open ranges, merged. What a viewing sent is one of these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

ByteRange: TypeAlias = tuple[int, int]


def merge(ranges: Iterable[ByteRange]) -> list[ByteRange]:
    """The same bytes as sorted, disjoint, non-touching, non-empty half-open ranges."""
    merged: list[ByteRange] = []
    for start, end in sorted(piece for piece in ranges if piece[0] < piece[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def total(ranges: Iterable[ByteRange]) -> int:
    """How many distinct bytes the ranges hold."""
    return sum(end - start for start, end in merge(ranges))
