"""PostgreSQL as the catalogue: how it is reached, what is refused of it, and how it is begun.

What SQLite does by itself is asked for here. Its one writer is a transaction-level advisory lock, which is
let go only after what was committed can be seen, so that the next holder's statements (READ COMMITTED) see
all of it. A process that is stopped or cut off inside a transaction loses it to `IDLE_MILLISECONDS` and to
TCP's keepalives; who waits for it longer than `LOCK_MILLISECONDS` hears so.

Text columns have no length here, as SQLite's have none in truth: what one takes the other takes too. A NUL
character, which PostgreSQL's text cannot hold, stands there as U+FFFD; JSON columns and events hold it
as it was said, escaped.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection as PsycopgConnection
from psycopg.adapt import Loader
from psycopg.errors import InsufficientPrivilege
from psycopg.types.string import StrDumper
from sqlalchemy import Connection, Engine, String, Text, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import QueuePool

from evidence.errors import Invalid, Unavailable
from storage.catalogue.frozen import FROZEN
from storage.catalogue.schema import metadata

SCHEMES = ("postgresql", "postgres")
OLDEST = 140_000
LOCK_MILLISECONDS = 10_000
IDLE_MILLISECONDS = 15_000
_CONNECT_SECONDS = 10
#: The advisory lock of who brings the schema up to date.
_MIGRATING = 0x437573746F730002

_CREATE = "CREATE DATABASE custos OWNER custos TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
_BY_CODE_POINTS = frozenset({"C", "POSIX", "C.UTF-8", "C.UTF8", "C.utf8", "PG_C_UTF8"})
_SESSION = {
    "lock_timeout": LOCK_MILLISECONDS,
    "idle_in_transaction_session_timeout": IDLE_MILLISECONDS,
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": IDLE_MILLISECONDS,
    "client_min_messages": "warning",
    # What is bound to a way is guessed to cost a hundred times what it does: compiling it would take longer.
    "jit": "off",
}


@compiles(String, "postgresql")
def _without_length(_type: String, _compiler: Any, **_: Any) -> str:
    return "TEXT"


@compiles(Text, "postgresql")
def _text(_type: Text, _compiler: Any, **_: Any) -> str:
    return "TEXT"


class _WithoutNul(StrDumper):
    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd"))


class _Whole(Loader):
    """Sums of whole numbers are whole; there is no other numeric here."""

    def load(self, data: Any) -> int:
        return int(bytes(data))


def _adapt(connection: PsycopgConnection[Any], _record: Any) -> None:
    connection.adapters.register_dumper(str, _WithoutNul)
    connection.adapters.register_loader("numeric", _Whole)


def open_postgres(url: str, *, readers: int | None) -> Engine:
    """An engine on the database at `url`: one writing connection, or a pool of `readers` reading ones.

    Nothing is connected yet. Raises Invalid("bad-catalogue-url").
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        # The cause may repeat a part of the password.
        raise Invalid("bad-catalogue-url", "`catalogue.url` is not the address of a database.") from None
    if address.drivername not in SCHEMES or not address.database:
        raise Invalid(
            "bad-catalogue-url",
            "`catalogue.url` has to look like postgresql://custos@host/custos, with the database's name.",
        )
    session = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    engine = create_engine(
        address.set(drivername="postgresql+psycopg"),
        poolclass=QueuePool,
        pool_size=readers or 1,
        max_overflow=0,
        # A connection that a restart of the server broke is replaced before anybody reads by it.
        pool_pre_ping=True,
        isolation_level="AUTOCOMMIT",
        connect_args={
            "options": session,
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "custos",
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": IDLE_MILLISECONDS,
            "client_encoding": "utf8",
        },
    )
    event.listen(engine, "connect", _adapt)
    return engine


def require_sound(connection: Connection) -> None:
    """Refuse a server or a database on which Custos could not keep what it promises. Raises Unavailable."""
    said = {
        name: str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())
        for name in ("server_version_num", "fsync", "full_page_writes", "synchronous_commit")
    }
    if int(said["server_version_num"]) < OLDEST:
        raise Unavailable(
            "postgresql-too-old", "This PostgreSQL is older than 14. Upgrade it before Custos uses it."
        )
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if said[name] == "off":
            raise Unavailable(
                "postgresql-not-durable",
                f"This PostgreSQL runs with {name}=off: what it acknowledges can be lost with the power. "
                f"Set {name}=on in its postgresql.conf, and look whether the role or the database has a "
                "setting of its own.",
            )
    if connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one():
        raise Unavailable(
            "postgresql-read-only",
            "This PostgreSQL is a standby, which takes no writes. Point `catalogue.url` at the primary.",
        )
    if connection.exec_driver_sql("SHOW default_transaction_read_only").scalar_one() != "off":
        raise Unavailable(
            "postgresql-read-only",
            "This database takes no writes (default_transaction_read_only). Set it to off for Custos's role.",
        )
    encoding, collation = _text_of(connection)
    if encoding != "UTF8" or collation not in _BY_CODE_POINTS:
        raise Unavailable(
            "postgresql-collation",
            f"This database has the encoding {encoding} and the collation {collation}; lists and searches "
            f"need UTF8 and an order by code points. Make another one: {_CREATE}",
        )


def is_not_allowed(error: DBAPIError) -> bool:
    """Whether the role lacks a privilege."""
    return isinstance(error.orig, InsufficientPrivilege)


def version_of(connection: Connection) -> str:
    """Its number, as people say it."""
    return str(connection.exec_driver_sql("SHOW server_version").scalar_one())


def _text_of(connection: Connection) -> tuple[str, str]:
    row = (
        connection.exec_driver_sql(
            "SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, to_jsonb(d) AS rest "
            "FROM pg_database AS d WHERE datname = current_database()"
        )
        .mappings()
        .one()
    )
    # Which columns say it depends on the version; a provider other than the C library names a locale.
    rest = row["rest"]
    if rest.get("datlocprovider", "c") == "c":
        return row["encoding"], row["datcollate"]
    if rest["datlocprovider"] == "b":
        return row["encoding"], rest["datlocale"]
    return row["encoding"], f"{rest.get('datlocale') or rest.get('daticulocale')} (ICU)"


def lock_for_migration(connection: Connection) -> None:
    """Wait until no other process changes the schema; to the end of the transaction."""
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")


def create_newest(connection: Connection, revision: str) -> None:
    """Make every table of an empty database, freeze what is frozen, and note that it is of `revision`."""
    if connection.exec_driver_sql(
        "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema())"
    ).scalar_one():
        raise Unavailable(
            "not-a-catalogue",
            "This database holds tables that are not Custos's. Give Custos a database of its own.",
        )
    metadata.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(
        "CREATE FUNCTION custos_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for table, words in FROZEN.items():
        for change in ("UPDATE", "DELETE", "TRUNCATE"):
            name = f"{table}_frozen_{change.lower()}"
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} BEFORE {change} ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION custos_refuse('{words}')"
            )
            # Not even a session that replays another server's changes gets past it.
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num TEXT NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (%s)", (revision,))
