"""What was watched is a union: the order plays no part, telling twice changes nothing, and it is bounded."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import Invalid
from evidence.spans import Span
from evidence.watched import MOST_RANGES, Coverage, added, by_item, share, together

RANGES = st.lists(
    st.tuples(st.integers(-10, 120), st.integers(0, 40)).map(lambda one: (one[0], one[0] + one[1])),
    max_size=12,
)


def shown(ranges: list[tuple[int, int]], length: int) -> set[int]:
    return {at for begins, ends in ranges for at in range(begins, ends) if 0 <= at < length}


@given(RANGES, RANGES, st.integers(1, 100))
def test_the_union_is_that_of_the_sets(
    one: list[tuple[int, int]], other: list[tuple[int, int]], length: int
) -> None:
    union = added(added((), one, length), other, length)
    assert shown([*union], length) == shown([*one, *other], length)
    assert union == added(added((), other, length), one, length) == added(union, one, length)
    assert all(begins < ends for begins, ends in union)
    assert all(before[1] < after[0] for before, after in pairwise(union))
    coverage = Coverage("i", union, length)
    assert coverage.covered_ms == len(shown([*one, *other], length))
    assert coverage.permille == coverage.covered_ms * 1000 // length
    assert (coverage.permille == 1000) == (coverage.covered_ms == length)


def test_a_share_is_rounded_down_and_nothing_of_nothing_is_none() -> None:
    assert [share(1, 3), share(999_999, 1_000_000), share(3, 3), share(0, 0)] == [333, 999, 1000, 0]
    assert together([Coverage("a", ((0, 5),), 10), Coverage("b", (), 30)]) == (5, 40)


def test_more_pieces_than_a_player_shows_are_refused() -> None:
    pieces = [(2 * number, 2 * number + 1) for number in range(MOST_RANGES + 1)]
    assert len(added((), pieces[1:], 10_000)) == MOST_RANGES
    with pytest.raises(Invalid) as error:
        added((), pieces, 10_000)
    assert error.value.code == "too-many-ranges"


def test_spans_are_told_apart_by_item() -> None:
    assert by_item([Span("a", 0, 1), Span("b", 2, 3), Span("a", 5, 9)]) == {
        "a": [(0, 1), (5, 9)],
        "b": [(2, 3)],
    }
