"""`evidence.ports.catalogue.Catalogue` over SQLite or PostgreSQL: one writer thread, a few reading ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from evidence.errors import EventNotWritten, Unavailable
from evidence.events import EventDraft, EventType, SealedEvent, Subject
from evidence.ports.catalogue import Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import LogHead
from evidence.timekeeping import OFFICE_ZONE
from storage.catalogue.custody_log import SqlCustodyLog
from storage.catalogue.engine import (
    NEWEST,
    READERS,
    Where,
    begin_reading,
    connected,
    migrate,
    open_engine,
    revision_of,
    unavailable,
)
from storage.catalogue.log import Emitter, register_emitter
from storage.catalogue.transaction import SqlTransaction
from storage.catalogue.writer import GroupWriter

_log = logging.getLogger(__name__)
T = TypeVar("T")


class SqlCatalogue:
    """See the port. Made by `open_catalogue`."""

    def __init__(self, readers: Engine, writer: GroupWriter, emitter: Emitter, zone: timedelta) -> None:
        self._zone = zone
        self._readers = readers
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="catalogue-reader")
        self._writer = writer
        self._emitter = emitter

    @property
    def emitter(self) -> str:
        """This process's emitter."""
        return self._emitter.id

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction; durable on return."""
        return cast(T, await self._writer.write(work))

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, work)

    def _read(self, work: Callable[[Transaction], T]) -> T:
        try:
            with self._readers.connect() as connection:
                begin_reading(connection)
                try:
                    return work(SqlTransaction(connection, self._emitter, self._zone))
                finally:
                    connection.exec_driver_sql("ROLLBACK")
        except SQLAlchemyError as error:
            _log.error("a catalogue read failed", exc_info=error)
            raise unavailable() from error

    async def record(self, draft: EventDraft) -> SealedEvent:
        """Append one event by group commit."""
        try:
            return await self._writer.record(draft)
        except Unavailable as error:
            raise EventNotWritten from error

    async def close(self) -> None:
        """Commit what waits and let go of the database."""
        await asyncio.to_thread(self._writer.close)
        self._pool.shutdown()
        self._readers.dispose()


@asynccontextmanager
async def open_catalogue(
    where: Where, clock: Clock, process: str, zone: timedelta = OFFICE_ZONE
) -> AsyncIterator[SqlCatalogue]:
    """The catalogue there, a file or a database's address, migrated, with a fresh emitter for this process.

    The emitter records its start and, when closed in order, its stop; a start without a stop is a crash.
    `process` ("api", "worker", …) and the clock's source stand in the start event's detail.
    `zone` is how far from UTC the office's clocks are: what says no zone is read so, and days are its days.
    Raises Invalid, Unavailable.
    """
    if isinstance(where, Path):
        await asyncio.to_thread(where.parent.mkdir, 0o700, True, True)
    engine = open_engine(where, readers=False)
    emitter = Emitter()
    writer: GroupWriter | None = None
    try:
        try:
            await asyncio.to_thread(migrate, engine)
            writer = await asyncio.to_thread(GroupWriter, engine, emitter, zone)
        except SQLAlchemyError as error:
            _log.error("the catalogue cannot be opened", exc_info=error)
            raise unavailable() from error
        catalogue = SqlCatalogue(open_engine(where, readers=True), writer, emitter, zone)
        try:
            await writer.write(lambda tx: _start(tx, emitter, clock, process))
            try:
                yield catalogue
            finally:
                await catalogue.record(_life(EventType.EMITTER_STOPPED, emitter, clock, process))
        finally:
            await catalogue.close()
    finally:
        engine.dispose()


def log_of(where: Where) -> tuple[LogHead | None, Sequence[str]]:
    """The head of the log there, and the statements about its keys, read before anything is opened. Blocking.

    Nothing of a catalogue that is still to be migrated. Raises Invalid, Unavailable("catalogue-unreachable").
    """
    with connected(where) as connection:
        if revision_of(connection) != NEWEST:
            return None, ()
        log = SqlCustodyLog(connection)
        return log.head(), log.key_statements()


def _life(kind: EventType, emitter: Emitter, clock: Clock, process: str) -> EventDraft:
    return EventDraft(
        kind,
        agent=None,
        at=clock.now(),
        subjects=(Subject("emitter", emitter.id),),
        detail={"process": process, "time_source": clock.source()},
    )


def _start(tx: SqlTransaction, emitter: Emitter, clock: Clock, process: str) -> None:
    register_emitter(tx.connection, emitter, clock.now())
    tx.events.append(_life(EventType.EMITTER_STARTED, emitter, clock, process))
