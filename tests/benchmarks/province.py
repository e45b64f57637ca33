"""A catalogue in PostgreSQL with millions of items: some are drawn in Python, and multiplied in SQL.

What is drawn is written as the product writes it (`tests.benchmarks.archive`). Each copy has a number, a
time, a file name and a case of its own, and with them the words of its text; units, people, devices, notes
and tracks are those of the item that it was copied from. Rows lie in the order in which they would have come
in.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import psycopg

from evidence.cases import CaseDetail
from evidence.projection import Known
from evidence.timekeeping import to_micros
from storage.catalogue import codec
from storage.catalogue.privileges import prepare
from storage.catalogue.schema import metadata
from storage.catalogue.search_tables import STRETCH
from tests.benchmarks.archive import FIRST_ID, SEED, Archive, Shape, id_of, rows_of
from tests.postgres import Server, as_user

_DRAWN = 100_000
_PIECE = 2_500
_YEARS = 3 * 365 * 86_400
_ITEMS_A_CASE = 10
_CASE_KIND, _LINK_KIND = 50, 51
_ADMIN = "postgres"


def shape_of(items: int) -> Shape:
    """Three years of an office: four times as many items are twice as many units of twice as many."""
    units = max(8, round(40 * (items / 100_000) ** 0.5))
    return Shape(
        items,
        max(1, _YEARS // items),
        units=units,
        officers=units * 20,
        devices=units * 15,
        cases=items // _ITEMS_A_CASE,
        events_an_item=2,
        device_digits=6,
    )


class Province(Archive):
    """An archive whose cases belong to units, and whose words tell times, cases and devices apart."""

    def case_of(self, draw: random.Random, year: int, unit: str) -> str:
        """The number of one of the unit's cases."""
        place, units = self.units.index(unit), len(self.units)
        number = draw.randrange(self.shape.cases // units) * units + place
        return case_number(number)


def case_number(number: int) -> str:
    """The number that this case bears."""
    return f"城管罚〔2025〕{number:07d}号"


@dataclass(frozen=True, slots=True)
class Drawing:
    """One piece of what is drawn: items `first` to before `last`, of which each stands for `copies`."""

    url: str
    shape: Shape
    copies: int
    first: int
    last: int


def _more_of(
    known: Known, number: int, own: int, archive: Province, copies: int
) -> Iterator[tuple[str, Any]]:
    """What the benchmark of SQLite does without: descriptions, audits, cases with their links, the log."""
    item, at = known.item, to_micros(known.item.committed_at)
    yield "descriptions", {"item_id": item.id, "data": codec.dump(known.description)}
    yield "audits", {"item_id": item.id, "seen_at": at, "proven_at": at}
    if known.case_numbers:
        case = int(known.case_numbers[0][9:16])
        yield "links", {
            "id": id_of(number, _LINK_KIND), "case_id": id_of(case * copies, _CASE_KIND), "item_id": item.id,
            "origin": "upload", "agent_id": item.agent_id, "made_at": at,
        }  # fmt: skip
    if own < archive.shape.cases:
        unit = archive.units[own % len(archive.units)]
        yield "cases", {
            "id": id_of(number, _CASE_KIND), "unit": unit, "number": case_number(own), "category": "penalty",
            "state": "open", "opened_by": archive.reviewers[unit].id, "opened_at": at,
            "detail": codec.dump(CaseDetail().as_json()), "restriction": "none",
        }  # fmt: skip


def _piece(drawing: Drawing) -> None:
    archive = Province(drawing.shape)
    # The same whatever the pieces are given to.
    archive.draw = random.Random(f"{SEED}/{drawing.first}")
    archive.shape = replace(drawing.shape, cases=drawing.shape.cases // drawing.copies)
    gathered: dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]] = {}

    def keep(table: str, row: Mapping[str, Any]) -> None:
        gathered.setdefault((table, tuple(row)), []).append(tuple(row.values()))

    copies = drawing.copies
    for own in range(drawing.first, drawing.last):
        number = own * copies
        known = archive.known(number)
        (stated,) = known.item.submission.times
        case = known.case_numbers[0][9:16] if known.case_numbers else ""
        name = known.item.submission.filename.split("_")[1]
        keep("drawn", {"of": own, "local": stated.value, "name": name, "case_word": case})
        events = 0
        for table, row in rows_of(known, number, drawing.shape):
            if table == "search_stretches":
                continue
            if table == "event_subjects":
                row = {"seq": number * drawing.shape.events_an_item + events + 1, **row}
                events += 1
            keep(table, {"of": own, **row})
        for table, row in _more_of(known, number, own, archive, copies):
            keep(table, {"of": own, **row})
    with psycopg.connect(drawing.url) as connection, connection.cursor() as cursor:
        for (table, names), rows in gathered.items():
            columns = ", ".join(f'"{name}"' for name in names)
            with cursor.copy(f"COPY drawing.{table} ({columns}) FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)


#: What a copy has of its own, by table and column: `t` is the row that was drawn, `b` its item, `k` the copy.
_ID = "{new} || substr(t.{column}, 14)"
_MOVED = "t.{column} + k * {shift}"
_TOLD = "t.{column}"
for _word in ("name", "iso", "exif", "case"):
    _TOLD = f"replace({_TOLD}, {{old_{_word}}}, {{new_{_word}}})"
_OWN: Mapping[str, Mapping[str, str]] = {
    "items": {
        "id": _ID, "upload_id": _ID, "submission": _TOLD, "case_number": _TOLD, "committed_at": _MOVED,
        "locked_until": _MOVED, "key": "replace(t.key, {old}, {new})",
        "sha256": "lpad(to_hex({number}), 64, '0')",
    },
    "uploads": {"id": _ID, "item_id": _ID, "created_at": _MOVED, "touched_at": _MOVED},
    "renditions": {"id": _ID, "item_id": _ID, "key": _ID, "made_at": _MOVED},
    "jobs": {"id": _ID, "subject": _ID, "not_before": _MOVED, "updated_at": _MOVED},
    "descriptions": {"item_id": _ID, "data": _TOLD},
    "audits": {"item_id": _ID, "seen_at": _MOVED, "proven_at": _MOVED},
    "cases": {
        "id": _ID,
        "number": "replace(t.number, lpad(b.of::text, 7, '0'), lpad(({case} + b.of)::text, 7, '0'))",
    },
    "links": {
        "id": _ID, "item_id": _ID, "made_at": _MOVED,
        "case_id": "{hex_of_case} || substr(t.case_id, 14)",
    },
    "events": {
        "id": _ID, "at": _MOVED,
        "data": "convert_to(replace(convert_from(t.data, 'UTF8'), {old}, {new}), 'UTF8')",
    },
    "event_bodies": {"event_id": _ID},
    "event_subjects": {"seq": "t.seq + k * {events}", "subject": _ID, "event_id": _ID},
    "recording_segments": {"item_id": _ID, "own": _ID, "recording_id": _ID},
    "recording_starts": {"item_id": _ID, "begins_us": _MOVED, "ends_us": _MOVED},
    "search_rows": {"seq": "t.seq + k", "item_id": _ID},
    "search_cases": {"seq": "t.seq + k", "number": _TOLD},
    "search_texts": {"seq": "t.seq + k", "text": _TOLD},
    "search_terms": {
        "seq": "t.seq + k",
        "term": "CASE t.term WHEN {old_name} THEN {new_name} WHEN {old_case} THEN {new_case} ELSE t.term END",
    },
    "search_clocks": {
        "seq": "t.seq + k", "begins": _MOVED, "ends": _MOVED,
        "stated": "CASE WHEN t.kind = 'received' THEN to_char({utc}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        " WHEN t.kind = 'submitted' THEN {new_iso} || '+00:00' WHEN t.kind = 'file-name' THEN {new_name}"
        " ELSE {new_exif} END",
    },
    "search_cells": {"seq": "t.seq + k"},
    "search_places": {"seq": "t.seq + k"},
}  # fmt: skip


#: How a time is written in a file's name, in what was submitted, in an MP4.
_FORMS = {"name": "YYYYMMDDHH24MISS", "iso": 'YYYY-MM-DD"T"HH24:MI:SS', "exif": "YYYY:MM:DD HH24:MI:SS"}


#: A copy's clocks may lie in another stretch of time than those that it was copied from.
_STRETCHES = (
    f"INSERT INTO search_stretches (stretch, seq) SELECT DISTINCT begins / {STRETCH}, seq"
    " FROM search_clocks ORDER BY seq"
)


def _words(shape: Shape, copies: int) -> dict[str, str]:
    """The expressions that those above speak of."""

    def prefix(number: str) -> str:
        return f"overlay(lpad(to_hex({FIRST_ID} + {number}), 12, '0') PLACING '-' FROM 9 FOR 0)"

    drawn_cases = shape.cases // copies
    local = f"(b.local + k * interval '{shape.seconds} s')"
    words = {
        "number": f"(b.of * {copies}::bigint + k)",
        "old": prefix(f"b.of * {copies}::bigint"),
        "new": prefix(f"b.of * {copies}::bigint + k"),
        "hex_of_case": prefix(f"b.case_word::bigint * {copies} + k"),
        "shift": str(shape.seconds * 1_000_000),
        "events": str(shape.events_an_item),
        "local": local,
        "utc": "(to_timestamp((t.begins + k * {shift}) / 1000000.0) AT TIME ZONE 'UTC')",
        "case": f"k * {drawn_cases}",
        "old_case": "b.case_word",
        "new_case": f"CASE b.case_word WHEN '' THEN '' ELSE"
        f" lpad((b.case_word::bigint + k * {drawn_cases})::text, 7, '0') END",
    }
    for name, form in _FORMS.items():
        words[f"old_{name}"] = f"to_char(b.local, '{form}')"
        words[f"new_{name}"] = f"to_char({local}, '{form}')"
    words |= {"old_name": "b.name", "utc": words["utc"].format(**words)}
    return words


def _multiplied(table: str, columns: list[str], shape: Shape, copies: int) -> str:
    words = _words(shape, copies)
    values = ", ".join(_OWN[table].get(name, 't."{column}"').format(column=name, **words) for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    # Each join is bound to what stands before it: rows come in the order of the items, and of their copies.
    return (
        f"INSERT INTO {table} ({names}) SELECT {values} FROM (SELECT * FROM drawing.drawn ORDER BY of) AS b"
        f" CROSS JOIN LATERAL generate_series(0, {copies - 1} + 0 * b.of) AS k"
        f" JOIN LATERAL (SELECT * FROM drawing.{table} AS d WHERE d.of = b.of + 0 * k) AS t ON true"
    )


@contextmanager
def _quickly(server: Server) -> Iterator[None]:
    """While it is filled nothing has to outlive a power cut."""
    changed = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    for name, value in changed.items():
        server.execute(f"ALTER SYSTEM SET {name} = {value}")
    server.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        for name in changed:
            server.execute(f"ALTER SYSTEM RESET {name}")
        server.execute("SELECT pg_reload_conf()")
        server.execute("CHECKPOINT")


def prepared(server: Server) -> str:
    """The URL of an empty catalogue for the role of the service, made as an office makes it."""
    for role in ("owner", "custos"):
        server.execute(f"CREATE ROLE {role} LOGIN")
    owner = as_user("owner", server.new_database(owner="owner"))
    prepare(owner, as_user("custos", owner))
    return as_user("custos", owner)


def fill(server: Server, url: str, archive: Province) -> None:
    """Everything that the shape says, indexes and statistics last; says what took how long."""
    shape = archive.shape
    admin = as_user(_ADMIN, url)
    drawn = min(shape.items, _DRAWN)
    copies = shape.items // drawn
    with _quickly(server):
        columns = _staged(admin)
        begun = time.perf_counter()
        pieces = [
            Drawing(admin, shape, copies, first, min(first + _PIECE, drawn))
            for first in range(0, drawn, _PIECE)
        ]
        with ProcessPoolExecutor(2) as pool:
            for _ in pool.map(_piece, pieces):
                pass
        with psycopg.connect(admin, autocommit=True) as connection:
            for table in ("drawn", *_OWN):
                connection.execute(f"CREATE INDEX ON drawing.{table} (of)".encode())
                connection.execute(f"ANALYZE drawing.{table}".encode())
            for agent in (*archive.stations.values(), *archive.reviewers.values()):
                connection.execute(
                    "INSERT INTO agents (id, kind, username, name, role, unit, disabled, created_at)"
                    " VALUES (%s, %s, %s, %s, %s, %s, false, 0)",
                    (agent.id, agent.kind.value, agent.username, agent.name, agent.role.value, agent.unit),
                )
        print(f"     {drawn:,} items drawn in {time.perf_counter() - begun:.0f} s", flush=True)
        begun = time.perf_counter()
        # The largest first, so that both connections end together.
        largest = sorted(_OWN, key=lambda table: -_size(server, admin, table))
        with ThreadPoolExecutor(2) as pool:
            for _ in pool.map(partial(_fill_table, admin, columns, shape, copies), largest):
                pass
        _fill(admin, "search_stretches", _STRETCHES)
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("DROP SCHEMA drawing CASCADE")
            for table in ("search_rows", "event_subjects"):
                connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'seq'), max(seq)) FROM {table}".encode()
                )
        print(f"     {shape.items:,} items made of them in {time.perf_counter() - begun:.0f} s", flush=True)


def _size(server: Server, url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(f"SELECT pg_relation_size('drawing.{table}')".encode()).fetchone()
    assert found is not None
    return int(found[0])


def _staged(url: str) -> dict[str, list[str]]:
    """Tables of what is drawn, and the columns that are filled of each."""
    columns = {}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA drawing")
        connection.execute(
            "CREATE UNLOGGED TABLE drawing.drawn (of integer, local timestamp, name text, case_word text)"
        )
        for table in _OWN:
            connection.execute(
                f"CREATE UNLOGGED TABLE drawing.{table} (LIKE {table} INCLUDING DEFAULTS)".encode()
            )
            columns[table] = [column.name for column in metadata.tables[table].columns]
            connection.execute(f"ALTER TABLE drawing.{table} ADD COLUMN of integer".encode())
    return columns


def _fill_table(url: str, columns: dict[str, list[str]], shape: Shape, copies: int, table: str) -> None:
    _fill(url, table, _multiplied(table, columns[table], shape, copies))


def _fill(url: str, table: str, statement: str) -> None:
    begun = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        # What refers to what is right by how it is made; triggers would look up each row.
        for setting in (
            "session_replication_role = replica", "join_collapse_limit = 1", "from_collapse_limit = 1",
            "enable_hashjoin = off", "enable_mergejoin = off", "enable_material = off", "jit = off",
            "max_parallel_workers_per_gather = 0",
        ):  # fmt: skip
            connection.execute(f"SET {setting}".encode())
        # They are made at once at the end; REINDEX makes them ready again.
        connection.execute(
            "UPDATE pg_index SET indisready = false, indisvalid = false WHERE indrelid = %s::regclass",
            (table,),
        )
        connection.execute(statement.encode())
        filled = time.perf_counter()
        connection.execute(f"DROP TABLE IF EXISTS drawing.{table}".encode())
        connection.execute(f"REINDEX TABLE {table}".encode())
        connection.execute(f"VACUUM (FREEZE, ANALYZE) {table}".encode())
    ended = time.perf_counter()
    print(f"       {table}: rows in {filled - begun:.0f} s, indexes in {ended - filled:.0f} s", flush=True)
