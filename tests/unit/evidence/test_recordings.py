"""Which segments make one recording, whatever the order in which they arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.ids import new_id
from evidence.recordings import (
    SAME_COUNTER_US,
    TOLERANCE_US,
    Clock,
    Origin,
    Rule,
    Segment,
    Settled,
    Start,
    grouped,
    joint,
    own_recording,
    settle,
)

S = 1_000_000
NAME = Clock(Origin.FILE_NAME, "file name", False)
DEVICE = Clock(Origin.SUBMITTER, "device clock", True)
GPS = Clock(Origin.FILE, "GPS time", True)
CREATED = Clock(Origin.FILE_UNMARKED, "QuickTime CreateDate (mvhd)", False)
IDS = [new_id(datetime(2026, 11, 22, 8, 0, second, tzinfo=UTC)) for second in range(8)]


def a_segment(number: int, **changes: Any) -> Segment:
    """A segment of five minutes from one camera, by the clock in its name `changes["at"]` seconds on."""
    at = changes.pop("at", None)
    by = changes.pop("by", NAME)
    starts = () if at is None else (Start(by, at * S),)
    plain = Segment(IDS[number], "north", "video", "CAM", "submitted", starts=starts, length_us=300 * S)
    return replace(plain, **changes)


def test_what_follows_within_the_tolerance_is_one_recording() -> None:
    first = a_segment(0, at=0)
    assert joint(first, a_segment(1, at=300)) is not None
    assert joint(first, a_segment(1, at=302)) is not None
    assert joint(first, a_segment(1, at=298)) is not None
    for at in (303, 297, 0, -400):
        assert joint(first, a_segment(1, at=at)) is None
    found = joint(a_segment(1, at=301), first)
    assert found is not None
    assert (found.rule, found.clock, found.apart_us) == (Rule.TIME, NAME, S)


@pytest.mark.parametrize(
    "changes",
    [{"unit": "south"}, {"device": "CAM2"}, {"device": None}, {"kind": "audio"}, {"channel": "F"}],
    ids=str,
)
@pytest.mark.parametrize(
    "both",
    [
        {"at": 300},
        {"template": "T", "sequence": "1", "part": 2, "at": 300},
    ],
    ids=["time", "name"],
)
def test_nothing_joins_across(both: dict[str, Any], changes: dict[str, Any]) -> None:
    named = {name: value for name, value in both.items() if name != "at"}
    first = a_segment(0, at=0, **(named | {"part": 1} if named else {}))
    second = a_segment(1, **both)
    assert joint(first, second) is not None
    assert joint(first, replace(second, **changes)) is None


def test_times_of_different_clocks_are_not_compared() -> None:
    assert joint(a_segment(0, at=0), a_segment(1, at=300, by=DEVICE)) is None
    with_zone = Clock(Origin.FILE_NAME, "file name", True)
    assert joint(a_segment(0, at=0), a_segment(1, at=300, by=with_zone)) is None


def test_what_two_clocks_see_differently_is_left_alone() -> None:
    first = a_segment(0, starts=(Start(NAME, 0), Start(GPS, 0)))
    assert joint(first, a_segment(1, starts=(Start(NAME, 300 * S), Start(GPS, 300 * S))))
    assert joint(first, a_segment(1, starts=(Start(NAME, 300 * S), Start(GPS, 400 * S)))) is None
    # Of an unmarked date nobody knows whether it is the start: it contradicts nothing.
    first = a_segment(0, starts=(Start(NAME, 0), Start(CREATED, 300 * S)))
    assert joint(first, a_segment(1, starts=(Start(NAME, 300 * S), Start(CREATED, 310 * S))))


def test_numbers_in_the_names_must_follow_each_other() -> None:
    numbered = {"template": "T", "length_us": 300 * S}
    first = a_segment(0, at=0, sequence="0009", **numbered)
    for sequence, joins in (
        ("0010", True),
        ("0011", False),
        ("0009", False),
        ("0008", False),
        ("0001", False),
    ):
        assert (joint(first, a_segment(1, at=300, sequence=sequence, **numbered)) is not None) is joins
    last = replace(first, sequence="9999")
    assert joint(last, a_segment(1, at=300, sequence="0001", **numbered)) is not None
    front = replace(first, channel="F")
    assert joint(front, a_segment(1, at=300, sequence="0011", channel="F", **numbered)) is not None


def test_the_submitter_is_believed_before_names_and_times() -> None:
    said = {"recording": "R1"}
    assert joint(a_segment(0, **said), a_segment(1, **said)) is not None
    assert joint(a_segment(0, at=0, **said), a_segment(1, at=90_000, **said)) is not None
    assert joint(a_segment(0, at=0, **said), a_segment(1, at=300)) is None
    assert joint(a_segment(0, at=0, **said), a_segment(1, at=300, recording="R2")) is None


def test_a_camera_that_counts_again_has_not_made_the_same_recording() -> None:
    first = a_segment(0, at=0, template="GoPro", sequence="0001", part=1)
    second = replace(first, item_id=IDS[1], part=2)
    for later, joins in ((0, True), (SAME_COUNTER_US, True), (SAME_COUNTER_US + 1, False)):
        assert (joint(first, replace(second, starts=(Start(NAME, later),))) is not None) is joins
    assert joint(first, replace(second, starts=())) is None


def test_what_nothing_is_known_of_is_a_recording_of_its_own() -> None:
    assert a_segment(0).rule is None
    assert a_segment(0, at=0, device=None).rule is None
    settled = settle(a_segment(0), None, [(a_segment(1), "other")])
    assert settled == Settled(own_recording(IDS[0]), (), ())


def test_a_segment_without_a_length_may_follow_but_not_precede() -> None:
    assert joint(a_segment(0, at=0), a_segment(1, at=300, length_us=None)) is not None
    assert joint(a_segment(0, at=0, length_us=None), a_segment(1, at=300)) is None


clocks = st.sampled_from([NAME, DEVICE, GPS, CREATED])
segments = st.builds(
    Segment,
    item_id=st.sampled_from(IDS),
    unit=st.sampled_from(["north", "south"]),
    kind=st.sampled_from(["video", "audio"]),
    device=st.sampled_from(["CAM", "CAM2", None]),
    recording=st.sampled_from([None, None, "R1", "R2"]),
    number=st.none() | st.integers(0, 4),
    template=st.sampled_from([None, "T"]),
    sequence=st.sampled_from([None, "0001", "0002", "9999", "AA"]),
    part=st.none() | st.integers(0, 3),
    channel=st.sampled_from([None, "F"]),
    starts=st.dictionaries(clocks, st.integers(-3, 9), max_size=3).map(
        lambda found: tuple(sorted(Start(clock, at * 60 * S) for clock, at in found.items()))
    ),
    length_us=st.sampled_from([None, 0, 60 * S, 61 * S, 120 * S]),
)
#: Segments of which most belong somewhere.
likely = segments.map(lambda segment: replace(segment, unit="north", device="CAM", kind="video"))
several = st.lists(segments | likely, unique_by=lambda segment: segment.item_id, max_size=8)


@given(segments, segments)
def test_a_pair_is_judged_alike_from_both_sides(one: Segment, other: Segment) -> None:
    assert joint(one, other) == joint(other, one)


@given(segments)
def test_the_form_in_the_catalogue_says_it_all(segment: Segment) -> None:
    assert Segment.from_json(segment.as_json()) == segment


@given(several, st.randoms(use_true_random=False))
def test_recordings_are_the_same_in_any_order(arriving: list[Segment], random: Any) -> None:
    shuffled = list(arriving)
    random.shuffle(shuffled)
    assert set(grouped(arriving)) == set(grouped(shuffled))
    for order in (arriving, shuffled):
        assert arrived(order) == set(grouped(arriving))


def arrived(order: Sequence[Segment]) -> set[frozenset[str]]:
    """The recordings after the segments came one by one, each of them twice."""
    placed: dict[str, tuple[Segment, str]] = {}
    aliases: dict[str, str] = {}
    for segment in [one for one in order for _ in range(2)]:
        near = [found for item, found in placed.items() if item != segment.item_id]
        known = segment.item_id in placed
        settled = settle(segment, placed[segment.item_id][1] if known else None, near)
        if known:
            assert settled == Settled(placed[segment.item_id][1], (), ())
        for old in settled.merged:
            assert old > settled.recording
            aliases[old] = settled.recording
        placed[segment.item_id] = segment, settled.recording
        placed = {
            item: (one, settled.recording if recording in settled.merged else recording)
            for item, (one, recording) in placed.items()
        }
    for old, recording in aliases.items():
        while recording in aliases:
            recording = aliases[recording]
        assert recording in {found for _, found in placed.values()}
        assert old not in {found for _, found in placed.values()}
    groups: dict[str, set[str]] = {}
    for item, (_, recording) in placed.items():
        groups.setdefault(recording, set()).add(item)
    return {frozenset(group) for group in groups.values()}


def test_a_missing_middle_makes_two_recordings_one() -> None:
    first, middle, last = (a_segment(number, at=number * 300) for number in range(3))
    assert len(grouped([first, last])) == 2
    assert len(grouped([last, first, middle])) == 1
    ends = [(first, own_recording(IDS[0])), (last, own_recording(IDS[2]))]
    settled = settle(middle, None, ends)
    assert (settled.recording, settled.merged) == (own_recording(IDS[0]), (own_recording(IDS[2]),))
    assert [why.apart_us for why in settled.joints] == [0, 0]
    assert TOLERANCE_US == 2 * S
