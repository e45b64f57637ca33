"""What is searched of an item follows from what is known of it, and from nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.items import Category, Item, Submission
from evidence.jobs import JobState
from evidence.places import Place
from evidence.projection import LONGEST, Known, entry_of, state_of
from evidence.search import ClockKind, ItemState
from evidence.timekeeping import TimeStatement, from_micros, to_micros
from evidence.words import asked

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
_ASSUMED = ("file", "+08:00", "01 08:00:00", "01 08:00:00")


def known(
    description: Any = None, times: tuple[TimeStatement, ...] = (), submitted: Any = None, **more: Any
) -> Known:
    said: dict[str, Any] = {"filename": "a.mp4", **(submitted or {})}
    item = Item(
        "i",
        "u",
        "二大队",
        "agent",
        Submission(**said, times=times),
        "video",
        "video/mp4",
        1,
        "",
        0,
        "",
        AT,
        AT,
    )
    return Known(item, description or {}, "采集站", False, (), **more)


def clocks(description: Any = None, *times: TimeStatement) -> list[tuple[str, str | None, str, str]]:
    """Kind, assumed zone, begin and end of all but the server's own."""
    return [
        (one.kind.value, one.assumed, f"{one.begins:%d %H:%M:%S}", f"{one.ends:%d %H:%M:%S}")
        for one in entry_of(known(description, times)).clocks
        if one.kind is not ClockKind.RECEIVED
    ]


def fact(source: str, value: str, marks: str = "start", **more: Any) -> dict[str, Any]:
    return {"source": source, "value": value, "zone": None, "marks": marks, "is_utc": False, **more}


def test_the_servers_own_clock_is_always_there() -> None:
    (own,) = entry_of(known()).clocks
    assert (own.kind, own.begins, own.ends, own.zone) == (ClockKind.RECEIVED, AT, AT, "Z")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (fact("file name", "20260301160000"), [("file-name", "+08:00", "01 08:00:00", "01 08:01:00")]),
        (
            fact("QuickTime CreateDate (mvhd)", "2026:03:01 08:00:00", "unknown"),
            [
                ("file", "+08:00", "28 23:59:00", "01 00:01:00"),
                ("file", "Z", "01 07:59:00", "01 08:01:00"),
            ],
        ),
        (
            fact("Keys CreationDate", "2026:03:01 16:00:00+08:00", zone="+08:00"),
            [("file", None, "01 08:00:00", "01 08:01:00")],
        ),
        (
            fact("GPS time (Track4), first of 9", "2026:03:01 08:00:00", "moment", is_utc=True),
            [("gps", None, "01 08:00:00", "01 08:00:00")],
        ),
        (fact("end", "2026:03:01 16:01:00", "end"), [("file", "+08:00", "01 08:00:00", "01 08:01:00")]),
        (fact("timecode (format)", "10:00:00:00"), []),
        (fact("strange", "2026:13:01 08:00:00"), []),
        (fact("strange", "2026:03:01 16:00:00", "moment", zone="soon"), [_ASSUMED]),
        (fact("strange", "2026:03:01 08:00:00+99:99", zone="+99:99"), []),
        (fact("the first day", "0001:01:01 00:00:00"), []),
        (fact("the last day", "9999:12:31 23:59:59+00:00", zone="+00:00"), []),
    ],
)
def test_a_time_is_read_by_its_zone_or_by_a_stated_assumption(said: Any, wanted: Any) -> None:
    assert clocks({"facts": {"clocks": [said]}, "duration_ms": 60_000}) == wanted


def test_a_submitted_time_is_one_of_the_submitters() -> None:
    statement = TimeStatement("device-clock", "2026-03-01T16:00:00.5+08:00", "+08:00", "start")
    assert clocks(None, statement) == [("submitted", None, "01 08:00:00", "01 08:00:00")]


def test_a_length_beyond_belief_is_a_day() -> None:
    said = {"facts": {"clocks": [fact("file name", "20260301160000")]}, "duration_ms": 10**12}
    (_, told) = sorted(entry_of(known(said)).clocks, key=lambda one: one.kind.value == "file-name")
    assert told.ends - told.begins == LONGEST


@pytest.mark.parametrize(
    ("submitted", "name", "wanted"),
    [
        ({"officer": "张伟"}, {"officer": "013579"}, ("张伟", "013579")),
        ({"officer": "jx013579"}, {"officer": "1"}, ("JX013579", "JX013579")),
        ({}, {"officer": "013579"}, ("013579", "013579")),
        ({"officer": "Li Wei"}, {}, ("LI WEI", None)),
        ({}, {}, (None, None)),
    ],
)
def test_officer_and_badge_are_the_submitters_before_the_file_names(
    submitted: Any, name: Any, wanted: Any
) -> None:
    entry = entry_of(known({"facts": {"file_name": {"statements": name}}}, submitted=submitted))
    assert (entry.officer, entry.badge) == wanted


def test_the_device_is_the_submitters_before_the_names_before_the_files() -> None:
    facts = {
        "file_name": {"statements": {"device": "dsj-2"}},
        "device": {"serial": [{"source": "tag", "value": "SN 3"}]},
    }
    assert entry_of(known({"facts": facts}, submitted={"device": "dsj-1"})).device == "DSJ-1"
    assert entry_of(known({"facts": facts})).device == "DSJ-2"
    del facts["file_name"]
    entry = entry_of(known({"facts": facts}))
    assert entry.device == "SN 3"
    assert asked("sn 3")[0].within in entry.text


def test_everything_people_write_is_found() -> None:
    entry = entry_of(
        known(
            {"tags": {"data": {"QuickTime:Main:Title": "庭审录像", "XMP-dc:Main:Subject": ["占道", 7]}}},
            submitted={"case": "A-1", "category": Category.PENALTY},
            case_numbers=["b－2", "a-1"],
            notes=["当事人拒绝签字"],
            people=["周某某"],
        )
    )
    assert entry.cases == ("A-1", "B-2")
    for wanted in ("庭审", "占道", "拒绝签字", "周某", "二大队", "采集站", "a 1"):
        assert all(token.within in entry.text for token in asked(wanted)), wanted


def test_positions_are_places_whatever_else_stands_there() -> None:
    def feature(kind: str, coordinates: Any) -> Any:
        return {"geometry": {"type": kind, "coordinates": coordinates}}

    features = [
        feature("Point", ["116.4074", "39.9042", "40"]),
        feature("LineString", [["116.4", "39.9"], ["116.400001", "39.900001"], ["x", "y"], ["200", "0"], []]),
        {"geometry": None},
        "nonsense",
    ]
    assert entry_of(known({"facts": {"positions": features}})).places == (
        Place(39_900_000, 116_400_000),
        Place(39_904_200, 116_407_400),
    )


@pytest.mark.parametrize(
    ("is_playable", "jobs", "wanted"),
    [
        (True, [JobState.FAILED], ItemState.PLAYABLE),
        (False, [JobState.DONE, JobState.FAILED, JobState.QUEUED], ItemState.FAILED),
        (False, [JobState.DONE, JobState.WAITING], ItemState.WORKING),
        (False, [JobState.DONE], ItemState.STORED),
        (False, [], ItemState.STORED),
    ],
)
def test_the_state_is_what_the_list_shows(is_playable: bool, jobs: list[JobState], wanted: ItemState) -> None:
    assert state_of(is_playable, jobs) is wanted


_LEAF = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12)
_NAMES = (
    "facts", "clocks", "device", "serial", "positions", "file_name", "statements", "officer", "geometry",
    "type", "coordinates", "value", "zone", "marks", "source", "tags", "data", "duration_ms", "A:Title",
)  # fmt: skip
_JSON = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["facts", "tags", "duration_ms"]), _JSON))
def test_no_description_is_too_strange(description: Any) -> None:
    entry = entry_of(known(description))
    assert entry == entry_of(known(description))
    for one in entry.clocks:
        assert one.begins <= one.ends <= one.begins + 2 * LONGEST
        # What is kept in rows is what was put.
        assert from_micros(to_micros(one.begins)) == one.begins


@given(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
    st.sampled_from([None, "Z", "+08:00", "-1200", "+14:00", "+23:59"]),
    st.sampled_from(["start", "end", "moment", "change", "unknown"]),
    st.integers(0, 10**10),
)
def test_no_time_is_too_far(at: datetime, zone: str | None, marks: str, length: int) -> None:
    value = f"{at.year:04d}:{at:%m:%d %H:%M:%S}"
    said = {"facts": {"clocks": [fact("x", value, marks, zone=zone)]}, "duration_ms": length}
    entry = entry_of(known(said))
    assert 1 <= len(entry.clocks) <= 2
    assert all(one.ends - one.begins <= timedelta(days=2) for one in entry.clocks)
