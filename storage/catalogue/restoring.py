"""A catalogue filled from the journal: a new SQLite file, of whichever schema the entries are.

Nothing refers to anything while it is filled, since a row may be told before the one that it needs. What
still refers to nothing at the end was cut off with the last seconds; it is taken out, and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from sqlalchemy import Connection, Engine, Select, insert, select

from evidence.journal import Entry, Value
from storage.catalogue.engine import NEWEST, open_engine, upgrade
from storage.catalogue.figure_tables import figure_due
from storage.catalogue.journalled import NOT_JOURNALLED, install, uninstall
from storage.catalogue.search_tables import search_due
from storage.catalogue.tables import items


class Restoration:
    """Blocking: call it off the event loop. `path` must not exist."""

    def __init__(self, path: Path) -> None:
        self._engine: Engine = open_engine(path, readers=False)
        self._connection: Connection = self._engine.connect()
        self._connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        self._schema: str | None = None
        self._columns: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {}

    def apply(self, schema: str, entries: Sequence[Entry]) -> None:
        """Make the rows as `entries` of that schema say, in their order.

        Raises ValueError for what does not fit the schema, or comes behind a newer one.
        """
        if schema > NEWEST or (self._schema is not None and schema < self._schema):
            raise ValueError("entries of a schema that is not known here")
        with self._writing() as connection:
            if schema != self._schema:
                upgrade(connection, schema)
                # Nothing of this is to be queued again.
                uninstall(connection)
                self._schema = schema
                self._columns = {}
            for (table, names), some in groupby(entries, key=_kind):
                if names is None:
                    self._delete(table, [one.key for one in some])
                else:
                    self._put(table, names, [one.row for one in some if one.row is not None])

    def finish(self) -> int:
        """Bring it to the newest schema, leave its projections to be made; how many rows were cut off.

        Durable on return. The file is let go of.
        """
        with self._writing() as connection:
            if self._schema != NEWEST:
                upgrade(connection)
            cut = _cut_off(connection)
            connection.execute(insert(search_due).from_select(["item_id"], _there()))
            connection.execute(insert(figure_due).from_select(["item_id"], select(items.c.id)))
            install(connection)
        self.close()
        return cut

    def close(self) -> None:
        """Let go of the file; idempotent."""
        self._connection.close()
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self._connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.exec_driver_sql("ROLLBACK")
            raise
        self._connection.exec_driver_sql("COMMIT")

    def _put(self, name: str, names: tuple[str, ...], rows: Sequence[Mapping[str, Value]]) -> None:
        columns, _ = self._known(name)
        if not columns.issuperset(names):
            raise ValueError(f"entries of {name} that do not fit its schema")
        into = ", ".join(f'"{one}"' for one in names)
        places = ", ".join("?" * len(names))
        self._connection.exec_driver_sql(
            f'INSERT OR REPLACE INTO "{name}" ({into}) VALUES ({places})',  # noqa: S608  names of the schema
            [tuple(row[one] for one in names) for row in rows],
        )

    def _delete(self, name: str, keys: Sequence[tuple[Value, ...]]) -> None:
        _, key = self._known(name)
        if any(len(one) != len(key) for one in keys):
            raise ValueError(f"entries of {name} that do not fit its schema")
        which = " AND ".join(f'"{one}" = ?' for one in key)
        self._connection.exec_driver_sql(f'DELETE FROM "{name}" WHERE {which}', list(keys))  # noqa: S608

    def _known(self, name: str) -> tuple[frozenset[str], tuple[str, ...]]:
        """A table's columns, and those of its key; raises ValueError for one that is in no journal."""
        found = self._columns.get(name)
        if found is None:
            said = self._connection.exec_driver_sql(
                "SELECT name, pk FROM pragma_table_info(?) ORDER BY pk", (name,)
            ).all()
            if not said or name in NOT_JOURNALLED or name == "alembic_version":
                raise ValueError(f"entries of a table that is not kept in a journal: {name}")
            found = frozenset(row.name for row in said), tuple(row.name for row in said if row.pk)
            self._columns[name] = found
        return found


def _kind(entry: Entry) -> tuple[str, tuple[str, ...] | None]:
    return entry.table, None if entry.row is None else tuple(entry.row)


def _there() -> Select[tuple[str]]:
    return select(items.c.id).where(items.c.disposed_at.is_(None))


def _cut_off(connection: Connection) -> int:
    """Take out what refers to what is not there, until nothing does."""
    cut = 0
    while True:
        found = {
            (row[0], row[1])
            for row in connection.exec_driver_sql("PRAGMA foreign_key_check")
            if row[1] is not None
        }
        if not found:
            return cut
        for table, row_id in found:
            connection.exec_driver_sql(f'DELETE FROM "{table}" WHERE rowid = ?', (row_id,))  # noqa: S608
        cut += len(found)
