"""Where a recording's segments lie, what is missing between them, what is there twice."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evidence.recordings import Clock, Origin, Segment, Start
from evidence.timeline import Numbers, Placing, Stretch, time_line

S = 1_000_000
NAME = Clock(Origin.FILE_NAME, "file name", False)
SUBMITTED = Clock(Origin.SUBMITTER, "device clock", False)


def a_segment(item: str, at: int | None, number: int | None = None, seconds: int | None = 300) -> Segment:
    starts = () if at is None else (Start(NAME, at * S),)
    length = None if seconds is None else seconds * S
    return Segment(item, "north", "video", "CAM", number=number, starts=starts, length_us=length)


def test_segments_lie_where_their_clock_says() -> None:
    line = time_line([a_segment("c", 720, 4), a_segment("a", 100, 1), a_segment("b", 401, 2)])
    assert [(one.segment.item_id, one.offset_us // S) for one in line.placed] == [
        ("a", 0),
        ("b", 301),
        ("c", 620),
    ]
    assert (line.clock, line.begins_us, line.length_us) == (NAME, 100 * S, 920 * S)
    assert line.missing == (Numbers(3, 3, "b", "c"),)
    assert line.holes == (Stretch(601 * S, 620 * S, "b", "c"),)
    assert (line.overlaps, line.repeated) == ((), ())


def test_an_overlap_is_shown_and_what_lies_within_another_reaches_no_further() -> None:
    line = time_line([a_segment("a", 0, seconds=600), a_segment("b", 100, seconds=50), a_segment("c", 590)])
    assert line.overlaps == (Stretch(100 * S, 150 * S, "a", "b"), Stretch(590 * S, 600 * S, "a", "c"))
    assert line.holes == ()


def test_without_a_clock_segments_follow_each_other() -> None:
    line = time_line([a_segment("b", None, 2), a_segment("a", None, 1), a_segment("d", None, 4)])
    assert [(one.segment.item_id, one.offset_us // S, one.by) for one in line.placed] == [
        ("a", 0, Placing.ASSUMED), ("b", 300, Placing.ASSUMED), ("d", 600, Placing.ASSUMED),
    ]  # fmt: skip
    assert (line.clock, line.begins_us, line.holes) == (None, None, ())
    assert line.missing == (Numbers(3, 3, "b", "d"),)


def test_a_clock_that_says_the_same_of_all_speaks_of_the_recording() -> None:
    line = time_line([a_segment("a", 7, 1), a_segment("b", 7, 2)])
    assert [one.offset_us // S for one in line.placed] == [0, 300]
    assert line.clock is None


def test_one_that_does_not_know_the_clock_stands_after_the_one_before() -> None:
    line = time_line([a_segment("a", None, 1), a_segment("b", 1000, 2), a_segment("c", None, 3)])
    assert [(one.offset_us // S, one.by.value) for one in line.placed] == [
        (0, "assumed"), (300, "clock"), (600, "assumed"),
    ]  # fmt: skip
    # Reckoned back from the second, it would be no statement of anybody.
    assert (line.clock, line.begins_us) == (NAME, None)


def test_one_that_does_not_know_the_clock_never_stands_behind_the_next_one() -> None:
    # The first is longer than its clock leaves room for.
    line = time_line([a_segment("a", -1, 0, 2), a_segment("b", None, 1, None), a_segment("c", 0, 2, None)])
    assert [one.offset_us // S for one in line.placed] == [0, 1, 1]


def test_the_clock_that_most_know_places_them() -> None:
    both = [replace(a_segment(item, at), number=None) for item, at in (("a", 0), ("b", 300))]
    both[0] = replace(both[0], starts=(Start(SUBMITTED, 5 * S), *both[0].starts))
    assert time_line(both).clock == NAME
    both[1] = replace(both[1], starts=(Start(SUBMITTED, 305 * S), *both[1].starts))
    assert time_line(both).clock == SUBMITTED


def test_after_a_length_that_nobody_knows_no_hole_is_claimed() -> None:
    line = time_line([a_segment("a", 0, 1, None), a_segment("b", 900, 2), a_segment("c", 1210, 3)])
    assert line.holes == (Stretch(1200 * S, 1210 * S, "b", "c"),)


def test_numbers_that_stand_twice_and_before_the_first() -> None:
    line = time_line([a_segment("a", 0, 3), a_segment("b", 300, 3), a_segment("c", 600, 4)])
    assert line.repeated == (3,)
    assert line.missing == (Numbers(1, 2, None, "a"),)
    assert time_line([a_segment("a", 0, 0), a_segment("b", 300, 1)]).missing == ()


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-50, 50),
            st.none() | st.integers(0, 5),
            st.none() | st.integers(0, 40),
        ),
        min_size=1,
        max_size=7,
    ),
    st.randoms(use_true_random=False),
)
def test_a_time_line_holds_every_segment_once_from_zero_in_any_order(
    said: list[tuple[int | None, int | None, int | None]], random: object
) -> None:
    segments = [a_segment(f"i{n}", at, number, seconds) for n, (at, number, seconds) in enumerate(said)]
    line = time_line(segments)
    shuffled = list(segments)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert time_line(shuffled) == line
    assert sorted(one.segment.item_id for one in line.placed) == sorted(one.item_id for one in segments)
    offsets = [one.offset_us for one in line.placed]
    assert min(offsets) == 0
    assert offsets == sorted(offsets)
    assert all(hole.from_us < hole.to_us <= line.length_us for hole in line.holes)
    assert all(over.from_us < over.to_us <= line.length_us for over in line.overlaps)
