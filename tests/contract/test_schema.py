"""The tables as migrations lead to them, as the metadata makes them, in PostgreSQL: the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from storage.catalogue.engine import NEWEST, Where, migrate, open_engine
from storage.catalogue.frozen import FROZEN
from storage.catalogue.schema import metadata
from tests.catalogues import Catalogues, ask, make_older
from tests.postgres import Server, as_user


def seen(connection: Connection, type_of: Callable[[Any], str]) -> dict[str, Any]:
    """Every table: its columns, keys and indexes, as the database itself says them."""
    looked, found = inspect(connection), {}
    for table in sorted(set(looked.get_table_names()) - {"alembic_version"}):
        key = looked.get_pk_constraint(table)
        found[table] = {
            # Those that were added later come last where they were added.
            "columns": sorted(
                (one["name"], type_of(one["type"]), one["nullable"]) for one in looked.get_columns(table)
            ),
            "key": (key["name"] or f"pk_{table}", key["constrained_columns"]),
            "foreign": sorted(
                (one["name"], one["constrained_columns"], one["referred_table"], one["referred_columns"])
                for one in looked.get_foreign_keys(table)
            ),
            "unique": sorted(
                (one["name"], one["column_names"]) for one in looked.get_unique_constraints(table)
            ),
            "indexes": sorted(
                (one["name"], one["column_names"], bool(one["unique"]))
                for one in looked.get_indexes(table)
                if not one.get("duplicates_constraint")
            ),
        }
    return found


def defaults(connection: Connection) -> dict[tuple[str, str], str]:
    looked = inspect(connection)
    return {
        (table, one["name"]): str(one["default"])
        for table in metadata.tables
        for one in looked.get_columns(table)
        if one["default"] is not None
    }


def conditions(rows: list[Any]) -> set[tuple[str, str]]:
    """The indexes of some rows only, with which: without the brackets and casts of one database."""
    found = set()
    for name, text in rows:
        _, where, which = " ".join(str(text).split()).partition(" WHERE ")
        if where:
            plain = which.replace("::text", "").replace("<>", "!=").replace("(", "").replace(")", "")
            found.add((str(name), plain))
    return found


def test_sqlite_is_led_to_what_the_metadata_says(tmp_path: Path) -> None:
    led, made = (open_engine(tmp_path / name, readers=False) for name in ("led.db", "made.db"))
    migrate(led)
    metadata.create_all(made)
    with led.connect() as one, made.connect() as other:
        assert seen(one, str) == seen(other, str)
        assert defaults(one) == defaults(other)
    led.dispose()
    made.dispose()
    indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    assert conditions(ask(tmp_path / "led.db", indexes)) == conditions(ask(tmp_path / "made.db", indexes))


def test_postgresql_has_what_sqlite_has(tmp_path: Path, postgres: Server) -> None:
    def simple(kind: Any) -> str:
        return {"INTEGER": "number", "BIGINT": "number", "VARCHAR": "text"}.get(
            str(kind).partition("(")[0], str(kind).lower().replace("blob", "bytea")
        )

    with postgres.catalogue() as url:
        led = open_engine(tmp_path / "led.db", readers=False)
        made = open_engine(as_user("owner", url), readers=False)
        migrate(led)
        with led.connect() as one, made.connect() as other:
            wanted, found = seen(one, simple), seen(other, simple)
        led.dispose()
        made.dispose()
        assert found == wanted
        indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        partial = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        assert conditions(ask(url, indexes)) == conditions(ask(tmp_path / "led.db", partial))


def test_nothing_is_left_to_migrate(where: Where) -> None:
    engine = open_engine(where, readers=False)
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_what_is_frozen_has_its_triggers(where: Where, catalogues: Catalogues) -> None:
    if not catalogues.is_postgres:
        names = {row[0] for row in ask(where, "SELECT name FROM sqlite_master WHERE type = 'trigger'")}
        frozen = {f"{table}_frozen_{change}" for table in FROZEN for change in ("update", "delete")}
        assert frozen == {name for name in names if not name.startswith("journal_of_")}
        return
    found = ask(
        where,
        "SELECT tgname, tgenabled::text FROM pg_trigger "
        "WHERE NOT tgisinternal AND tgname NOT LIKE 'journal_of_%'",
    )
    # Always: also in a session that replays what another server did.
    assert {tuple(row) for row in found} == {
        (f"{table}_frozen_{change}", "A") for table in FROZEN for change in ("update", "delete", "truncate")
    }


def test_a_later_migration_runs_on_postgresql_too(postgres: Server) -> None:
    """As if this one was made when the two newest migrations were not known."""
    url = postgres.new_database()
    engine = open_engine(url, readers=False)
    migrate(engine)
    make_older(url)
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    assert ask(url, "SELECT version_num FROM alembic_version") == [(NEWEST,)]
