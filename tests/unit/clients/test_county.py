"""The plan of a county's day holds whenever it is made."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from clients.demo.county import SQUADS, ZONE, Fate, plan
from transcode.filenames import TEMPLATES

NOW = st.datetimes(datetime(2024, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))


@given(NOW)
def test_two_hundred_segments_of_twelve_officers_at_three_stations(now: datetime) -> None:
    day = plan(now)
    moving = [one for one in day.segments if one.kind != "photo"]
    assert len(moving) == 200
    assert len({one.task.officer for one in moving}) == 12
    assert {one.station for one in moving} == {"dock-1", "dock-2", "dock-3"}
    assert len({one.key for one in day.segments}) == len({one.name for one in day.segments}) == 204
    assert {one.unit for one in day.people} >= {*SQUADS}


@given(NOW)
def test_what_is_late_and_missing_is_so_at_any_hour(now: datetime) -> None:
    day = plan(now)
    assert Counter((one.task.officer, one.task.number) for one in day.late()) == {(5, 3): 2, (11, 4): 3}
    assert day.gaps(day.segments)[1] == 2
    recent = [one for one in day.segments if one.shown is not None and one not in day.late()]
    assert len({one.shown.astimezone(ZONE).date() for one in recent if one.shown is not None}) == 1
    assert all(one.ends is not None and day.now - timedelta(hours=18) < one.ends < day.now for one in recent)


@given(NOW)
def test_cameras_name_their_files_as_makers_do(now: datetime) -> None:
    for one in plan(now).segments:
        if one.kind == "video":
            stem = one.name.removesuffix(".mp4")
            assert next(each for each in TEMPLATES if each.pattern.fullmatch(stem)) is TEMPLATES[0]


@given(NOW)
def test_each_line_of_a_list_speaks_of_a_task_that_a_list_decides(now: datetime) -> None:
    day = plan(now)
    for squad in SQUADS:
        lines = day.lines(squad, 5)
        assert len({line["reference"] for line in lines}) == len(lines)
        cases = {case for one in day.of(Fate.LISTED, Fate.AMBIGUOUS) if one.task.squad == squad
                 for case in one.task.cases}  # fmt: skip
        assert {line["case_number"] for line in lines} == cases
        assert all(line["begins"] < line["ends"] for line in lines)


@given(NOW)
def test_what_is_expected_adds_up(now: datetime) -> None:
    day = plan(now)
    tagged = {one.key for one in day.of(Fate.LISTED)}
    whole = day.expected(day.segments, tagged)
    parts = [
        day.expected([one for one in day.segments if one.task.squad == squad], tagged) for squad in SQUADS
    ]
    for name in ("items", "recordings", "tagged", "timed", "late"):
        assert sum(getattr(one, name) for one in parts) == getattr(whole, name)
    assert (whole.items, whole.timed) == (204, 200)
