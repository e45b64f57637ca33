"""Opening the catalogue and its transactions, over the embedded SQLite or a PostgreSQL.

SQLite comes from a wheel that bundles a current one, and is durable at every commit. Debian 12's own
SQLite 3.40 lies in the range of the WAL-reset corruption bug, so the standard `sqlite3` module is never used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from evidence.errors import Unavailable
from storage.catalogue.journalled import install, uninstall

#: Where a catalogue is: SQLite's file, or the address of a database of PostgreSQL.
Where: TypeAlias = Path | str

#: The advisory lock of who writes alone in a PostgreSQL.
_WRITING = 0x437573746F730001
BUSY_MILLISECONDS = 5_000
READERS = 4

_WRITER_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={BUSY_MILLISECONDS}",
    "PRAGMA cache_size=-16000",
)
_READER_PRAGMAS = (
    "PRAGMA query_only=ON",
    f"PRAGMA busy_timeout={BUSY_MILLISECONDS}",
)


def sqlite_version() -> str:
    """The version of SQLite that this process uses."""
    return str(sqlite.sqlite_version)


class _WithHints(SQLiteCompiler):
    """Writes hints behind the tables that they are for; SQLAlchemy leaves them out for SQLite."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        """The hint as it is given."""
        return text


def _on_connect(pragmas: tuple[str, ...]) -> Callable[[Any, Any], None]:
    def apply(connection: Any, _record: Any) -> None:
        for pragma in pragmas:
            connection.execute(pragma)

    return apply


def is_postgres(connection: Connection) -> bool:
    """Whether it is not SQLite."""
    return connection.dialect.name == "postgresql"


def open_engine(where: Where, *, readers: bool) -> Engine:
    """An engine on the database there: one writing connection, or a small pool of reading ones.

    Raises Invalid("bad-catalogue-url").
    """
    if isinstance(where, str):
        from storage.catalogue import postgres

        return postgres.open_postgres(where, readers=READERS if readers else None)
    engine = create_engine(
        f"sqlite:///{where}",
        module=sqlite,
        poolclass=QueuePool,
        pool_size=READERS if readers else 1,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
        connect_args={"check_same_thread": False},
    )
    engine.dialect.statement_compiler = _WithHints
    event.listen(engine, "connect", _on_connect(_READER_PRAGMAS if readers else _WRITER_PRAGMAS))
    return engine


def begin_writing(connection: Connection, *, alone: bool) -> None:
    """Begin a transaction that writes. `alone`: no other such one runs until this one has ended.

    SQLite lets only one write in any case. On PostgreSQL what only appends events need not be alone: it reads
    nothing first, its rows are new and refer to nothing but each other, the one row that it changes is its
    own emitter's, which no other process writes; and the sequencer takes what it sees from the queue row by
    row, so that nothing is skipped that commits after a higher number.
    """
    if not is_postgres(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    connection.exec_driver_sql("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    if alone:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITING})")


def begin_reading(connection: Connection) -> None:
    """Begin a transaction that sees one moment and can write nothing."""
    read_only = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    connection.exec_driver_sql(read_only if is_postgres(connection) else "BEGIN")


def commit(connection: Connection) -> None:
    """Commit; durable on return. What raises may have been committed or not."""
    if is_postgres(connection):
        driver = connection.connection.dbapi_connection
        # PostgreSQL answers a COMMIT of what had failed with a rollback, and calls it no error.
        if driver is None or driver.info.transaction_status.name != "INTRANS":
            raise unavailable()
    connection.exec_driver_sql("COMMIT")


#: Of the Unavailable that is raised where a database does not answer.
UNREACHABLE = "catalogue-unreachable"
#: The newest migration; a test holds it equal to what Alembic finds.
NEWEST = "0026"


def revision_of(connection: Connection) -> str | None:
    """The newest migration that was applied; None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())


def migrate(engine: Engine) -> None:
    """Bring the database to the newest schema; repeatable, and safe for several processes at once.

    An empty PostgreSQL is made as the newest schema is (docs/adr/0027); what comes later is migrated on both.
    Raises Unavailable: "catalogue-not-prepared" where only the owner can, "newer-catalogue" when a newer
    Custos has been here, and what `storage.catalogue.postgres` refuses.
    """
    with engine.connect() as connection:
        if is_postgres(connection):
            _migrate_postgres(connection)
            return
        if revision_of(connection) == NEWEST:
            return
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with _or_not_at_all(connection):
            _refuse_newer(revision_of(connection))
            uninstall(connection)
            upgrade(connection)
            install(connection)


def _migrate_postgres(connection: Connection) -> None:
    from storage.catalogue import postgres

    postgres.require_sound(connection)
    if revision_of(connection) == NEWEST:
        return
    try:
        connection.exec_driver_sql("BEGIN")
        with _or_not_at_all(connection):
            postgres.lock_for_migration(connection)
            found = revision_of(connection)
            _refuse_newer(found)
            if found is None:
                postgres.create_newest(connection, NEWEST)
            elif found != NEWEST:
                uninstall(connection)
                upgrade(connection)
            install(connection)
    except ProgrammingError as error:
        if not postgres.is_not_allowed(error):
            raise
        raise Unavailable(
            "catalogue-not-prepared",
            "The role of `catalogue.url` may not make or migrate the tables. Their owner has to: run "
            "`custos catalogue prepare` (docs/postgresql.md).",
        ) from error


@contextmanager
def _or_not_at_all(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    commit(connection)


def is_begun(where: Where) -> bool:
    """Whether a catalogue was opened there before. Raises Invalid, Unavailable("catalogue-unreachable")."""
    if isinstance(where, Path):
        return where.exists()
    with connected(where) as connection:
        if revision_of(connection) is None:
            return False
        # Its tables may have been made for it; whoever opens it is an emitter.
        return bool(connection.exec_driver_sql("SELECT EXISTS (SELECT FROM emitters)").scalar_one())


@contextmanager
def connected(where: Where) -> Iterator[Connection]:
    """A connection that commits each statement. Raises Invalid, Unavailable("catalogue-unreachable")."""
    engine = open_engine(where, readers=False)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        # Without what it was asked: these words are for whoever set the address, and name no password.
        words = " ".join(str(getattr(error, "orig", "")).split())
        raise Unavailable(UNREACHABLE, f"The catalogue's database does not answer: {words}") from error
    finally:
        engine.dispose()


def unavailable() -> Unavailable:
    """What a caller hears when the catalogue itself fails; the cause is in the log."""
    return Unavailable(
        "catalogue-unavailable",
        "The catalogue is not answering. Try again in a moment; if it goes on, run `custos doctor`.",
    )


def _refuse_newer(found: str | None) -> None:
    if found is not None and found > NEWEST:
        raise Unavailable(
            "newer-catalogue",
            "This catalogue was made by a newer Custos. Start that version, or restore a backup made before "
            "the upgrade.",
        )


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the migrations up to `to`, in the connection's transaction."""
    # Alembic takes longer to import than everything else together; most starts need none of it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "storage.catalogue:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
