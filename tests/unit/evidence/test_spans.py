"""Stretches of a recording become spans of its segments, and lead back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import Invalid
from evidence.items import Item, Submission
from evidence.recordings import Clock, Origin, Segment, Start
from evidence.spans import Span, checked_span, on_line, on_segments
from evidence.timeline import TimeLine, time_line
from tests.contract.test_catalogue import NOW

CLOCK = Clock(Origin.FILE_NAME, "file name", False)
ITEM = Item("i", "u", "北", "a", Submission("a.mp4"), "video", "video/mp4", 1, "0", 0, "k", NOW, NOW)


def line_of(*segments: tuple[int, int]) -> TimeLine:
    """Segments that begin then and last so long, milliseconds; called by their place."""
    return time_line(
        [
            Segment(
                str(number),
                "北",
                "video",
                "CAM",
                "submitted",
                starts=(Start(CLOCK, begins * 1000),),
                length_us=lasts * 1000,
            )
            for number, (begins, lasts) in enumerate(segments)
        ]
    )


def code_of(line: TimeLine, from_ms: int, to_ms: int) -> str:
    with pytest.raises(Invalid) as error:
        on_segments(line, from_ms, to_ms)
    return error.value.code


def test_a_stretch_over_a_joint_has_a_span_of_each_segment() -> None:
    line = line_of((0, 4000), (4000, 4000), (10_000, 1000))
    assert on_segments(line, 3000, 5000) == (Span("0", 3000, 4000), Span("1", 0, 1000))
    assert on_segments(line, 7000, 10_500) == (Span("1", 3000, 4000), Span("2", 0, 500))
    assert code_of(line, 8500, 9500) == "in-a-hole"
    assert code_of(line, 0, 11_001) == code_of(line, -1, 5) == code_of(line, 6, 5) == "outside"


def test_a_moment_belongs_to_what_begins_there() -> None:
    line = line_of((0, 4000), (4000, 4000))
    assert on_segments(line, 4000, 4000) == (Span("1", 0, 0),)
    assert on_segments(line, 8000, 8000) == (Span("1", 4000, 4000),)
    assert code_of(line_of((0, 1000), (5000, 1000)), 3000, 3000) == "in-a-hole"


def test_what_is_shown_twice_has_both() -> None:
    assert on_segments(line_of((0, 4000), (3000, 4000)), 3000, 4000) == (
        Span("0", 3000, 4000),
        Span("1", 0, 1000),
    )


def test_a_stretch_goes_over_so_many_segments_and_no_more() -> None:
    line = line_of(*((1000 * number, 1000) for number in range(201)))
    assert len(on_segments(line, 0, 200_000)) == 200
    assert code_of(line, 0, 201_000) == "too-many-segments"


def test_a_span_lies_within_its_item() -> None:
    item = replace(ITEM, summary={"duration_ms": 1000})
    assert checked_span(item, 0, 1000) == Span("i", 0, 1000)
    assert checked_span(item, 1000, 1000).is_point
    for bounds in ((-1, 5), (5, 1001), (6, 5)):
        with pytest.raises(Invalid) as error:
            checked_span(item, *bounds)
        assert error.value.code == "outside"
    for summary in (None, {}, {"duration_ms": None}, {"duration_ms": 0}):
        with pytest.raises(Invalid) as error:
            checked_span(replace(ITEM, summary=summary), 0, 0)
        assert error.value.code == "no-length"


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 5000)), min_size=1, max_size=8),
    st.data(),
)
def test_spans_cover_the_stretch_but_for_holes_and_do_not_move(
    steps: list[tuple[int, int]], data: st.DataObject
) -> None:
    segments, at = [], 0
    for hole, lasts in steps:
        segments.append((at + hole, lasts))
        at += hole + lasts
    first = segments[0][0]
    segments = [(begins - first, lasts) for begins, lasts in segments]
    line = line_of(*segments)
    length = line.length_us // 1000
    begins = data.draw(st.integers(0, length))
    ends = data.draw(st.integers(begins, length))
    covered = [at for one, lasts in segments for at in (max(one, begins), min(one + lasts, ends))]
    expected = sum(max(0, b - a) for a, b in zip(covered[::2], covered[1::2], strict=True))
    try:
        spans = on_segments(line, begins, ends)
    except Invalid:
        assert expected == 0
        return
    assert sum(span.to_ms - span.from_ms for span in spans) == expected
    at_ms = on_line(line, spans)
    assert all(begins <= at_ms[span] <= ends for span in spans)
    # A segment that comes late, before all others, moves the recording's time and no span.
    later = time_line([replace(one.segment) for one in line.placed] + [_before(line)])
    assert all(on_line(later, [span])[span] == at_ms[span] + 7000 for span in spans)


def _before(line: TimeLine) -> Segment:
    first = line.placed[0].segment
    start = first.start(CLOCK)
    assert start is not None
    return replace(first, item_id="late", starts=(Start(CLOCK, start - 7_000_000),), length_us=1_000_000)
