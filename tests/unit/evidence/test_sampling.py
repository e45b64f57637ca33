"""A sample can be drawn again by anybody who has the list and the seed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import Invalid
from evidence.ids import uuid7
from evidence.sampling import (
    MOST_DRAWN,
    Frame,
    checked_seed,
    drawn,
    how_many,
    population_digest,
)

AT = datetime(2026, 11, 28, tzinfo=UTC)
VECTOR = [4, 1, 2, 3, 0]
VECTOR_DIGEST = "7bafe6468dcfee4c98d1934a4f3a650185d6682ce75f5601ac88f0c93b9e7743"

POPULATIONS = st.lists(st.binary(min_size=10, max_size=10).map(lambda some: uuid7(AT, some)), max_size=30)
SEEDS = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(POPULATIONS, SEEDS, st.integers(0, 40), st.randoms(use_true_random=False))
def test_the_order_of_the_list_plays_no_part(
    population: list[str], seed: str, count: int, chance: object
) -> None:
    found = drawn(population, seed, count)
    assert len(found) == len(set(found)) == min(count, len(set(population)))
    assert set(found) <= set(population)
    shuffled = [*population]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert drawn(shuffled, seed, count) == found
    assert population_digest(shuffled) == population_digest(population)
    # More are drawn from the same list by going on, not by drawing others.
    assert drawn(population, seed, count + 1)[: len(found)] == found


def test_the_vector() -> None:
    """As docs/review.md says it, in other words than the code's."""
    population = [uuid7(AT, bytes([number] * 10)) for number in range(5)]
    seed = "00" * 31 + "2a"
    in_words = sorted(
        population, key=lambda one: hashlib.sha256(b"\0" * 31 + b"*" + one.encode()).hexdigest()
    )
    assert drawn(population, seed, 3) == in_words[:3]
    assert [population.index(one) for one in in_words] == VECTOR
    assert population_digest(population) == VECTOR_DIGEST


@pytest.mark.parametrize("seed", ["", "ab", "G" * 64, "A" * 64, "0" * 63, "0" * 65])
def test_a_seed_is_32_bytes(seed: str) -> None:
    with pytest.raises(Invalid) as error:
        checked_seed(seed)
    assert error.value.code == "bad-seed"


@pytest.mark.parametrize(
    ("size", "count", "percent", "found"),
    [(10, 3, None, 3), (10, 30, None, 10), (10, None, 5, 1), (101, None, 10, 11), (7, None, 100, 7)],
)
def test_how_many_are_drawn(size: int, count: int | None, percent: int | None, found: int) -> None:
    assert how_many(size, count, percent) == found


@pytest.mark.parametrize(
    ("size", "count", "percent"),
    [(10, None, None), (10, 1, 1), (10, 0, None), (10, None, 0), (10, None, 101), (10**6, None, 50)],
)
def test_what_cannot_be_drawn(size: int, count: int | None, percent: int | None) -> None:
    with pytest.raises(Invalid) as error:
        how_many(size, count, percent)
    assert error.value.code == "bad-count"
    assert how_many(MOST_DRAWN + 1, MOST_DRAWN, None) == MOST_DRAWN


def test_draws_that_could_have_items_in_common_are_known() -> None:
    day = timedelta(days=1)
    frame = Frame("北", AT, AT + 2 * day)
    meets = [
        Frame("北", AT, AT + 2 * day + timedelta(seconds=1)),
        Frame("北", AT - day, AT + timedelta(microseconds=1)),
        Frame("北", AT + day, AT + 9 * day),
    ]
    apart = [
        Frame("南", AT, AT + 2 * day),
        Frame("北", AT - day, AT),
        Frame("北", AT + 2 * day, AT + 3 * day),
        Frame("北", AT, AT + 2 * day, "penalty"),
        Frame("北", AT, AT + 2 * day, None, "penalty"),
    ]
    for other in (*meets, *apart):
        assert frame.meets(other) == other.meets(frame) == (other in meets)
    assert len({one.filter_digest for one in (frame, *apart)}) == 4
