"""Which segments make one recording, whatever the order in which they arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.events import EventDraft, EventType
from evidence.ids import new_id
from evidence.joining import join
from evidence.ports.catalogue import Transaction
from evidence.recordings import (
    SAME_COUNTER_US,
    Clock,
    Origin,
    Rule,
    Segment,
    Start,
    grouped,
    joint,
    own_recording,
)

S = 1_000_000
NOW = datetime(2026, 11, 25, tzinfo=UTC)
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
    assert joint(a_segment(0), a_segment(1)) is None


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


class Memory:
    """`Transaction` as far as joining needs it: recordings, with `near` by the definition, and events."""

    def __init__(self) -> None:
        self.placed: dict[str, tuple[Segment, str]] = {}
        self.drafts: list[EventDraft] = []

    @property
    def recordings(self) -> Memory:
        return self

    @property
    def events(self) -> Memory:
        return self

    def append(self, draft: EventDraft) -> None:
        self.drafts.append(draft)

    def recording_of(self, item_id: str) -> str | None:
        return self.placed[item_id][1] if item_id in self.placed else None

    def near(self, segment: Segment) -> list[tuple[Segment, str]]:
        return [found for found in self.placed.values() if joint(segment, found[0]) is not None]

    def place(self, segment: Segment, recording_id: str) -> None:
        self.placed[segment.item_id] = segment, recording_id

    def move(self, item_ids: Sequence[str], recording_id: str) -> None:
        for item in item_ids:
            self.placed[item] = self.placed[item][0], recording_id

    def merge(self, recording_id: str, into: str) -> None:
        self.move([item for item, found in self.placed.items() if found[1] == recording_id], into)

    def groups(self) -> set[frozenset[str]]:
        found: dict[str, set[str]] = {}
        for item, (_, recording) in self.placed.items():
            found.setdefault(recording, set()).add(item)
        return {frozenset(group) for group in found.values()}


def arrived(order: Sequence[Segment]) -> Memory:
    """What is known after the segments came one by one, each of them twice."""
    memory = Memory()
    tx = cast("Transaction", memory)
    names: set[str] = set()
    for segment in order:
        join(tx, segment, NOW)
        already = len(memory.drafts)
        join(tx, segment, NOW)
        assert memory.drafts[already:] == []
        names |= {recording for _, recording in memory.placed.values()}
    # Each recording is named after one of its segments, and no name was ever anything else's.
    for item, (_, recording) in memory.placed.items():
        assert memory.recording_of(item) == recording
    for group in memory.groups():
        assert {memory.placed[item][1] for item in group} <= {own_recording(item) for item in group}
    assert names <= {own_recording(item) for item in memory.placed}
    return memory


def same_in_any_order(arriving: list[Segment], random: Any) -> None:
    """Fails unless the recordings are those of the definition, in the order given and in another."""
    shuffled = list(arriving)
    random.shuffle(shuffled)
    assert grouped(arriving) == grouped(shuffled)
    for order in (arriving, shuffled):
        assert arrived(order).groups() == set(grouped(arriving))


@given(several, st.randoms(use_true_random=False))
def test_recordings_are_the_same_in_any_order(arriving: list[Segment], random: Any) -> None:
    same_in_any_order(arriving, random)


by_time = st.builds(
    a_segment,
    st.integers(0, 7),
    at=st.sampled_from([0, 1, 300, 301, 303, 600, 601, 602, 900]),
    length_us=st.sampled_from([1 * S, 2 * S, 300 * S, 302 * S, None]),
)


@given(
    st.lists(by_time, unique_by=lambda segment: segment.item_id, max_size=8),
    st.randoms(use_true_random=False),
)
@settings(max_examples=400)
def test_and_so_they_are_where_some_have_rivals(arriving: list[Segment], random: Any) -> None:
    same_in_any_order(arriving, random)


def test_a_missing_middle_makes_two_recordings_one() -> None:
    first, middle, last = (a_segment(number, at=number * 300) for number in range(3))
    assert len(grouped([first, last])) == 2
    assert len(grouped([last, first, middle])) == 1
    memory = arrived([first, last, middle])
    assert {recording for _, recording in memory.placed.values()} == {own_recording(IDS[0])}
    (joined,) = memory.drafts
    assert joined.type is EventType.RECORDING_JOINED
    assert joined.detail["others"] == [own_recording(IDS[2])]


def test_a_camera_whose_clock_was_set_back_is_not_believed() -> None:
    # Two mornings that both began at midnight of 2015, by a clock that had no battery.
    morning = [a_segment(number, at=number * 300) for number in range(3)]
    other = [a_segment(number + 3, at=number * 300 + 1) for number in range(3)]
    assert len(grouped(morning)) == len(grouped(other)) == 1
    assert len(grouped([*morning, *other])) == 6
    memory = arrived([*morning, *other])
    assert [draft.type for draft in memory.drafts[:3]] == [
        EventType.RECORDING_JOINED,
        EventType.RECORDING_JOINED,
        EventType.RECORDING_PARTED,
    ]
    # What follows only one of them still belongs to it, and what comes after a doubt is joined again.
    more = [a_segment(6, at=900, length_us=301 * S), a_segment(7, at=1201)]
    assert frozenset({IDS[6], IDS[7]}) in grouped([*morning, *other, *more])


def test_a_short_segment_is_no_rival_of_the_next() -> None:
    first = a_segment(0, at=0)
    short, following = a_segment(1, at=300, length_us=S), a_segment(2, at=301)
    assert grouped([first, short, following]) == [frozenset(IDS[:3])]
