"""The Range header: exact, bounded, never beyond the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.ranges import Unsatisfiable, parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-", [(0, 100)]),
        ("bytes=90-200", [(90, 100)]),
        ("bytes=-10", [(90, 100)]),
        ("bytes=-1000", [(0, 100)]),
        ("bytes=0-1, 5-6", [(0, 2), (5, 7)]),
        ("bytes=0-1,200-300", [(0, 2)]),
        ("bytes=5-1", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=" + ",".join(["0-"] * 3), None),
        ("bytes=" + ",".join(["0-0"] * 65), None),
        ("bytes=" + "9" * 40 + "-", None),
    ],
)
def test_each_form(header: str | None, expected: list[tuple[int, int]] | None) -> None:
    assert parse_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=200-300", "bytes=-0"])
def test_what_holds_no_byte_is_said_to(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, 100)


@given(
    st.text(max_size=40) | st.from_regex(r"bytes=(\d{0,4}-\d{0,4},? ?){1,5}", fullmatch=True),
    st.integers(0, 5000),
)
def test_no_header_leads_beyond_the_file(header: str, size: int) -> None:
    try:
        found = parse_range(header, size)
    except Unsatisfiable:
        return
    assert found is None or all(0 <= start < end <= size for start, end in found)
