from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.agents import Role
from evidence.csv_lists import Fault
from evidence.errors import Invalid
from evidence.staff import COLUMNS, Entrant, parse

HEADER = "username,name,role,unit,above\n"
#: What a cell keeps: no space at its ends, nothing that text cannot hold.
CELL = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
    .map(str.strip)
    .filter(bool)
)


def test_a_list_is_read_in_either_encoding() -> None:
    text = HEADER + "0071,李明,officer,一中队,一大队\ndock-1,,station,一中队,\n"
    wanted = [
        Entrant("0071", "李明", Role.OFFICER, "一中队", "一大队"),
        Entrant("dock-1", "dock-1", Role.STATION, "一中队"),
    ]
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        assert parse(text.encode(encoding)) == (wanted, [])


def test_columns_are_taken_by_name_and_others_left_out() -> None:
    assert parse(b"Unit, ROLE ,phone,username\nu,auditor,110,a\n")[0] == [
        Entrant("a", "a", Role.AUDITOR, "u")
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",x,officer,u,", "username is empty"),
        ("a,x,,u,", "role is empty"),
        ("a,x,officer,,", "unit is empty"),
        ("a,x,chief,u,", "role is one of officer"),
        ("a,x,officer,u,u", "a unit does not lie below itself"),
        ("first,x,officer,u,", "the user name first stands above already"),
        ("a,x,officer,u,elsewhere", "u stands above as below bureau"),
        (f"{'a' * 129},x,officer,u,", "username has more than 128 characters"),
    ],
)
def test_what_cannot_be_read_is_left_out_and_named(line: str, words: str) -> None:
    found, faults = parse(f"{HEADER}first,x,officer,u,bureau\n\n{line}\nlast,x,officer,u,\n".encode())
    assert [one.username for one in found] == ["first", "last"]
    (fault,) = faults
    assert fault.line == 4
    assert fault.words.startswith(words)
    assert isinstance(fault, Fault)


@pytest.mark.parametrize(
    "data", [b"", b"username,role\na,officer\n", b"\xff\xff\xff", HEADER.encode() + b'"a']
)
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid) as error:
        parse(data)
    assert error.value.code == "bad-list"


@given(
    st.lists(
        st.builds(Entrant, CELL, CELL, st.sampled_from(Role), CELL.map("u".__add__)),
        unique_by=lambda one: one.username,
    )
)
def test_what_was_written_is_read(people: list[Entrant]) -> None:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    rows.writerows([one.username, one.name, one.role.value, one.unit, ""] for one in people)
    assert parse(text.getvalue().encode()) == (people, [])
