"""The frozen event table and this process's emitter."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.engine import Dialect

from evidence.events import SALT_BYTES, EventDraft, SealedEvent, parse_event, parts_of, seal
from evidence.ids import new_id, new_pseudonym
from evidence.ports.catalogue import HistoryEntry
from evidence.timekeeping import from_text, to_micros
from storage.catalogue.tables import (
    emitters,
    event_bodies,
    event_queue,
    event_subjects,
    events,
)


class Emitter:
    """One process start: an identifier and the count of its events.

    The count moves with the transaction: whoever rolls back puts `n` back (`storage.catalogue.writer`).
    """

    def __init__(self) -> None:
        self.id = new_pseudonym()
        self.n = 0

    def seal(self, draft: EventDraft) -> SealedEvent:
        """The draft's bytes for ever, with this emitter's next number."""
        event = seal(
            draft,
            event_id=draft.id or new_id(draft.at),
            emitter=self.id,
            n=self.n,
            salt=secrets.token_bytes(SALT_BYTES),
        )
        self.n += 1
        return event


def register_emitter(connection: Connection, emitter: Emitter, at: datetime) -> None:
    """The emitter's row, before its first event."""
    connection.execute(insert(emitters).values(id=emitter.id, started_at=to_micros(at), next_n=emitter.n))


@cache
def _insert(table: Table, columns: tuple[str, ...], dialect: type[Dialect], paramstyle: str) -> str:
    # Group commit is the hot path of every read: the statement is compiled once and given plain tuples.
    plain = dialect(paramstyle=paramstyle)  # type: ignore[call-arg]
    return str(insert(table).inline().compile(dialect=plain, column_keys=list(columns)))


def insert_many(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: list[tuple[object, ...]]
) -> None:
    """Insert plain tuples; nothing happens for none."""
    if rows:
        connection.exec_driver_sql(_insert_into(connection, table, columns), rows)


def put_many(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: list[tuple[object, ...]]
) -> None:
    """Insert plain tuples, each in the place of the row with the same first column if there is one."""
    if rows:
        taken_over = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
        # SQLite and PostgreSQL have the same words for it.
        statement = _insert_into(connection, table, columns)
        statement += f" ON CONFLICT ({columns[0]}) DO UPDATE SET {taken_over}"
        connection.exec_driver_sql(statement, rows)


def _insert_into(connection: Connection, table: Table, columns: tuple[str, ...]) -> str:
    dialect = connection.dialect
    style = "format" if dialect.paramstyle == "pyformat" else dialect.paramstyle
    return _insert(table, columns, type(dialect), style)  # type: ignore[arg-type]  # a class hashes


def store_events(connection: Connection, emitter: Emitter, sealed: Sequence[SealedEvent]) -> None:
    """Insert sealed events, their bodies and projections, and move the emitter's count on."""
    insert_many(
        connection,
        events,
        ("id", "data", "at"),
        [(event.id, event.data, to_micros(event.at)) for event in sealed],
    )
    insert_many(
        connection,
        event_bodies,
        ("event_id", "salt", "detail"),
        [(event.id, event.salt, event.detail) for event in sealed],
    )
    insert_many(
        connection,
        event_subjects,
        ("subject", "event_id"),
        [(subject.id, event.id) for event in sealed for subject in event.subjects],
    )
    insert_many(connection, event_queue, ("event_id",), [(event.id,) for event in sealed])
    connection.execute(update(emitters).where(emitters.c.id == emitter.id).values(next_n=emitter.n))


def counted_by(connection: Connection, emitter: Emitter) -> int | None:
    """The number of the emitter's next event, as far as is committed; None before its row is there.

    Waits for a transaction of the same emitter that has not ended, so that what it counts is in it.
    """
    own = select(emitters.c.next_n).where(emitters.c.id == emitter.id).with_for_update()
    return connection.execute(own).scalar()


class SqlEvents:
    """`evidence.ports.catalogue.Events` over SQL."""

    def __init__(self, connection: Connection, emitter: Emitter) -> None:
        self._connection = connection
        self._emitter = emitter

    def append(self, draft: EventDraft) -> SealedEvent:
        """Seal and insert in the current transaction."""
        sealed = [self._emitter.seal(part) for part in parts_of(draft)]
        store_events(self._connection, self._emitter, sealed)
        return sealed[0]

    def put_back(self, data: bytes, salt: bytes, detail: bytes) -> None:
        """What was sealed before and is not there any more, the event or only its detail, as it was."""
        said = parse_event(data)
        event_id, about = str(said["id"]), said["subjects"]
        assert isinstance(about, list)
        subjects = [str(one["id"]) for one in about if isinstance(one, dict)]
        at = to_micros(from_text(str(said["time"])))
        connection = self._connection
        if self.data(event_id) is None:
            insert_many(connection, events, ("id", "data", "at"), [(event_id, data, at)])
            named: list[tuple[object, ...]] = [(one, event_id) for one in subjects]
            insert_many(connection, event_subjects, ("subject", "event_id"), named)
            insert_many(connection, event_queue, ("event_id",), [(event_id,)])
        known = select(event_bodies.c.event_id).where(event_bodies.c.event_id == event_id)
        if connection.execute(known).first() is None:
            columns = ("event_id", "salt", "detail")
            insert_many(connection, event_bodies, columns, [(event_id, salt, detail)])

    def get(self, event_id: str) -> tuple[bytes, bytes, bytes] | None:
        """Event, salt and detail bytes."""
        row = self._connection.execute(
            select(events.c.data, event_bodies.c.salt, event_bodies.c.detail)
            .join(event_bodies, event_bodies.c.event_id == events.c.id)
            .where(events.c.id == event_id)
        ).first()
        return None if row is None else (row.data, row.salt, row.detail)

    def data(self, event_id: str) -> bytes | None:
        """The event's bytes."""
        return self._connection.execute(select(events.c.data).where(events.c.id == event_id)).scalar()

    def history(self, subject: str, limit: int) -> Sequence[HistoryEntry]:
        """The latest `limit` events about the subject, oldest first."""
        rows = self._connection.execute(
            select(events.c.data, event_bodies.c.detail)
            .select_from(event_subjects)
            .join(events, events.c.id == event_subjects.c.event_id)
            .join(event_bodies, event_bodies.c.event_id == events.c.id, isouter=True)
            .where(event_subjects.c.subject == subject)
            .order_by(event_subjects.c.seq.desc())
            .limit(limit)
        ).all()
        return [HistoryEntry(row.data, row.detail) for row in reversed(rows)]
