"""The rows of the journal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, insert, select, tuple_

from evidence.journal import Entry, Position, Value
from evidence.ports.journal import Changed
from storage.catalogue.journal_tables import journal_changes, journal_marks
from storage.catalogue.journalled import journalled

_IN_ONE = 200


class SqlJournal:
    """`evidence.ports.journal.JournalRows` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def schema(self) -> str:
        """The newest migration that was applied."""
        return str(self._connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())

    def changed(self, limit: int) -> Changed:
        """What the first places of the queue are about."""
        query = select(journal_changes).order_by(journal_changes.c.seq).limit(limit)
        found = self._connection.execute(query).all()
        wanted = sorted({(row.name, row.key) for row in found})
        entries: list[Entry] = []
        tables = {table.name: table for table in journalled()}
        for name, keys in groupby(wanted, key=lambda one: one[0]):
            # A table that a newer schema has left behind has nothing to tell.
            if name in tables:
                entries += self._as_they_are(tables[name], [tuple(json.loads(key)) for _, key in keys])
        return Changed([row.seq for row in found], entries, len(found) < limit)

    def _as_they_are(self, table: Table, keys: Sequence[tuple[Any, ...]]) -> Iterator[Entry]:
        columns = list(table.primary_key)
        for first in range(0, len(keys), _IN_ONE):
            some = keys[first : first + _IN_ONE]
            among = tuple_(*columns).in_(some) if len(columns) > 1 else columns[0].in_(one[0] for one in some)
            rows = [entry_of(table, row) for row in self._connection.execute(select(table).where(among))]
            yield from rows
            there = {one.key for one in rows}
            yield from (Entry(table.name, key, None) for key in some if key not in there)

    def scan(self, after: Position | None, limit: int) -> tuple[Sequence[Entry], Position | None]:
        """Rows behind `after`."""
        entries: list[Entry] = []
        tables = journalled()
        names = [table.name for table in tables]
        # Behind what is no table here nothing is known: all of it is written again.
        begun = names.index(after[0]) if after is not None and after[0] in names else 0
        for table in tables[begun:]:
            columns = list(table.primary_key)
            query = select(table).order_by(*columns).limit(limit - len(entries))
            if after is not None and after[0] == table.name:
                query = query.where(tuple_(*columns) > tuple_(*after[1]))
            entries += [entry_of(table, row) for row in self._connection.execute(query)]
            if len(entries) >= limit:
                return entries, (table.name, entries[-1].key)
        return entries, None

    def forget(self, taken: Sequence[int]) -> None:
        """Take these places from the queue."""
        for first in range(0, len(taken), _IN_ONE):
            some = taken[first : first + _IN_ONE]
            self._connection.execute(delete(journal_changes).where(journal_changes.c.seq.in_(some)))

    def mark(self, name: str) -> str | None:
        """What was kept under that name."""
        query = select(journal_marks.c.value).where(journal_marks.c.name == name)
        return self._connection.execute(query).scalar()

    def keep_mark(self, name: str, value: str) -> None:
        """Put it in the place of what was kept."""
        self._connection.execute(delete(journal_marks).where(journal_marks.c.name == name))
        self._connection.execute(insert(journal_marks).values(name=name, value=value))

    def waiting(self) -> int:
        """How many places the queue has."""
        return self._connection.execute(select(func.count()).select_from(journal_changes)).scalar_one()


def entry_of(table: Table, row: Row[Any]) -> Entry:
    """A row as the journal keeps it."""
    values: dict[str, Value] = {
        name: bytes(value) if isinstance(value, memoryview) else value for name, value in row._mapping.items()
    }
    return Entry(table.name, tuple(values[column.name] for column in table.primary_key), values)
