"""Where a long recording is cut: at keyframes, so that every frame falls into one stretch and no other."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from transcode.parts import Clock, NotSpreadable, Stretch, Survey, beginning_us, rounded_ticks, stretches

#: Ticks of a thousandth of a second.
MILLIS = Clock(1, 1000)


def survey(frames: list[tuple[int, bool]]) -> Survey:
    """Packets whose decoding times are in order and whose times shown need not be."""
    found = Survey(0)
    for number, (shown, key) in enumerate(frames):
        found.feed(f"0,{shown},{number},{'K__' if key else '___'}\n")
    return found


@st.composite
def recordings(draw: st.DrawFn) -> list[tuple[int, bool]]:
    """Frames at uneven times, some of them keyframes, in the order in which they are decoded."""
    steps = draw(st.lists(st.integers(1, 3000), min_size=2, max_size=120))
    keys = draw(st.lists(st.booleans(), min_size=len(steps), max_size=len(steps)))
    at = draw(st.integers(-5000, 5000))
    frames = []
    for step, key in zip(steps, keys, strict=True):
        frames.append((at, key))
        at += step
    # Frames between keyframes may be decoded in another order than they are shown.
    swapped = draw(st.sets(st.integers(1, len(frames) - 1)))
    for place in sorted(swapped):
        if not frames[place][1] and not frames[place - 1][1]:
            frames[place], frames[place - 1] = frames[place - 1], frames[place]
    return frames


@given(recordings(), st.integers(1, 20_000_000), st.integers(-5000, 5000))
def test_every_frame_falls_into_one_stretch(
    frames: list[tuple[int, bool]], least_us: int, begins: int
) -> None:
    clock = Clock(1, 1000, begins * 1000)
    try:
        cut = stretches(survey(frames), clock, None, least_us)
    except NotSpreadable:
        assume(False)
        return
    assert len(cut) > 1
    assert cut[0].begins is None
    assert cut[-1].ends is None
    keys = {shown - begins for shown, key in frames if key}
    for before, after in pairwise(cut):
        assert before.ends == after.begins
        assert before.ends in keys
        assert before.ends_us == after.begins_us
    for stretch in cut:
        inside = [
            shown
            for shown, _ in frames
            if (stretch.begins is None or shown - begins >= stretch.begins)
            and (stretch.ends is None or shown - begins < stretch.ends)
        ]
        assert len(inside) == stretch.packets
        assert stretch.packets > 0 or stretch is cut[0]
        if stretch.seek_us is not None:
            assert stretch.begins_us - stretch.seek_us >= 4_000_000 or stretch.seek_us == 0
    assert sum(stretch.packets for stretch in cut) == len(frames)
    assert all(stretch.ends_us - stretch.begins_us >= least_us for stretch in cut[:-1])


def test_a_minute_with_a_keyframe_each_second() -> None:
    frames = [(number * 40, number % 25 == 0) for number in range(1500)]
    cut = stretches(survey(frames), MILLIS, None, 20_000_000)
    assert [(one.begins, one.ends, one.seek_us, one.packets) for one in cut] == [
        (None, 20_000, None, 500),
        (20_000, 40_000, 16_000_000, 500),
        (40_000, None, 36_000_000, 500),
    ]


def test_a_short_rest_stays_with_what_comes_before_it() -> None:
    frames = [(number * 40, number % 25 == 0) for number in range(1025)]
    assert len(stretches(survey(frames), MILLIS, None, 20_000_000)) == 2


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["0,0,0,K__", "0,N/A,40,___"], "has a time"),
        (["0,0,0,K__", "0,40,40,___", "0,20,20,K__"], "backwards"),
        (["0,0,0,K__", "0,20000,1,K__"], "jumps"),
        (["1,0,0,K__", "1,80,80,K__", "1,40,40,K__"], "backwards"),
        (["1,0,0,K__", "1,20000,20000,K__"], "jumps"),
        (["0,0,0,K__", "0,40,1,___", "0,80,2,___"], "no keyframe"),
        (["0,0,0,K__", "2,0,0,K__", "2,99999,99999,K__", "2,0,0,K__"], "no keyframe"),
        ([], "no keyframe"),
    ],
)
def test_what_cannot_be_cut_is_made_in_one_go(lines: list[str], words: str) -> None:
    found = Survey(0, 1)
    for line in ["", "side_data", *lines]:
        found.feed(line)
    with pytest.raises(NotSpreadable, match=words):
        stretches(found, MILLIS, MILLIS, 10_000)


@given(
    st.builds(
        Stretch,
        st.none() | st.integers(),
        st.none() | st.integers(),
        st.integers(),
        st.integers(),
        st.none() | st.integers(),
        st.integers(),
    )
)
def test_a_stretch_comes_back_from_its_row(stretch: Stretch) -> None:
    assert Stretch.of(json.loads(json.dumps(stretch.as_json()))) == stretch


@pytest.mark.parametrize("found", [{}, {"begins_us": 0, "ends_us": 1, "packets": "x"}])
def test_what_is_no_stretch_is_refused(found: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="stretch"):
        Stretch.of(found)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("micros", "ticks"), [(0, 0), (1_000_000, 90_000), (1_400_000, 126_000), (6, 1), (5, 0), (-6, -1)]
)
def test_microseconds_become_ticks_as_ffmpeg_rounds_them(micros: int, ticks: int) -> None:
    assert rounded_ticks(micros, 1, 90_000) == ticks


@pytest.mark.parametrize(
    ("demuxer", "begins_us", "streams_us", "counted_from"),
    [
        ("mpegts", 1_400_000, [1_440_000, 1_429_089], 1_429_089),
        ("mpegts", 1_400_000, [], 1_400_000),
        ("mov,mp4,m4a,3gp,3g2,mj2", 0, [40_000], 0),
        ("avi", None, [], 0),
    ],
)
def test_times_are_counted_from_where_ffmpeg_counts(
    demuxer: str, begins_us: int | None, streams_us: list[int], counted_from: int
) -> None:
    assert beginning_us(demuxer, begins_us, streams_us) == counted_from


@given(st.integers(-(10**9), 10**12), st.sampled_from([(1, 90_000), (1, 1000), (1001, 30_000), (1, 48_000)]))
def test_ffmpeg_is_told_another_beginning_with_the_same_times(begins_us: int, base: tuple[int, int]) -> None:
    clock = Clock(*base, begins_us)
    assert clock.told_us != begins_us
    assert rounded_ticks(clock.told_us, *base) == clock.begins
