"""What a device's day does not cover."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.gaps import Restart, Skipped, day_gaps, likely_buffer_us
from evidence.recordings import Clock, Origin, Segment, Start
from evidence.timeline import Stretch

S = 1_000_000
NAME = Clock(Origin.FILE_NAME, "file name", False)
GPS = Clock(Origin.FILE, "GPS time", True)


def a_segment(item: str, at: int | None, sequence: str | None = None, template: str = "T") -> Segment:
    starts = () if at is None else (Start(NAME, at * S),)
    return Segment(
        item, "north", "video", "CAM", template=template, sequence=sequence, starts=starts, length_us=300 * S
    )


def test_holes_lie_between_what_is_there_in_the_order_of_time() -> None:
    found = day_gaps([a_segment("c", 900), a_segment("a", 0), a_segment("b", 295), a_segment("d", None)])
    assert [one.segment.item_id for one in found.placed] == ["a", "b", "c"]
    assert [one.item_id for one in found.unplaced] == ["d"]
    assert found.holes == (Stretch(595 * S, 900 * S, "b", "c"),)
    assert found.overlaps == (Stretch(295 * S, 300 * S, "a", "b"),)


def test_a_device_that_is_not_there_has_no_gaps() -> None:
    found = day_gaps([])
    assert (found.clock, found.placed, found.holes, found.skipped) == (None, (), (), ())


def test_file_numbers_are_counted_by_template() -> None:
    found = day_gaps(
        [
            a_segment("a", 0, "0007"),
            a_segment("b", 300, "0100", "other"),
            a_segment("c", 600, "0010"),
            a_segment("d", 900, "0010"),
            a_segment("e", 1200, "0002"),
            a_segment("f", 1500, "AA"),
            a_segment("g", 1800),
        ]
    )
    assert found.skipped == (Skipped("T", 8, 9, "a", "c"),)
    assert found.restarts == (Restart("T", 10, 2, "d", "e"),)


@pytest.mark.parametrize(
    ("silent_s", "length_s", "likely_s"),
    [(15, 300, 15), (120, 300, 120), (14, 300, None), (121, 300, None), (0, 300, None), (60, 60, None)],
)
def test_a_buffer_is_likely_only_where_sound_follows_in_time(
    silent_s: int, length_s: int, likely_s: int | None
) -> None:
    likely = None if likely_s is None else likely_s * S
    assert likely_buffer_us(silent_s * S, length_s * S) == likely
    assert likely_buffer_us(None, length_s * S) is None
    assert likely_buffer_us(silent_s * S, None) is None


segments = st.builds(
    a_segment,
    st.uuids().map(str),
    st.none() | st.integers(0, 3000),
    st.none() | st.sampled_from(["0001", "0002", "0009", "AA"]),
)


@given(st.lists(segments, max_size=9), st.randoms(use_true_random=False))
def test_a_report_is_the_same_in_any_order_and_loses_nothing(many: list[Segment], random: object) -> None:
    found = day_gaps(many)
    shuffled = list(many)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert day_gaps(shuffled) == found
    assert len(found.placed) + len(found.unplaced) == len(many)
    assert all(hole.from_us < hole.to_us for hole in found.holes)
    assert all(one.first <= one.last for one in found.skipped)
