"""Identifiers that are derived from others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.ids import derived_id, is_id, uuid7

JOB = uuid7(datetime(2026, 11, 22, tzinfo=UTC), bytes(range(10)))


def test_a_derived_identifier_is_for_ever() -> None:
    assert derived_id(JOB, "poster") == "01a2008d-7400-7638-8525-a709ea844bdf"


@given(st.text(), st.text())
def test_each_name_has_its_own_of_the_parents_instant(one: str, other: str) -> None:
    first, second = derived_id(JOB, one), derived_id(JOB, other)
    assert is_id(first)
    assert first[:15] == JOB[:15]
    assert (first == second) == (one == other)


def test_only_an_identifier_has_any() -> None:
    with pytest.raises(ValueError, match="not an identifier"):
        derived_id("job", "poster")
