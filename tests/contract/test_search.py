"""What every `Search` promises: it finds what a plain look at each entry finds, for each viewer alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, and_, delete, exists, or_, select

from evidence.access import Viewer
from evidence.ids import new_id
from evidence.items import Category, Submission, Viewing
from evidence.places import MICRO, Box, Circle, Place
from evidence.search import ClockKind, ClockReading, Entry, ItemState, Query, SavedSearch
from evidence.timekeeping import OFFICE_ZONE
from evidence.words import searchable
from storage.catalogue import search_bands, search_pages, search_questions, search_ways, sight
from storage.catalogue.engine import Where, migrate, open_engine
from storage.catalogue.log import Emitter
from storage.catalogue.tables import items, viewings
from storage.catalogue.transaction import SqlTransaction
from tests.catalogues import Catalogues, ask, make_older
from tests.searching import (
    BEIJING,
    DEVICES,
    NOW,
    OFFICERS,
    UNITS,
    Archive,
    an_item,
    ids,
    in_time,
    recount,
    searching,
)

COUNT = 150


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with ExitStack() as stack:
        server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
        catalogues = Catalogues(tmp_path_factory.mktemp("search"), server, stack)
        yield Archive(stack.enter_context(searching(catalogues.another())), COUNT)


@pytest.fixture(params=["few", "many"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to answer: by what holds of few, and by looking through all.

    Among few bands are narrow, and some of them are made one; many are at times too many.
    """
    if request.param == "few":
        monkeypatch.setattr(search_pages, "_AT_ONCE", 2)
        monkeypatch.setattr(search_bands, "_LEAST_WIDTH", 2)
        monkeypatch.setattr(search_bands, "_MOST_STROKES", 60)
    else:
        monkeypatch.setattr(sight, "_FEW", 2)
        monkeypatch.setattr(search_questions, "FEW", 3)
        monkeypatch.setattr(search_bands, "_MOST_MET", 40)


def often(*values: object) -> st.SearchStrategy[object]:
    return st.sampled_from([None, None, None, None, *(value for value in values if value is not None)])


_NEAR = st.integers(-MICRO, MICRO)
_PLACES = st.one_of(
    st.none(),
    st.none(),
    st.builds(
        Circle,
        st.builds(lambda up, right: Place(BEIJING.latitude + up, BEIJING.longitude + right), _NEAR, _NEAR),
        st.sampled_from([5_000, 50_000, 500_000]),
    ),
    st.builds(
        lambda west, south, wide: Box(
            BEIJING.longitude + west, BEIJING.latitude + south, BEIJING.longitude + west + wide,
            BEIJING.latitude + south + wide,
        ),
        _NEAR, _NEAR, st.integers(0, MICRO),
    ),
)  # fmt: skip


_TEXTS = ("张", "张伟", "伟大", "伟", "现场", "ds", "dsj 001", "城南 mp4", "无此", "沪公行罚", "伟大城")


@st.composite
def queries(draw: st.DrawFn) -> Query:
    hours = draw(st.integers(0, 220))
    since = NOW - timedelta(hours=hours) if draw(st.booleans()) else None
    until = NOW - timedelta(hours=hours - draw(st.integers(0, 30))) if draw(st.booleans()) else None
    timed = since is not None or until is not None
    return Query(
        text=draw(
            often(
                "张", "张伟", "伟大", "伟", "现场", "ds", "dsj 001", "城南 mp4", "无此", "沪公行罚", "伟大城"
            )
        ),
        case=draw(often("A-1", "沪公行罚(2026)12号", "B-2")),
        officer=draw(often(*OFFICERS)),
        badge=draw(often("013579")),
        device=draw(often(*DEVICES)),
        unit=draw(often(*UNITS)),
        kind=draw(often("video", "audio", "photo", "document")),
        category=draw(often(*Category)),
        state=draw(often(*ItemState)),
        since=since,
        until=until,
        clocks=tuple(sorted(draw(st.sets(st.sampled_from(ClockKind), max_size=2)))) if timed else (),
        place=draw(_PLACES),
    )  # type: ignore[arg-type]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(query=queries(), viewer=st.integers(0, 7), limit=st.integers(1, 40))
def test_pages_and_counts_are_those_of_a_plain_look(
    archive: Archive, few: None, query: Query, viewer: int, limit: int
) -> None:
    who = archive.viewers()[viewer]
    wanted = archive.found(who, query)
    found: list[str] = []
    before = None
    while page := archive.tx.search.page(who, query, before=before, limit=limit):
        assert len(page) <= limit
        found += [hit.item_id for hit in page]
        before = page[-1].seq
    assert found == ids(wanted)
    facets = archive.tx.search.facets(who, query)
    assert facets.total == len(wanted)
    for name, counts in facets.counts.items():
        assert list(counts) == recount(wanted, name)
    assert set(facets.counts) == {"unit", "kind", "category", "state", "device", "officer"}
    matched = archive.tx.search.matching_clocks(query, found)
    assert {item: list(clocks) for item, clocks in matched.items()} == (
        {one.item_id: [clock for clock in one.clocks if in_time(clock, query)] for one in wanted}
        if query.is_timed
        else {}
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(
    criteria=st.fixed_dictionaries(
        {},
        optional={
            "text": st.sampled_from(("张", "现场", "dsj 001")),
            "device": st.sampled_from(("DSJ-001", "CAM 7")),
            "kind": st.sampled_from(("video", "photo")),
            "place": st.just(Circle(BEIJING, 100_000)),
        },
    ),
    viewer=st.integers(0, 7),
    hours=st.integers(0, 220),
    lasts=st.integers(0, 220),
    limit=st.integers(20, 40),
)
def test_what_is_of_a_time_is_found_by_whatever_else_is_asked_for(
    archive: Archive, few: None, criteria: dict[str, Any], viewer: int, hours: int, lasts: int, limit: int
) -> None:
    since = NOW - timedelta(hours=hours)
    query = Query(**criteria, since=since, until=since + timedelta(hours=lasts))
    who = archive.viewers()[viewer]
    found: list[str] = []
    before = None
    while page := archive.tx.search.page(who, query, before=before, limit=limit):
        found += [hit.item_id for hit in page]
        before = page[-1].seq
    assert found == ids(archive.found(who, query))


@pytest.mark.parametrize("unit", [*UNITS, "没有的单位"])
def test_of_a_unit_is_found_what_one_may_see_of_it(archive: Archive, few: None, unit: str) -> None:
    for who in archive.viewers():
        for query in (Query(unit=unit), Query(unit=unit, since=NOW - timedelta(hours=90), until=NOW)):
            wanted = archive.found(who, query)
            page = archive.tx.search.page(who, query, before=None, limit=999)
            assert [hit.item_id for hit in page] == ids(wanted)
            assert archive.tx.search.facets(who, query).total == len(wanted)


def test_entries_are_kept_as_they_were_put(archive: Archive) -> None:
    for entry in archive.entries:
        assert archive.tx.search.entry(entry.item_id) == entry


def test_suggestions_are_values_of_what_may_be_seen(archive: Archive) -> None:
    for who in archive.viewers():
        seen = archive.found(who, Query())
        for beginning in ("", "D", "dsj", "张", "一", "沪", "a", "L"):
            said = archive.tx.search.suggestions(who, beginning, 10)
            for name in ("officer", "device", "unit"):
                values = {getattr(entry, name) for entry in seen} - {None}
                capital = beginning if name == "unit" else beginning.upper()
                assert list(said[name]) == sorted(one for one in values if one.startswith(capital))
            cases = {case for entry in seen for case in entry.cases}
            assert list(said["case"]) == sorted(one for one in cases if one.startswith(beginning.upper()))


def test_a_list_stays_as_it_was_while_items_come_in(archive: Archive) -> None:
    who = archive.viewers()[0]
    first = archive.tx.search.page(who, Query(), before=None, limit=5)
    later = archive.tx.search.page(who, Query(), before=first[-1].seq, limit=5)
    new = an_item(archive.tx, archive.agents[0], Submission("new.mp4"))
    entry = replace(archive.entries[-1], item_id=new.id, unit=new.unit, agent_id=new.agent_id)
    archive.tx.search.put(entry)
    archive.tx.search.put(replace(entry, text=searchable(["改了"]), state=ItemState.FAILED))
    try:
        assert archive.tx.search.page(who, Query(), before=first[-1].seq, limit=5) == later
        assert archive.tx.search.page(who, Query(), before=None, limit=1)[0].item_id == new.id
    finally:
        archive.tx.search.drop(new.id)
    assert archive.tx.search.entry(new.id) is None
    assert archive.tx.search.page(who, Query(text="改了"), before=None, limit=5) == []
    for table in ("terms", "texts", "clocks", "cells", "places", "cases"):
        orphans = f"SELECT count(*) FROM search_{table} WHERE seq NOT IN (SELECT seq FROM search_rows)"
        assert archive.tx.connection.exec_driver_sql(orphans).scalar() == 0


@pytest.mark.parametrize("kept_by", ["sqlite", "postgresql"])
def test_stretches_of_earlier_items_are_made_by_the_migration(
    kept_by: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    where: Where = tmp_path / "c.db"
    if kept_by == "postgresql":
        where = request.getfixturevalue("postgres").new_database()
    engine = open_engine(where, readers=False)
    migrate(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        archive = Archive(SqlTransaction(connection, Emitter(), OFFICE_ZONE), 20)
        early = archive.entries[0]
        # A camera that has lost its clock.
        begins = datetime(1904, 1, 1, 3, tzinfo=UTC)
        clock = ClockReading(ClockKind.FILE, "mvhd", "0", None, None, "start", begins, begins)
        archive.tx.search.put(replace(early, clocks=(clock, *early.clocks)))
        connection.exec_driver_sql("COMMIT")
    stretches = "SELECT stretch, seq FROM search_stretches ORDER BY stretch, seq"
    made = ask(where, stretches)
    make_older(where)
    migrate(engine)
    engine.dispose()
    assert ask(where, stretches) == made
    assert made[0][0] == (begins - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(hours=4)


def test_searches_are_kept_for_one_person_alone(archive: Archive) -> None:
    mine, other = archive.agents[0].id, archive.agents[1].id
    query = Query(text="张伟", kind="video")
    first = SavedSearch(new_id(NOW), mine, "夜间", query, NOW)
    archive.tx.search.save(first)
    again = replace(first, id=new_id(NOW), query=Query(unit="一大队"))
    archive.tx.search.save(again)
    foreign = SavedSearch(new_id(NOW), other, "夜间", query, NOW)
    archive.tx.search.save(foreign)
    assert archive.tx.search.saved(mine) == [again]
    assert not archive.tx.search.drop_saved(mine, foreign.id)
    assert archive.tx.search.drop_saved(mine, again.id)
    assert archive.tx.search.saved(mine) == []
    assert archive.tx.search.saved(other) == [foreign]


def _with_a_viewing(viewer: Viewer) -> ColumnElement[bool]:
    return exists().where(viewings.c.item_id == items.c.id)


def _of_a_column_that_only_items_have(viewer: Viewer) -> ColumnElement[bool]:
    return or_(items.c.size > 1_000, and_(items.c.unit == UNITS[0], items.c.salvaged.is_(None)))


def _of_several_units(viewer: Viewer) -> ColumnElement[bool]:
    return and_(items.c.unit.in_(UNITS[:2]), items.c.id.not_in(select(viewings.c.item_id)))


def _by_a_join_of_its_own(viewer: Viewer) -> ColumnElement[bool]:
    other = items.alias()
    return items.c.agent_id.in_(select(other.c.agent_id).where(other.c.unit == UNITS[1]))


@pytest.mark.parametrize(
    ("rule", "is_seen"),
    [
        (_with_a_viewing, lambda entry, watched: entry.item_id in watched),
        (_of_a_column_that_only_items_have, lambda entry, watched: entry.unit == UNITS[0]),
        (_of_several_units, lambda entry, watched: entry.unit in UNITS[:2] and entry.item_id not in watched),
        (_by_a_join_of_its_own, lambda entry, watched: entry.unit == UNITS[1]),
    ],
)
def test_whatever_the_rule_of_what_may_be_seen_asks_for_is_asked(
    archive: Archive,
    few: None,
    monkeypatch: pytest.MonkeyPatch,
    rule: Callable[[Viewer], ColumnElement[bool]],
    is_seen: Callable[[Entry, set[str]], bool],
) -> None:
    watched = set(ids(archive.entries[::3]))
    for item in watched:
        viewing = Viewing(new_id(NOW), archive.agents[0].id, item, "original", (0, 1), None, NOW, NOW, "")
        archive.tx.viewings.open(viewing)
    monkeypatch.setattr(search_ways, "visible_items", rule)
    who = archive.viewers()[0]
    try:
        for query in (
            Query(),
            Query(kind="video"),
            Query(text="张"),
            Query(officer="张伟"),
            Query(case="A-1"),
        ):
            wanted = [one for one in archive.found(who, query) if is_seen(one, watched)]
            page = archive.tx.search.page(who, query, before=None, limit=999)
            assert [hit.item_id for hit in page] == ids(wanted)
            facets = archive.tx.search.facets(who, query)
            assert facets.total == len(wanted)
            for name, counts in facets.counts.items():
                assert list(counts) == recount(wanted, name)
        said = archive.tx.search.suggestions(who, "", 10)
        seen = [one for one in archive.found(who, Query()) if is_seen(one, watched)]
        assert list(said["officer"]) == sorted({one.officer for one in seen if one.officer})
        assert list(said["case"]) == sorted({case for one in seen for case in one.cases})
    finally:
        archive.tx.connection.execute(delete(viewings))
