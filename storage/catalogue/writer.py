"""The one writer: a thread that commits in groups.

Everything that waits when the thread looks is one transaction, in its order: functions each in a savepoint,
single events between two of those in one insert. A function that raises undoes only itself; a commit that
fails undoes all and every caller is told. No result is handed out before COMMIT has returned, which with
synchronous=FULL means that it is on the disk.

The emitter's count is restored with what it counted: to the savepoint when a function raises, to the
start of the group when the transaction fails.

With PostgreSQL a connection can be lost, and with it the answer to a COMMIT. Its callers hear that it failed,
which is never wrong to believe, since everything may be repeated; but whether its numbers are used nobody
knows. So after any failure the next group begins on a new connection with what the emitter's row says,
once no transaction that could still change it is left: no number is given twice and none left out. A row
that says less than what was acknowledged is that of a database which forgot, as a standby does that was not
waited for: nothing more is written there.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from evidence.errors import Unavailable
from evidence.events import EventDraft, SealedEvent, parts_of
from storage.catalogue.engine import begin_writing, commit, is_postgres, unavailable
from storage.catalogue.log import Emitter, counted_by, store_events
from storage.catalogue.transaction import SqlTransaction

_log = logging.getLogger(__name__)
_LARGEST_GROUP = 512

Settled: TypeAlias = "tuple[asyncio.Future[Any], Any, BaseException | None]"


@dataclass(frozen=True, slots=True)
class _Function:
    work: Callable[[SqlTransaction], Any]
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Event:
    draft: EventDraft
    future: asyncio.Future[Any]


class GroupWriter:
    """Owns the writing connection and its thread."""

    def __init__(self, engine: Engine, emitter: Emitter, zone: timedelta) -> None:
        self._zone = zone
        self._engine = engine
        self._connection: Connection = engine.connect()
        self._is_lost = False
        self._emitter = emitter
        self._waiting: queue.SimpleQueue[_Function | _Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="catalogue-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[SqlTransaction], Any]) -> Any:
        """Run `work` in the next group; returns once that group is durable."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.put(_Function(work, future))
        return await future

    async def record(self, draft: EventDraft) -> SealedEvent:
        """Append one event in the next group."""
        future: asyncio.Future[SealedEvent] = asyncio.get_running_loop().create_future()
        self._waiting.put(_Event(draft, future))
        return await future

    def close(self) -> None:
        """Commit what waits and end the thread. Blocking; idempotent."""
        self._waiting.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        open_ = True
        while open_:
            group: list[_Function | _Event] = []
            entry = self._waiting.get()
            while True:
                if entry is None:
                    open_ = False
                else:
                    group.append(entry)
                if not open_ or len(group) >= _LARGEST_GROUP:
                    break
                try:
                    entry = self._waiting.get_nowait()
                except queue.Empty:
                    break
            if group:
                _hand_out(self._commit(group))

    def _commit(self, group: Sequence[_Function | _Event]) -> list[Settled]:
        counted = self._emitter.n
        try:
            if self._is_lost:
                self._begin_anew()
                counted = self._emitter.n
            try:
                begin_writing(self._connection, alone=any(isinstance(entry, _Function) for entry in group))
                settled = self._apply(group)
                commit(self._connection)
            except BaseException:
                self._roll_back()
                raise
        except Exception as error:  # noqa: BLE001  whatever it was, every caller must hear of it
            self._emitter.n = counted
            _log.error("a group of %d catalogue writes failed", len(group), exc_info=error)
            return [(entry.future, None, unavailable()) for entry in group]
        return settled

    def _begin_anew(self) -> None:
        self._connection.close()
        self._connection = self._engine.connect()
        begin_writing(self._connection, alone=False)
        counted = counted_by(self._connection, self._emitter) or 0
        self._connection.exec_driver_sql("ROLLBACK")
        if counted < self._emitter.n:
            raise Unavailable(
                "catalogue-forgot",
                f"The database knows {counted} events of this process, and acknowledged {self._emitter.n}.",
            )
        self._emitter.n = counted
        self._is_lost = False

    def _roll_back(self) -> None:
        if is_postgres(self._connection):
            self._connection.invalidate()
            self._is_lost = True
            return
        try:
            if self._connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
                self._connection.exec_driver_sql("ROLLBACK")
        except SQLAlchemyError as error:
            _log.error("the rollback failed too", exc_info=error)

    def _apply(self, group: Sequence[_Function | _Event]) -> list[Settled]:
        settled: list[Settled] = []
        sealed: list[SealedEvent] = []
        transaction = SqlTransaction(self._connection, self._emitter, self._zone)
        for entry in group:
            if isinstance(entry, _Event):
                counted = self._emitter.n
                try:
                    parts = [self._emitter.seal(part) for part in parts_of(entry.draft)]
                except (TypeError, ValueError) as error:
                    self._emitter.n = counted
                    settled.append((entry.future, None, error))
                else:
                    sealed += parts
                    settled.append((entry.future, parts[0], None))
            else:
                # The log takes an emitter's events in the order of their rows, and that is its count's order.
                self._store(sealed)
                sealed = []
                settled.append(self._apply_function(entry, transaction))
        self._store(sealed)
        return settled

    def _store(self, sealed: Sequence[SealedEvent]) -> None:
        if sealed:
            store_events(self._connection, self._emitter, sealed)

    def _apply_function(self, entry: _Function, transaction: SqlTransaction) -> Settled:
        counted = self._emitter.n
        self._connection.exec_driver_sql("SAVEPOINT work")
        try:
            result = entry.work(transaction)
        except (IntegrityError, DataError) as error:
            _log.error("a catalogue write broke a rule of the tables", exc_info=error)
            return self._undo(entry, counted, unavailable())
        except SQLAlchemyError:
            # The disk or the database is at fault, and it may have ended the transaction by itself.
            raise
        except Exception as error:  # noqa: BLE001  it is the caller's, and reaches the caller
            return self._undo(entry, counted, error)
        self._connection.exec_driver_sql("RELEASE work")
        return (entry.future, result, None)

    def _undo(self, entry: _Function, counted: int, error: BaseException) -> Settled:
        self._connection.exec_driver_sql("ROLLBACK TO work")
        self._connection.exec_driver_sql("RELEASE work")
        self._emitter.n = counted
        return (entry.future, None, error)


def _hand_out(settled: Sequence[Settled]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Settled]] = {}
    for entry in settled:
        by_loop.setdefault(entry[0].get_loop(), []).append(entry)
    for loop, entries in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, entries)
        except RuntimeError:
            _log.warning("the loop closed before %d catalogue writes were answered", len(entries))


def _settle(entries: Sequence[Settled]) -> None:
    for future, result, error in entries:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
