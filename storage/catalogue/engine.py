"""Opening the embedded SQLite: durable at every commit, from a wheel that bundles a current SQLite.

Debian 12's own SQLite 3.40 lies in the range of the WAL-reset corruption bug, so the standard `sqlite3`
module is never used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.pool import QueuePool

from evidence.errors import Unavailable

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


def open_engine(path: Path, *, readers: bool) -> Engine:
    """An engine on the database at `path`: one writing connection, or a small pool of reading ones."""
    engine = create_engine(
        f"sqlite:///{path}",
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


#: The newest migration; a test holds it equal to what Alembic finds.
NEWEST = "0021"


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())


def migrate(engine: Engine) -> None:
    """Bring the database to the newest schema; repeatable, and safe for several processes at once.

    Raises Unavailable("newer-catalogue") when a newer Custos has been here.
    """
    with engine.connect() as connection:
        if _revision(connection) == NEWEST:
            return
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            _refuse_newer(_revision(connection))
            _upgrade(connection)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def _refuse_newer(revision: str | None) -> None:
    if revision is not None and revision > NEWEST:
        raise Unavailable(
            "newer-catalogue",
            "This catalogue was made by a newer Custos. Start that version, or restore a backup made before "
            "the upgrade.",
        )


def _upgrade(connection: Connection) -> None:
    # Alembic takes longer to import than everything else together; most starts need none of it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "storage.catalogue:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
