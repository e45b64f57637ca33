"""Bands of numbers become fewer, and lose none."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from storage.catalogue.search_bands import Band, merged


@given(numbers=st.sets(st.integers(0, 80)), width=st.integers(1, 5), most=st.integers(1, 12))
def test_bands_become_fewer_and_lose_none(numbers: set[int], width: int, most: int) -> None:
    bands = [Band(number * width, number * width + width - 1) for number in sorted(numbers)]
    made = merged(bands, most)
    assert len(made) <= most
    assert all(any(one.first <= band.first and band.last <= one.last for one in made) for band in bands)
    gaps = [later.first - one.last for one, later in pairwise(made)]
    assert all(gap > 1 for gap in gaps)
    # What is left open between them is wider than whatever was closed, or as wide.
    closed = [later.first - one.last for one, later in pairwise(bands)]
    assert sorted(gaps) == sorted(closed)[len(closed) - len(gaps) :]


def test_those_that_touch_are_one() -> None:
    assert merged([Band(0, 3), Band(4, 7), Band(12, 15)], 9) == [Band(0, 7), Band(12, 15)]


def test_of_none_there_are_none() -> None:
    assert merged([], 1) == []
