"""Canonical JSON equals RFC 8785, by an independent implementation."""

from __future__ import annotations

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical, parse_canonical

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53 - 1), 2**53 - 1) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=25,
)


@given(VALUES)
def test_equals_an_independent_implementation(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(TEXT, VALUES, max_size=6))
def test_parsing_gives_back_what_was_written(value: dict[str, object]) -> None:
    assert parse_canonical(canonical(value)) == value


def test_keys_are_sorted_by_utf16_code_units() -> None:
    assert canonical({"\U00010000": 1, "\uffff": 2}) == '{"\U00010000":1,"\uffff":2}'.encode()


@pytest.mark.parametrize("value", [1.0, 2**53, -(2**53), {1: 2}, "\ud800", {"a": {"b": b""}}, object()])
def test_what_has_no_place_in_a_format_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical(value)


@pytest.mark.parametrize("data", [b'{"a": 1}', b'{"b":1,"a":2}', b"[]", b"{", b'{"a":1.5}', b'{"a":1,"a":1}'])
def test_other_spellings_are_not_canonical(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_canonical(data)
