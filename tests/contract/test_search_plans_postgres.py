"""How much PostgreSQL looks at for a page: never more than few of a way, and what a page takes, of all items.

What it says of its own work is counted, not timed; `storage.catalogue.search_pages` binds it to that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from evidence.access import Viewer
from evidence.places import MICRO, Box, Circle, Place, cells
from evidence.search import ClockKind, ItemState, Query
from evidence.timekeeping import to_micros
from evidence.words import code
from storage.catalogue import search_bands, search_pages, search_questions
from storage.catalogue.search_bands import bands_of
from storage.catalogue.search_tables import search_stretches, stretch_of
from storage.catalogue.transaction import SqlTransaction
from tests.catalogues import Catalogues
from tests.postgres import Server, as_user
from tests.searching import searching, statements

ITEMS = 12_000
FEW, PAGE = 300, 10
#: Of all ways of a question so many are counted; then candidates are looked at, each in a row or two.
MOST_ROWS = 4_000
#: What several criteria find of the 800 items of a month and of some beside; of all it would be 20,000.
MOST_ROWS_OF_A_MONTH = 8_000
START = datetime(2024, 1, 1, tzinfo=UTC)
EVERY = timedelta(hours=1)
#: Long past, when there are many items newer than what is asked for.
OLD = START + timedelta(days=30)
#: Of so many items one is of that time by a wrong clock.
WRONG = 400
CENTRE = Place(39_900_000, 116_400_000)
ITEM = "i00001"
#: The item is of another unit than theirs and is shared with them.
GUEST = "guest"


def _rows() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Tables with rows of theirs, in the order of the items; what is rare is spread over all of them."""
    for seq in range(1, ITEMS + 1):
        unit = "小队" if seq % 100 == 7 else f"大队{seq % 3}"
        state = "failed" if seq % 90 == 1 else "playable"
        officer = f"警员{seq % 500}"
        yield (
            "search_rows",
            (seq, f"i{seq:05d}", unit, "a", code(officer), None, "D", "video", "penalty", state),
        )
        # Half have a note with the first word; a fiftieth with the second.
        words = ["mp4", *(["巡查"] if seq % 2 else []), *(["扣押"] if seq % 50 == 3 else [])]
        yield "search_texts", (seq, "".join(f" {word}" for word in words))
        for word in words:
            yield "search_terms", (word, seq)
        begins = to_micros(START + EVERY * seq)
        for n, kind in enumerate((ClockKind.RECEIVED, ClockKind.FILE_NAME)):
            at = begins - n * 60_000_000
            yield "search_clocks", (seq, n, kind.value, "c", "t", None, None, "start", at, at + 600_000_000)
        yield "search_stretches", (stretch_of(begins), seq)
        if seq % WRONG == 0:
            # A camera whose clock has stood still.
            at = to_micros(OLD + timedelta(days=10))
            yield "search_clocks", (seq, 2, ClockKind.FILE.value, "c", "t", None, None, "start", at, at)
            yield "search_stretches", (stretch_of(at), seq)
        if seq % 4 == 0:
            place = Place(CENTRE.latitude + seq * 17 % 90_000, CENTRE.longitude + seq * 31 % 90_000)
            yield "search_places", (seq, place.latitude, place.longitude)
            yield from (("search_cells", (cell, seq)) for cell in cells(place))
        if seq <= 2:
            yield "unit_above", ("局", ("大队1", "小队")[seq - 1], 1)
        yield "links", (f"l{seq}", f"c{seq}", f"i{seq:05d}", "hand", None, 0, None, None, None)


@pytest.fixture(scope="module")
def tx(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[SqlTransaction]:
    with ExitStack() as stack:
        url = str(Catalogues(tmp_path_factory.mktemp("plans"), postgres, stack).another())
        with psycopg.connect(as_user("postgres", url), autocommit=True) as connection:
            # Of the items themselves only one is asked for.
            connection.execute("SET session_replication_role = replica")
            connection.execute(
                "INSERT INTO items (id, upload_id, unit, agent_id, submission, kind, media_type, size,"
                " sha256, crc32, key, version, committed_at, locked_until, fully_locked)"
                " VALUES (%s, 'u', '大队1', 'a', '{}', 'video', 'v', 1, 's', 1, 'k', '', 0, 0, true)",
                (ITEM,),
            )
            connection.execute(
                "INSERT INTO shares (id, subject_kind, subject, agent_id, given_by, given_at, until, reason)"
                " VALUES ('s', 'item', %s, %s, 'a', 0, %s, 'r')",
                (ITEM, GUEST, to_micros(START) + 1),
            )
            gathered: dict[str, list[tuple[Any, ...]]] = {}
            for table, row in _rows():
                gathered.setdefault(table, []).append(row)
            for table, rows in gathered.items():
                with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                    for row in dict.fromkeys(rows):
                        copy.write_row(row)
                connection.execute(f"VACUUM (ANALYZE) {table}".encode())
        yield stack.enter_context(searching(url))


def _looked_at(connection: Connection, statement: str, parameters: Any) -> int:
    said = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", parameters)
    found = said.scalar_one()
    (plan,) = json.loads(found) if isinstance(found, str) else found

    def rows(node: dict[str, Any]) -> float:
        own = 0.0
        if ("Scan" in node["Node Type"] and "Index Name" in node) or "Relation Name" in node:
            removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            own = (node["Actual Rows"] + removed) * node["Actual Loops"]
        return own + sum(map(rows, node.get("Plans", ())))

    return round(rows(plan["Plan"]))


MONTH = Query(since=OLD, until=OLD + timedelta(days=30))


QUERIES = [
    Query(),
    Query(text="mp4"),
    Query(text="巡查"),
    Query(text="扣押"),
    Query(text="mp4 扣押"),
    Query(text="无此"),
    Query(officer="警员7"),
    Query(unit="小队"),
    Query(kind="video"),
    Query(state=ItemState.FAILED),
    Query(state=ItemState.FAILED, unit="小队"),
    Query(since=OLD, until=OLD + timedelta(days=1)),
    Query(since=OLD, until=OLD + timedelta(days=1), text="巡查"),
    MONTH,
    replace(MONTH, clocks=(ClockKind.FILE_NAME,)),
    replace(MONTH, text="巡查"),
    Query(since=OLD),
    Query(place=Circle(CENTRE, 1_000)),
    Query(place=Box(116 * MICRO, 39 * MICRO, 117 * MICRO, 40 * MICRO)),
]


def _named(query: Query) -> str:
    return ",".join(query.pairs().values()) or "nothing"


@pytest.mark.parametrize("unit", [None, "小队", "大队1", "局"])
@pytest.mark.parametrize("query", QUERIES, ids=_named)
def test_a_page_looks_at_few_of_all(
    tx: SqlTransaction, monkeypatch: pytest.MonkeyPatch, query: Query, unit: str | None
) -> None:
    monkeypatch.setattr(search_questions, "FEW", FEW)
    with statements(tx.connection) as seen:
        tx.search.page(Viewer("a", unit, False, START), query, before=None, limit=PAGE)
    assert sum(_looked_at(tx.connection, *one) for one in seen) <= MOST_ROWS


@pytest.mark.parametrize("query", QUERIES, ids=_named)
def test_what_is_shared_costs_little_beside_what_is_of_the_unit(
    tx: SqlTransaction, monkeypatch: pytest.MonkeyPatch, query: Query
) -> None:
    monkeypatch.setattr(search_questions, "FEW", FEW)
    looked_at = []
    for agent in ("a", GUEST):
        with statements(tx.connection) as seen:
            tx.search.page(Viewer(agent, "小队", False, START), query, before=None, limit=PAGE)
        looked_at.append(sum(_looked_at(tx.connection, *one) for one in seen))
    # What is counted in two parts is put in order, all that the unit has, before the newest is looked at.
    assert looked_at[1] <= looked_at[0] + ITEMS // 100 + 2 * PAGE


MONTH_AND_ALL = replace(MONTH, text="巡查", kind="video", place=Circle(CENTRE, 3_000))


@pytest.mark.parametrize("unit", [None, "小队", "大队1", "局"])
@pytest.mark.parametrize("query", [replace(MONTH, state=ItemState.FAILED), MONTH_AND_ALL])
def test_what_holds_of_many_is_looked_for_only_where_the_month_is(
    tx: SqlTransaction, monkeypatch: pytest.MonkeyPatch, query: Query, unit: str | None
) -> None:
    """Each criterion finds few enough of all to be counted to the end; here it is not."""
    monkeypatch.setattr(search_pages, "_AT_ONCE", PAGE)
    with statements(tx.connection) as seen:
        tx.search.page(Viewer("a", unit, False, START), query, before=None, limit=PAGE)
    assert sum(_looked_at(tx.connection, *one) for one in seen) <= MOST_ROWS_OF_A_MONTH


@pytest.mark.parametrize("unit", [None, "小队"])
@pytest.mark.parametrize("query", [Query(place=Circle(CENTRE, 500)), MONTH_AND_ALL])
def test_counts_of_few_are_looked_up(tx: SqlTransaction, query: Query, unit: str | None) -> None:
    with statements(tx.connection) as seen:
        tx.search.facets(Viewer("a", unit, False, START), query)
    assert sum(_looked_at(tx.connection, *one) for one in seen) <= MOST_ROWS_OF_A_MONTH


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    starts=st.integers(-3, ITEMS // 4),
    lasts=st.integers(1, 400),
    before=st.integers(1, ITEMS + 1),
    width=st.integers(1, 70),
)
def test_all_of_a_time_lie_in_bands_and_in_each_band_lies_one(
    tx: SqlTransaction, monkeypatch: pytest.MonkeyPatch, starts: int, lasts: int, before: int, width: int
) -> None:
    monkeypatch.setattr(search_bands, "_LEAST_WIDTH", width)
    first = stretch_of(to_micros(START)) + starts
    seq, stretch = search_stretches.c.seq, search_stretches.c.stretch
    of_the_time = select(seq).where(stretch.between(first, first + lasts - 1), seq < before)
    numbers = {*tx.connection.execute(of_the_time).scalars()}
    bands = bands_of(tx.connection, range(first, first + lasts), before, ITEMS)
    assert bands is not None
    held = [numbers & {*range(band.first, band.last + 1)} for band in bands]
    assert {number for some in held for number in some} == numbers
    assert sum(map(len, held)) == len(numbers)
    # Of a band that is cut off only what is left counts.
    assert all(held) or before <= ITEMS


def test_nothing_is_compiled_first(tx: SqlTransaction) -> None:
    assert tx.connection.exec_driver_sql("SHOW jit").scalar_one() == "off"


def test_one_item_is_judged_without_a_look_at_the_links_of_others(tx: SqlTransaction) -> None:
    with statements(tx.connection) as seen:
        assert [*tx.access.items([ITEM], "b", START)] == [ITEM]
    assert sum(_looked_at(tx.connection, *one) for one in seen) <= 10
