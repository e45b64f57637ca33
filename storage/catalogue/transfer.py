"""A whole catalogue from an SQLite file into a PostgreSQL, and the proof that each table is the same there.

All of it is one transaction: it is there as a whole or not at all. COPY checks what refers to what when a
table is complete, so that rows may come in any order. What is read back is compared by a digest over every
row in the order of its key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Table, func, insert, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from evidence.errors import Conflict, Unavailable
from evidence.journal import encode_entries
from storage.catalogue.engine import NEWEST, begin_reading, commit, migrate, open_engine, revision_of
from storage.catalogue.journal import entry_of
from storage.catalogue.journal_tables import journal_changes
from storage.catalogue.schema import metadata

_ROWS = 1_000
Told = Callable[[str, int], None]


def transfer(source: Path, url: str, told: Told = lambda table, rows: None) -> Mapping[str, str]:
    """Copy the SQLite catalogue at `source`, which nobody may write meanwhile, into the database at `url`.

    The database has to be prepared and empty, or to have been copied from there before. Durable on
    return, repeatable; what raises has changed nothing. Returns the digest of each table. `told` hears of
    each table that was copied, with its rows. Blocking. Raises Conflict("catalogue-there"),
    Conflict("catalogue-older"), Conflict("catalogue-differs") if it is not the same there, Unavailable.
    """
    reading, writing = open_engine(source, readers=True), open_engine(url, readers=False)
    try:
        migrate(writing)
        with reading.connect() as old, writing.connect() as new:
            begin_reading(old)
            if revision_of(old) != NEWEST:
                raise Conflict(
                    "catalogue-older",
                    "This catalogue is of another version of Custos: start this one once first.",
                )
            new.exec_driver_sql("BEGIN")
            try:
                digests = _copied(old, new, told)
            except BaseException:
                new.exec_driver_sql("ROLLBACK")
                raise
            commit(new)
            return digests
    except SQLAlchemyError as error:
        words = " ".join(str(getattr(error, "orig", "")).split())
        raise Unavailable("catalogue-unreachable", f"The database refused: {words}") from error
    finally:
        reading.dispose()
        writing.dispose()


def digests_of(source: Path) -> Mapping[str, str]:
    """Of each table that `transfer` copies from there, as it is now. Blocking."""
    reading = open_engine(source, readers=True)
    try:
        with reading.connect() as connection:
            begin_reading(connection)
            return {table.name: _digest_of(connection, table) for table in _moved()}
    finally:
        reading.dispose()


def _moved() -> list[Table]:
    return [table for table in metadata.sorted_tables if table is not journal_changes]


def _copied(old: Connection, new: Connection, told: Told) -> Mapping[str, str]:
    moved = _moved()
    if any(new.execute(select(table).limit(1)).first() is not None for table in moved):
        return _equal(old, new, moved)
    digests = {}
    for table in moved:
        digest = hashlib.sha256()
        count = _copy(new, table, _counted(_rows(old, table), table, digest))
        digests[table.name] = digest.hexdigest()
        _advance(new, table)
        told(table.name, count)
    for table in moved:
        if _digest_of(new, table) != digests[table.name]:
            raise Conflict(
                "catalogue-differs",
                f"The table {table.name} is not the same in the database as in the file: nothing was kept.",
            )
    # Every row has queued itself for the journal; what waits for it is what waited before.
    new.execute(journal_changes.delete())
    for row in _rows(old, journal_changes):
        new.execute(insert(journal_changes).values(name=row.name, key=row.key))
    return digests


def _equal(old: Connection, new: Connection, moved: Sequence[Table]) -> Mapping[str, str]:
    """The digests, if an earlier run has copied it; raises Conflict("catalogue-there") if it is another."""
    digests = {}
    for table in moved:
        digests[table.name] = _digest_of(old, table)
        if _digest_of(new, table) != digests[table.name]:
            raise Conflict(
                "catalogue-there", "There is another catalogue in this database: give an empty one."
            )
    return digests


def _digest_of(connection: Connection, table: Table) -> str:
    digest = hashlib.sha256()
    for _ in _counted(_rows(connection, table), table, digest):
        pass
    return digest.hexdigest()


def _rows(connection: Connection, table: Table) -> Iterator[Any]:
    """Every row in the order of its key, some at a time."""
    key = list(table.primary_key)
    last: Sequence[Any] | None = None
    while True:
        query = select(table).order_by(*key).limit(_ROWS)
        if last is not None:
            query = query.where(tuple_(*key) > tuple_(*last))
        found = connection.execute(query).all()
        yield from found
        if len(found) < _ROWS:
            return
        last = [found[-1]._mapping[column.name] for column in key]


def _counted(rows: Iterator[Any], table: Table, digest: Any) -> Iterator[Any]:
    for row in rows:
        line = encode_entries([entry_of(table, row)])
        # What PostgreSQL's text cannot hold stands there as U+FFFD.
        digest.update(line.replace(b"\\u0000", "\ufffd".encode()))
        yield row


def _copy(connection: Connection, table: Table, rows: Iterator[Any]) -> int:
    driver: Any = connection.connection.dbapi_connection
    names = [column.name for column in table.columns]
    into = SQL("COPY {} ({}) FROM STDIN").format(
        Identifier(table.name), SQL(", ").join(map(Identifier, names))
    )
    count = 0
    with driver.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row(tuple(row))
            count += 1
    return count


def _advance(connection: Connection, table: Table) -> None:
    """Bring what counts up behind what was copied, with no more than a role that may only count up has."""
    counter = table.autoincrement_column
    if counter is None:
        return
    sequence = connection.exec_driver_sql(
        "SELECT pg_get_serial_sequence(%s, %s)", (table.name, counter.name)
    ).scalar_one()
    last = connection.execute(select(func.max(counter))).scalar() or 0
    connection.exec_driver_sql(
        "SELECT max(nextval(%s::regclass)) FROM generate_series(1, %s)", (sequence, last)
    )
