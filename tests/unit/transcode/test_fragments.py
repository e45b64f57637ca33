"""The layout of fragmented MP4: exact for sound files, ValueError for all others."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transcode import mp4
from transcode.boxes import boxes, claimed_boxes
from transcode.fragments import layout, parse


def _laid_out(data: bytes) -> dict[str, Any]:
    return dict(layout(parse(io.BytesIO(data))))


_VIDEO = mp4.track(1, b"vide", 1000)
_AUDIO = mp4.track(2, b"soun", 48000)


def test_fragments_are_grouped_into_segments_of_four_seconds() -> None:
    head = mp4.header(_VIDEO)
    fragments = [mp4.fragment(mp4.run(1, start * 1000, [500, 500])) for start in range(10)]
    made = _laid_out(head + b"".join(fragments))
    size = len(fragments[0])
    assert made["init"] == [0, len(head)]
    assert [segment["duration_us"] for segment in made["segments"]] == [4_000_000, 4_000_000, 2_000_000]
    assert made["segments"][1] == {
        "start": len(head) + 4 * size,
        "end": len(head) + 8 * size,
        "duration_us": 4_000_000,
    }
    assert made["duration_us"] == 10_000_000
    assert (made["video"], made["audio"]) == (True, False)


def test_sound_alone_is_its_own_guide() -> None:
    made = _laid_out(mp4.header(_AUDIO) + mp4.fragment(mp4.run(2, 0, [1024] * 10)))
    assert made["duration_us"] == 10_240 * 1_000_000 // 48_000
    assert (made["video"], made["audio"]) == (False, True)


def test_video_leads_and_a_fragment_without_it_joins_the_segment_before() -> None:
    data = mp4.header(_VIDEO, _AUDIO)
    data += mp4.fragment(mp4.run(1, 0, [5000]), mp4.run(2, 0, [240_000]))
    data += mp4.fragment(mp4.run(2, 240_000, [48_000]))
    made = _laid_out(data)
    assert [segment["duration_us"] for segment in made["segments"]] == [5_000_000]
    assert made["segments"][0]["end"] == len(data)
    assert parse(io.BytesIO(data)).measured_us() == 6_000_000


def test_defaults_and_missing_start_times_are_followed() -> None:
    data = mp4.header(_VIDEO, default_durations=[(1, 40)])
    data += mp4.fragment(mp4.default_run(1, 0, 25)) + mp4.fragment(mp4.run(1, None, [1000]))
    assert parse(io.BytesIO(data)).fragments[1].times == {1: (1000, 1000)}
    assert _laid_out(data)["duration_us"] == 2_000_000


def test_a_later_origin_does_not_lengthen_the_recording() -> None:
    data = mp4.header(_VIDEO) + mp4.fragment(mp4.run(1, 7_000_000, [1000]))
    assert _laid_out(data)["duration_us"] == 1_000_000


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 64,
        mp4.header(_VIDEO),
        mp4.fragment(mp4.run(1, 0, [1])),
        mp4.header(mp4.track(1, b"vide", 0)) + mp4.fragment(mp4.run(1, 0, [1])),
        mp4.header(_VIDEO) + mp4.fragment(mp4.run(9, 0, [1])),
        mp4.header(_VIDEO, _AUDIO) + mp4.fragment(mp4.run(2, 0, [1])),
        mp4.header(_VIDEO) + mp4.fragment(mp4.run(1, 5, [1])) + mp4.fragment(mp4.run(1, 2, [1])),
        mp4.header(_VIDEO) + mp4.fragment(mp4.run(1, 2**60, [1])),
        mp4.header(_VIDEO) + mp4.fragment(mp4.run(1, 0, [1]))[:-1],
        mp4.header(_VIDEO) + mp4.header(_VIDEO) + mp4.fragment(mp4.run(1, 0, [1])),
        mp4.header(mp4.track(1, b"text", 10)) + mp4.fragment(mp4.run(1, 0, [1])),
    ],
)
def test_faults_are_value_errors(data: bytes) -> None:
    with pytest.raises(ValueError):
        _laid_out(data)


_RUNS = st.lists(st.lists(st.integers(0, 5000), min_size=1, max_size=8), min_size=1, max_size=40)


@given(_RUNS, st.integers(1, 100_000), st.integers(0, 2**40))
def test_segments_cover_all_bytes_and_all_time(runs: list[list[int]], timescale: int, origin: int) -> None:
    head = mp4.header(mp4.track(1, b"vide", timescale))
    data, clock = head, origin
    for durations in runs:
        data += mp4.fragment(mp4.run(1, clock, durations))
        clock += sum(durations)
    made = _laid_out(data)
    segments = made["segments"]
    assert segments[0]["start"] == len(head)
    assert segments[-1]["end"] == len(data)
    assert all(one["end"] == following["start"] for one, following in pairwise(segments))
    assert all(segment["duration_us"] >= 4_000_000 for segment in segments[:-1])
    assert sum(segment["duration_us"] for segment in segments) == made["duration_us"]
    assert made["duration_us"] == (clock - origin) * 1_000_000 // timescale


_WHOLE = mp4.header(_VIDEO, _AUDIO) + b"".join(
    mp4.fragment(mp4.run(1, start, [500, 500]), mp4.run(2, start * 48, [48_000])) for start in (0, 1000)
)


@given(st.lists(st.tuples(st.integers(0, len(_WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_flipped_bytes_never_do_worse_than_a_value_error(flips: list[tuple[int, int]]) -> None:
    data = bytearray(_WHOLE)
    for place, value in flips:
        data[place] = value
    try:
        made = _laid_out(bytes(data))
    except ValueError:
        return
    previous = made["init"][1]
    for segment in made["segments"]:
        assert previous <= segment["start"] < segment["end"] <= len(data)
        assert segment["duration_us"] >= 0
        previous = segment["end"]


@given(st.binary(max_size=400))
def test_any_bytes_end_in_a_value_error_or_boxes(data: bytes) -> None:
    file = io.BytesIO(data)
    try:
        for found in boxes(file, 0, len(data)):
            assert found.start < found.body <= found.end <= len(data)
    except ValueError:
        return


def test_a_claim_beyond_the_end_is_shown_as_claimed() -> None:
    data = mp4.box(b"mdat", bytes(100))[:50]
    assert [found.end for found in claimed_boxes(io.BytesIO(data), 0, 50)] == [108]
