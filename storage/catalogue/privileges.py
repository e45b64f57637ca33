"""The role under which Custos reaches a PostgreSQL: it reads and adds what is frozen, and changes none of it.

Who owns the tables could drop the triggers that freeze them. So the owner makes and migrates them, and lends
the running service no more than it needs.
"""

from __future__ import annotations

from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from evidence.errors import Invalid, Unavailable
from storage.catalogue.engine import commit, connected, migrate, open_engine
from storage.catalogue.frozen import FROZEN
from storage.catalogue.schema import metadata

_CHANGES = ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER")


def prepare(owner: str, url: str) -> str:
    """Bring the database up to date as its owner, whose address is `owner`, for the role that `url` names.

    On return that role may read and add everywhere, and change and remove but in what is frozen and in the
    schema; its name is returned. May be repeated, and has to be after an update of Custos: what later tables
    need is lent then. Durable on return; a crash leaves the privileges as they were. Raises Invalid:
    "bad-catalogue-url", "same-role"; Unavailable.
    """
    engine = open_engine(owner, readers=False)
    role = make_url(url).username
    try:
        if role is None or role == make_url(owner).username:
            raise Invalid(
                "same-role",
                "`catalogue.url` has to name a role of its own, and not the owner's, whom nothing can be "
                "forbidden.",
            )
        try:
            migrate(engine)
            with engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                _lend(connection, role)
                commit(connection)
        except SQLAlchemyError as error:
            words = " ".join(str(getattr(error, "orig", "")).split())
            raise Unavailable("not-prepared", f"The database refused: {words}") from error
    finally:
        engine.dispose()
    with connected(url) as connection:
        found = what_it_could_change(connection)
    if found:
        raise Unavailable(
            "too-powerful",
            f"The role {role} could still {found}: it is a superuser, or a member of the role that owns the "
            "tables. Take that from it.",
        )
    return role


def _lend(connection: Connection, role: str) -> None:
    def run(statement: str, **names: Identifier) -> None:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        connection.exec_driver_sql(SQL(statement).format(role=Identifier(role), **names).as_string(driver))  # type: ignore[arg-type]

    schema = Identifier(str(connection.exec_driver_sql("SELECT current_schema()").scalar_one()))
    run("GRANT USAGE ON SCHEMA {schema} TO {role}", schema=schema)
    run("REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}", schema=schema)
    run("GRANT SELECT ON alembic_version TO {role}")
    for table in metadata.tables:
        changes = "" if table in FROZEN else ", UPDATE, DELETE"
        run(f"GRANT SELECT, INSERT{changes} ON {{table}} TO {{role}}", table=Identifier(table))
    run("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}", schema=schema)


def what_it_could_change(connection: Connection) -> str:
    """In words, what the connection's own role could do to what is frozen; empty where it is nothing."""
    able = [
        f"{change} {table}"
        for table in FROZEN
        for change in _CHANGES
        if connection.exec_driver_sql(
            "SELECT has_table_privilege(%s, %s) OR pg_has_role(c.relowner, 'MEMBER') "
            "FROM pg_class AS c WHERE c.oid = %s::regclass",
            (table, change, table),
        ).scalar_one()
    ]
    return ", ".join(able)
