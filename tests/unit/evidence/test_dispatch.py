"""A recording is linked by itself only where one case fits and no other; all else waits for a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.csv_lists import Fault
from evidence.dispatch import LEEWAY, Dispatch, Fit, Roster, Sighting, Verdict, fit, judge, parse
from evidence.errors import Invalid
from evidence.items import Category

BEIJING = timezone(timedelta(hours=8))
BEGINS = datetime(2026, 11, 25, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
TASK = Dispatch("1", "A", "012345", "DSJ-7", BEGINS, BEGINS + HOUR)
SEEN = Sighting("012345", "DSJ-7", BEGINS + timedelta(minutes=10), BEGINS + timedelta(minutes=20))
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("task", "seen", "expected"),
    [
        (TASK, SEEN, Fit.WHOLLY),
        (TASK, replace(SEEN, officer=None), Fit.PARTLY),
        (TASK, replace(SEEN, device=None), Fit.PARTLY),
        (TASK, replace(SEEN, officer=None, device=None), Fit.NOT),
        (TASK, replace(SEEN, officer="999"), Fit.NOT),
        (TASK, replace(SEEN, device="DSJ-8"), Fit.NOT),
        (replace(TASK, device=None), SEEN, Fit.WHOLLY),
        (replace(TASK, officer=None), SEEN, Fit.WHOLLY),
        (replace(TASK, officer=None), replace(SEEN, officer=None), Fit.WHOLLY),
        (TASK, replace(SEEN, begins_at=None), Fit.NOT),
        (TASK, replace(SEEN, begins_at=BEGINS + HOUR + LEEWAY, ends_at=None), Fit.WHOLLY),
        (TASK, replace(SEEN, begins_at=BEGINS + HOUR + LEEWAY + TICK, ends_at=None), Fit.NOT),
        (TASK, replace(SEEN, begins_at=BEGINS - HOUR, ends_at=BEGINS - LEEWAY), Fit.WHOLLY),
        (TASK, replace(SEEN, begins_at=BEGINS - HOUR, ends_at=BEGINS - LEEWAY - TICK), Fit.NOT),
    ],
)
def test_officer_device_and_time_decide(task: Dispatch, seen: Sighting, expected: Fit) -> None:
    assert fit(task, seen) is expected


def test_one_case_that_fits_wholly_is_the_one_however_often_it_is_listed() -> None:
    other = replace(TASK, reference="2", case_number="B")
    again = replace(TASK, reference="3")
    partly = replace(SEEN, officer=None)
    assert judge([TASK, again], SEEN) == Verdict("A", ("A",))
    assert judge([TASK, other], SEEN) == Verdict(None, ("A", "B"))
    assert judge([TASK, replace(other, officer="999")], SEEN) == Verdict("A", ("A",))
    assert judge([TASK, other], partly) == Verdict(None, ("A", "B"))
    assert judge([TASK], partly) == Verdict(None, ("A",))
    assert judge([], SEEN) == Verdict(None, ())


TASKS = st.lists(
    st.builds(
        Dispatch,
        st.uuids().map(str),
        st.sampled_from("ABC"),
        st.none() | st.sampled_from(["1", "2"]),
        st.none() | st.sampled_from(["X", "Y"]),
        st.integers(-3, 3).map(lambda hours: BEGINS + hours * HOUR),
        st.just(BEGINS + 4 * HOUR),
    ),
    max_size=6,
)
SIGHTINGS = st.builds(
    Sighting,
    st.none() | st.sampled_from(["1", "2"]),
    st.none() | st.sampled_from(["X", "Y"]),
    st.none() | st.integers(-6, 6).map(lambda hours: BEGINS + hours * HOUR),
    st.none(),
)


@given(TASKS, SIGHTINGS, st.randoms())
def test_it_is_never_a_guess(tasks: list[Dispatch], seen: Sighting, random: object) -> None:
    verdict = judge(tasks, seen)
    wholly = {task.case_number for task in tasks if fit(task, seen) is Fit.WHOLLY}
    assert (verdict.case_number is not None) == (len(wholly) == 1)
    assert verdict.case_number is None or {verdict.case_number} == wholly
    assert Roster(tasks).judge(seen) == verdict
    shuffled = list(tasks)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = judge(shuffled, seen)
    assert (again.case_number, set(again.candidates)) == (verdict.case_number, set(verdict.candidates))


LIST = """reference,case_number,officer,device,begins,ends,category,title,place
J-1,西公〔2026〕7号,012345,DSJ-7,2026-11-25 08:30,2026/11/25 09:30,penalty,纠纷,"人民路, 12号"
J-2,西公〔2026〕8号,,DSJ-8,2026-11-25T01:00:00Z,2026-11-25T02:00+00:00,,,

"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_list_is_read_as_offices_write_it(encoding: str) -> None:
    found, faults = parse(LIST.encode(encoding), BEIJING)
    assert faults == []
    assert found == [
        Dispatch(
            "J-1", "西公〔2026〕7号", "012345", "DSJ-7", BEGINS, BEGINS + HOUR, Category.PENALTY, "纠纷",
            "人民路, 12号",
        ),
        Dispatch(
            "J-2", "西公〔2026〕8号", None, "DSJ-8", BEGINS + HOUR / 2, BEGINS + 3 * HOUR / 2,
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",A,1,,2026-11-25 08:30,2026-11-25 09:30", "reference is empty"),
        ("1,,1,,2026-11-25 08:30,2026-11-25 09:30", "case_number is empty"),
        ("1,A,,,2026-11-25 08:30,2026-11-25 09:30", "an officer or a device"),
        ("1,A,1,,soon,2026-11-25 09:30", "begins is no time"),
        ("1,A,1,,2026-11-25 09:30,2026-11-25 08:30", "ends before"),
        ("1,A,1,,2026-11-25 09:30,2026-12-25 08:30", "longer than a week"),
        ("1,A,1,,2026-11-25 08:30,2026-11-25 09:30,theft", "category is one of"),
        ("J-0,A,1,,2026-11-25 08:30,2026-11-25 09:30", "above already"),
        (f"{'x' * 300},A,1,,2026-11-25 08:30,2026-11-25 09:30", "at most 256"),
        ("1", "case_number is empty"),
    ],
)
def test_a_line_that_cannot_be_read_says_which_and_why(line: str, words: str) -> None:
    header = "reference,case_number,officer,device,begins,ends,category\n"
    good = "J-0,A,1,,2026-11-25 08:30,2026-11-25 09:30,\n"
    found, (fault,) = parse((header + good + line).encode(), BEIJING)
    assert [one.reference for one in found] == ["J-0"]
    assert fault.line == 3
    assert words in fault.words


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "does not name: reference"),
        (b"reference,begins,ends\n", "does not name: case_number"),
        (b"\xff\xff\x00", "neither"),
        (b'reference,case_number,begins,ends\n"1,2', "no CSV from line 2"),
    ],
)
def test_what_is_no_list_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        parse(data, BEIJING)
    assert error.value.code == "bad-list"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found, faults = parse(b"reference,case_number,begins,ends,officer\n" + data, BEIJING)
    except Invalid:
        return
    assert all(isinstance(fault, Fault) for fault in faults)
    assert len({one.reference for one in found}) == len(found)
