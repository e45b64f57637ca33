"""What a submission and a description say of a segment, each with its source."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from evidence.gaps import day_gaps
from evidence.ids import new_id
from evidence.items import Item, Submission
from evidence.recordings import Clock, Origin, Segment, Start, grouped
from evidence.timekeeping import TimeStatement
from evidence.timeline import time_line
from transcode.facts import read_facts
from transcode.segments import segment_of

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
TEN = 1_795_255_200_000_000
HOUR = 3_600_000_000


def an_item(filename: str, **submitted: Any) -> Item:
    item_id = new_id(NOW)
    return Item(
        item_id, item_id, "north", item_id, Submission(filename, **submitted), "video", "video/mp4",
        10, "ab" * 32, 1, f"k/{item_id}", NOW, NOW,
    )  # fmt: skip


def said_of(item: Item, tags: Any = None, duration_ms: int | None = 300_000) -> Segment:
    facts = read_facts(None, tags, item.submission.filename, duration_ms)
    segment = segment_of(item, {"facts": facts.data, "duration_ms": duration_ms})
    assert segment is not None
    return segment


def test_the_file_name_says_device_number_and_time() -> None:
    segment = said_of(an_item("DSJ-A1_20261121100000_0007.mp4"))
    assert (segment.device, segment.device_source) == ("DSJ-A1", "file name")
    assert (segment.sequence, segment.part, segment.length_us) == ("0007", None, 300_000_000)
    assert segment.starts == (Start(Clock(Origin.FILE_NAME, "file name", False), TEN),)


def test_the_submitter_is_asked_first_and_the_file_last() -> None:
    times = (
        TimeStatement("device clock", "2026-11-21T18:00:00+08:00", "+08:00"),
        TimeStatement("device clock", "2026-11-21T18:05:00+08:00", "+08:00", "end"),
    )
    item = an_item("DSJ-A1_20261121100001_0007.mp4", device="CAM 1 ", recording="R", segment=3, times=times)
    tags = {"QuickTime:Main:CreateDate": "2026:11:21 10:00:02"}
    segment = said_of(item, tags)
    assert (segment.device, segment.device_source) == ("CAM 1", "submitted")
    assert (segment.recording, segment.number) == ("R", 3)
    assert segment.starts[:2] == (
        Start(Clock(Origin.SUBMITTER, "device clock", True), TEN),
        Start(Clock(Origin.FILE_NAME, "file name", False), TEN + 1_000_000),
    )


@pytest.mark.parametrize(
    "value",
    ["2026-11-21", "2026-11-21T10:00", "1904-01-01T00:00:00", "9999-01-01T00:00:00", "soon", ""],
)
def test_what_is_no_time_to_the_second_is_none(value: str) -> None:
    item = an_item("a.mp4", times=(TimeStatement("clock", value),))
    assert said_of(item).starts == ()


def test_a_clock_that_says_two_things_says_nothing() -> None:
    times = tuple(TimeStatement("clock", f"2026-11-21T10:00:0{n}") for n in range(2))
    assert said_of(an_item("a.mp4", times=times)).starts == ()


def test_the_first_chapter_of_older_cameras_belongs_to_the_others() -> None:
    first, second = said_of(an_item("GOPR0042.MP4")), said_of(an_item("GP010042.MP4"))
    assert (first.template, first.sequence) == (second.template, second.sequence)
    assert (first.part, second.part) == (0, 1)


def test_only_what_runs_is_a_segment() -> None:
    photo = replace(an_item("IMG_20261121_100000.jpg"), kind="photo")
    assert segment_of(photo, {"facts": {}, "duration_ms": None}) is None
    assert said_of(an_item("a.mp4"), duration_ms=None).length_us is None
    assert said_of(an_item("a.mp4"), duration_ms=10**15).length_us is None


def summer(*clocks: tuple[str, str | None]) -> list[Segment]:
    """Segments of five minutes of one camera, in the night in which summer time ends in Central Europe."""
    found = []
    for number, (value, zone) in enumerate(clocks):
        times = (TimeStatement("device clock", value, zone),)
        found.append(said_of(an_item(f"{number}.mp4", device="CAM", times=times)))
    return found


def test_a_recording_over_the_end_of_summer_time_is_one_where_the_clock_says_its_offset() -> None:
    segments = summer(("2026-10-25T02:55:00+02:00", "+02:00"), ("2026-10-25T02:00:00+01:00", "+01:00"))
    assert len(grouped(segments)) == 1
    line = time_line(segments)
    assert [one.offset_us for one in line.placed] == [0, 300_000_000]
    assert (line.holes, line.overlaps) == ((), ())


def test_where_the_clock_says_no_offset_nothing_is_guessed() -> None:
    # The hour from two to three is shown twice: these may be an hour apart, or follow each other.
    segments = summer(("2026-10-25T02:55:00", None), ("2026-10-25T02:00:00", None))
    assert len(grouped(segments)) == 2
    spring = summer(("2026-03-29T01:55:00", None), ("2026-03-29T03:00:00", None))
    assert len(grouped(spring)) == 2
    (hole,) = day_gaps(spring).holes
    assert hole.to_us - hole.from_us == HOUR


def test_what_is_a_year_off_is_of_the_day_that_its_clock_shows() -> None:
    wrong, right = summer(("2025-11-21T18:00:00+08:00", "+08:00"), ("2026-11-21T18:05:00+08:00", "+08:00"))
    assert len(grouped([wrong, right])) == 2
    assert right.starts[0].at_us - wrong.starts[0].at_us == 365 * 24 * HOUR + 300_000_000
