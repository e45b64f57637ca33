"""Opening the embedded SQLite: durable at every commit, from a wheel that bundles a current SQLite.

Debian 12's own SQLite 3.40 lies in the range of the WAL-reset corruption bug, so the standard `sqlite3`
module is never used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Engine, create_engine, event
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
    event.listen(engine, "connect", _on_connect(_READER_PRAGMAS if readers else _WRITER_PRAGMAS))
    return engine


def migrate(engine: Engine) -> None:
    """Bring the database to the newest schema; repeatable. One process at a time (an exclusive lock).

    Raises Unavailable("newer-catalogue") when a newer Custos has been here.
    """
    config = Config()
    config.set_main_option("script_location", "storage.catalogue:migrations")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        except BaseException as error:
            connection.exec_driver_sql("ROLLBACK")
            if "Can't locate revision" in str(error):
                raise Unavailable(
                    "newer-catalogue",
                    "This catalogue was made by a newer Custos. Start that version, or restore a backup "
                    "made before the upgrade.",
                ) from error
            raise
        connection.exec_driver_sql("COMMIT")
