"""What can be asked: read one way, written one way, refused with a code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import Invalid
from evidence.items import Category
from evidence.places import MICRO, Box, Circle, Place
from evidence.search import ClockKind, ItemState, Query, cursor, read_cursor, read_query
from evidence.words import code

_VALUE = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
    lambda text: bool(code(text)) and text.strip() == text
)
_CODE = _VALUE.map(code).filter(lambda text: 0 < len(text) <= 256 and text.strip() == text)
_INSTANT = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
_LATITUDE = st.integers(-90 * MICRO, 90 * MICRO)
_LONGITUDE = st.integers(-180 * MICRO, 180 * MICRO)
_PLACE = st.one_of(
    st.builds(Circle, st.builds(Place, _LATITUDE, _LONGITUDE), st.integers(1, 20_000_000)),
    st.tuples(_LONGITUDE, _LONGITUDE, st.lists(_LATITUDE, min_size=2, max_size=2).map(sorted)).map(
        lambda edges: Box(edges[0], edges[2][0], edges[1], edges[2][1])
    ),
)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    times = sorted(draw(st.lists(_INSTANT, min_size=2, max_size=2)))
    since, until = draw(st.sampled_from([(None, None), (times[0], None), (None, times[1]), tuple(times)]))
    clocks = draw(st.sets(st.sampled_from(ClockKind))) if since or until else set()
    optional = st.none() | _CODE
    return Query(
        text=draw(st.none() | _VALUE.filter(lambda text: any(map(str.isalnum, text)))),
        case=draw(optional),
        officer=draw(optional),
        badge=draw(optional),
        device=draw(optional),
        unit=draw(st.none() | _VALUE),
        kind=draw(st.none() | st.sampled_from(["video", "audio", "photo"])),
        category=draw(st.none() | st.sampled_from(Category)),
        state=draw(st.none() | st.sampled_from(ItemState)),
        since=since,
        until=until,
        clocks=tuple(kind for kind in ClockKind if kind in clocks),
        place=draw(st.none() | _PLACE),
    )


@given(queries())
def test_a_query_is_read_as_it_is_written(query: Query) -> None:
    assert read_query(query.pairs()) == query


@given(queries(), st.integers(0, 2**62))
def test_a_cursor_is_read_as_it_is_written(query: Query, seq: int) -> None:
    assert read_cursor("somebody", query, cursor("somebody", query, seq)) == seq


@given(queries(), st.integers(0, 2**62), st.text(max_size=40))
def test_a_cursor_of_another_hand_is_refused(query: Query, seq: int, text: str) -> None:
    given_out = cursor("somebody", query, seq)
    foreign = [
        text,
        given_out + "A",
        given_out[:-1],
        given_out + "=",
        cursor("somebody else", query, seq),
        cursor("somebody", read_query({**query.pairs(), "device": "ANOTHER ONE OF 27"}), seq),
    ]
    for other in foreign:
        with pytest.raises(Invalid) as refused:
            read_cursor("somebody", query, other)
        assert refused.value.code == "bad-cursor"


def test_times_are_read_with_their_zone() -> None:
    query = read_query(
        {"from": "2026-03-01T08:00:00+08:00", "to": "2026-03-01T08:00:00Z", "clock": "gps,file"}
    )
    assert query.since == datetime(2026, 3, 1, 8, tzinfo=timezone(timedelta(hours=8)))
    assert query.until == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert query.clocks == (ClockKind.GPS, ClockKind.FILE)


def test_places_are_read_longitude_first() -> None:
    assert read_query({"near": "116.4074, 39.9042, 500"}).place == Circle(Place(39_904_200, 116_407_400), 500)
    assert read_query({"box": "116,39,117.5,40"}).place == Box(
        116 * MICRO, 39 * MICRO, 117_500_000, 40 * MICRO
    )


@pytest.mark.parametrize(
    ("pairs", "refusal"),
    [
        ({"colour": "red"}, "unknown-criterion"),
        ({"officer": "x" * 257}, "value-too-long"),
        ({"text": "…"}, "nothing-to-search"),
        ({"text": "x" * 201}, "text-too-long"),
        ({"text": " ".join("abcdefghijklmnopq")}, "too-many-words"),
        ({"text": "a\ud800"}, "bad-text"),
        ({"kind": "Video!"}, "bad-kind"),
        ({"category": "theft"}, "bad-category"),
        ({"state": "gone"}, "bad-state"),
        ({"from": "yesterday"}, "bad-time"),
        ({"from": "2026-03-01T08:00:00"}, "bad-time"),
        ({"from": "2026-03-01T08:00:00 08:00"}, "bad-time"),
        ({"to": "0001-01-01T00:00:00+08:00"}, "bad-time"),
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "bad-time"),
        ({"clock": "gps"}, "bad-clock"),
        ({"clock": "sundial", "from": "2026-03-02T00:00:00Z"}, "bad-clock"),
        ({"box": "1,2,3"}, "bad-place"),
        ({"box": "1,40,2,39"}, "bad-place"),
        ({"box": "1,nan,2,39"}, "bad-place"),
        ({"box": "181,0,2,39"}, "bad-place"),
        ({"near": "116,39"}, "bad-place"),
        ({"near": "116,39,0"}, "bad-place"),
        ({"near": "116,39,99999999"}, "bad-place"),
        ({"near": "116,91,10"}, "bad-place"),
        ({"near": "116,39,10", "box": "1,2,3,4"}, "bad-place"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_code(pairs: dict[str, str], refusal: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_query(pairs)
    assert refused.value.code == refusal


def test_empty_criteria_ask_for_everything() -> None:
    assert read_query({"text": " ", "officer": ""}) == Query()
