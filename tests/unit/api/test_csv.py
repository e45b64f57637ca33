"""Nothing that a submitter wrote is reckoned with by a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.search import csv_lines, guarded


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_what_begins_like_a_formula_is_quoted(start: str) -> None:
    assert guarded(f"{start}cmd|'/c calc'!A1") == f"'{start}cmd|'/c calc'!A1"


@pytest.mark.parametrize("plain", ["", "现场.mp4", "a=b", "1-2", "'=1"])
def test_other_cells_stay_as_they_are(plain: str) -> None:
    assert guarded(plain) == plain


@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")), min_size=2, max_size=4
    )
)
def test_a_row_is_read_as_it_was_written(cells: list[str]) -> None:
    (row,) = csv.reader(io.StringIO(csv_lines([cells]).decode(), newline=""))
    assert row == [guarded(cell) for cell in cells]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
