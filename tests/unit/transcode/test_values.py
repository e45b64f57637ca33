"""Whatever a tool prints, what is kept of it has canonical bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical
from transcode.values import TooStrange, as_canonical, parse_tool_json

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.just("base64:AAAA")
)
_ANYTHING = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner),
    max_leaves=30,
)


@given(_ANYTHING)
def test_anything_becomes_canonical(value: object) -> None:
    canonical(as_canonical(value))


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1), st.lists))
def test_what_is_canonical_already_stays(value: object) -> None:
    assert as_canonical(value) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_fraction_keeps_its_value_as_text(value: float) -> None:
    kept = as_canonical(value)
    assert isinstance(kept, str)
    assert float(kept) == value


def test_a_fraction_keeps_its_text_as_written() -> None:
    assert parse_tool_json(b'{"a": 12.300, "b": 1e400, "c": [0.1]}') == {
        "a": "12.300",
        "b": "1e400",
        "c": ["0.1"],
    }


def test_numbers_beyond_every_language_become_text() -> None:
    assert parse_tool_json(b"[9007199254740991, 9007199254740992]") == [9007199254740991, "9007199254740992"]
    assert parse_tool_json(b"[" + b"9" * 10_000 + b"]") == ["9" * 10_000]
    assert canonical(parse_tool_json(b"[NaN, Infinity, -Infinity]")) == b'["nan","inf","-inf"]'


def test_blobs_are_left_out() -> None:
    assert as_canonical({"a": b"\0", "b": ["base64:AAAA", 1]}) == {"b": [1]}
    assert as_canonical(b"\0") is None


def test_a_lone_surrogate_stays_visible() -> None:
    assert as_canonical("a\ud800") == "a\\ud800"


def test_depth_is_bounded() -> None:
    deep: object = 0
    for _ in range(500):
        deep = [deep]
    assert b"nested too deeply" in canonical(as_canonical(deep))


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(TooStrange):
        parse_tool_json(text)


@given(_ANYTHING)
def test_json_text_round_trips_into_canonical(value: object) -> None:
    canonical(parse_tool_json(json.dumps(as_canonical(value)).encode()))
