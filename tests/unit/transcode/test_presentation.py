"""The map of times: every shown frame has its original, or is counted."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical
from transcode.presentation import Times, matched, on_screen, packet_times, stream_hashes

_SHA = "0123456789abcdef" * 4


def test_hashes_are_read_per_stream() -> None:
    text = f"0,v,SHA256={_SHA}\n1,a,SHA256={_SHA[::-1]}\nnonsense\n2,d,SHA256={_SHA}\n"
    assert stream_hashes(text) == {0: _SHA, 1: _SHA[::-1]}


def test_times_are_read_in_the_order_of_presentation() -> None:
    lines = [
        "#software: x",
        "#tb 0: 1/15360",
        "0,  -1024,       0,   512,   200572, 0x6dc42701",
        "0,   -512,    2048,   512,    47402, 0x7098ed1a, F=0x0",
        "0,      0,    1024,   512,     6784, 0x694b52ea, F=0x0",
        "0,   NOPTS,  NOPTS,   512,     6784, 0x694b52ea, F=0x0",
    ]
    assert packet_times(lines) == Times(1, 15360, [0, 1024, 2048])
    assert packet_times(lines[1:2]) is None
    assert packet_times(lines[2:]) is None


def test_a_copy_that_begins_at_zero_is_one_run() -> None:
    found = matched(
        Times(1, 90_000, range(900_000, 1_080_000, 3_000)), Times(1, 90_000, range(0, 180_000, 3_000))
    )
    assert found["runs"] == [{"shown": 0, "original": 900_000, "frames": 60}]
    assert (found["shown_without_original"], found["original_not_shown"]) == (0, 0)


def test_another_time_base_rounds_and_is_still_one_run() -> None:
    ntsc = Times(1001, 30_000, range(7, 307))
    shown = Times(1, 90_000, [n * 3003 for n in range(300)])
    assert matched(ntsc, shown)["runs"] == [{"shown": 0, "original": 7, "frames": 300}]


def test_a_frame_that_was_moved_is_paired_and_one_without_partner_counted() -> None:
    original = Times(1, 1000, [0, 40, 80, 120, 160, 200, 240])
    shown = Times(1, 1000, [0, 40, 60, 120, 160, 240])
    found = matched(original, shown)
    assert found["runs"] == [
        {"shown": 0, "original": 0, "frames": 2},
        {"shown": 60, "original": 80, "frames": 1},
        {"shown": 120, "original": 120, "frames": 2},
        {"shown": 240, "original": 240, "frames": 1},
    ]
    assert (found["shown_without_original"], found["original_not_shown"]) == (0, 1)
    found = matched(shown, original)
    assert (found["shown_without_original"], found["original_not_shown"]) == (1, 0)


def test_a_first_frame_that_was_stretched_is_still_the_first() -> None:
    shown = Times(1, 12_800, [0, *range(810, 810 + 298 * 512, 512)])
    found = matched(Times(1, 12_800, range(0, 299 * 512, 512)), shown)
    assert found["runs"] == [
        {"shown": 0, "original": 0, "frames": 1},
        {"shown": 810, "original": 512, "frames": 298},
    ]
    assert (found["shown_without_original"], found["original_not_shown"]) == (0, 0)


def test_a_stretched_first_frame_is_told_from_a_missing_last_one() -> None:
    shown = Times(1, 90_000, [0, *range(5_690, 5_690 + 299 * 3_600, 3_600)])
    found = matched(Times(1, 90_000, range(450_000, 450_000 + 300 * 3_600, 3_600)), shown)
    assert [run["frames"] for run in found["runs"]] == [1, 299]  # type: ignore[union-attr,index,call-overload]
    assert (found["shown_without_original"], found["original_not_shown"]) == (0, 0)


@pytest.mark.parametrize(
    ("shown_us", "tick"),
    [(0, 900_000), (1_000_000, 990_000), (33_333, 903_000), (33_331, 900_000), (10**9, 1_077_000)],
)
def test_a_shown_time_leads_back_to_the_frame_on_screen(shown_us: int, tick: int) -> None:
    original = Times(1, 90_000, range(900_000, 1_080_000, 3_000))
    found = matched(original, Times(1, 90_000, range(0, 180_000, 3_000)))
    assert on_screen(found, original, shown_us) == tick


def test_a_coarse_clock_does_not_lead_to_the_next_frame() -> None:
    original = Times(1, 25, range(100))
    found = matched(original, Times(1, 90_000, range(0, 360_000, 3_600)))
    assert [on_screen(found, original, at) for at in (39_000, 39_998, 40_000, 79_998)] == [0, 0, 1, 1]


def test_what_was_not_shown_is_not_on_screen() -> None:
    original = Times(1, 1000, [0, 40, 80, 120])
    found = matched(original, Times(1, 1000, [0, 40, 120]))
    assert [on_screen(found, original, at) for at in (39_998, 90_000, 119_998, 120_000)] == [0, 40, 40, 120]


@given(
    st.lists(st.integers(4, 900), min_size=1, max_size=60),
    st.sampled_from([(1, 1000), (1, 90_000), (1001, 30_000), (1, 15_360), (1, 25)]),
    st.sampled_from([90_000, 15_360, 16_000]),
    st.data(),
)
def test_the_last_frame_shown_by_then_is_taken_whatever_the_rates(
    steps: list[int], base: tuple[int, int], rate: int, data: st.DataObject
) -> None:
    apart = max(1, base[1] // base[0] // 200)
    ticks = [0]
    for step in steps:
        ticks.append(ticks[-1] + step * apart)
    original = Times(*base, ticks)
    shown = Times(1, rate, [round(Fraction(tick * base[0] * rate, base[1])) for tick in ticks])
    found = matched(original, shown)
    at_us = data.draw(st.integers(0, shown.micros(shown.ticks[-1]) + 1_000_000))
    expected = max(n for n, tick in enumerate(shown.ticks) if tick * 1_000_000 <= (at_us + 1) * rate)
    assert on_screen(found, original, at_us) == ticks[expected]


@given(
    st.lists(st.integers(1, 5_000), min_size=1, max_size=80),
    st.sampled_from([(1, 1000), (1, 90_000), (1001, 30_000), (1, 15_360)]),
    st.integers(0, 10**9),
    st.data(),
)
def test_nothing_is_lost_between_the_sides(
    steps: list[int], base: tuple[int, int], start: int, data: st.DataObject
) -> None:
    ticks = [start]
    for step in steps:
        ticks.append(ticks[-1] + step * max(1, base[1] // base[0] // 1000 * 3))
    original = Times(*base, ticks)
    kept = sorted(data.draw(st.sets(st.sampled_from(ticks), min_size=1)))
    shift = Fraction(kept[0] * base[0], base[1])
    shown = Times(1, 90_000, [round((Fraction(tick * base[0], base[1]) - shift) * 90_000) for tick in kept])
    found = matched(original, shown)
    canonical(found)
    frames = sum(run["frames"] for run in found["runs"])  # type: ignore[union-attr,index,misc,arg-type,call-overload]
    assert frames + found["shown_without_original"] == len(kept)  # type: ignore[operator]
    assert frames + found["original_not_shown"] == len(ticks)  # type: ignore[operator]
