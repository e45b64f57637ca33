"""The migrations lead to exactly the tables that the code uses."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from evidence.reviews import Turn
from storage.catalogue.engine import NEWEST, migrate, open_engine
from storage.catalogue.schema import metadata


def test_the_newest_migration_is_the_one_that_is_named() -> None:
    config = Config()
    config.set_main_option("script_location", "storage.catalogue:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == NEWEST


def test_nothing_is_left_to_migrate(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "c.db", readers=False)
    try:
        migrate(engine)
        migrate(engine)
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    finally:
        engine.dispose()


def test_items_from_before_the_search_are_left_to_be_made(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "c.db", readers=False)
    try:
        with engine.connect() as connection:
            config = Config()
            config.set_main_option("script_location", "storage.catalogue:migrations")
            config.attributes["connection"] = connection
            command.upgrade(config, "0004")
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql(
                "INSERT INTO items (id, upload_id, unit, agent_id, submission, kind, media_type, size,"
                " sha256, crc32, key, version, committed_at, locked_until, fully_locked)"
                " VALUES ('i', 'u', '', '', '{}', '', '', 0, '', 0, '', '', 0, 0, 0)"
            )
        migrate(engine)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT item_id FROM search_due").scalars().all() == ["i"]
    finally:
        engine.dispose()


def test_what_was_there_before_reviews_waits_for_one(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "c.db", readers=False)
    try:
        with engine.connect() as connection:
            config = Config()
            config.set_main_option("script_location", "storage.catalogue:migrations")
            config.attributes["connection"] = connection
            command.upgrade(config, "0012")
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql(
                "INSERT INTO items (id, upload_id, unit, agent_id, submission, kind, media_type, size,"
                " sha256, crc32, key, version, committed_at, locked_until, fully_locked)"
                " VALUES ('i', 'u', '', '', '{}', '', '', 0, '', 0, '', '', 0, 0, 0)"
            )
            connection.exec_driver_sql(
                "INSERT INTO figures VALUES ('', '', '', '', '', '', 1, 1, 1, 1, 1, 1, 1, 1, 1)"
            )
        migrate(engine)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT turn FROM items").scalars().all() == [Turn.WAITING]
            assert connection.exec_driver_sql("SELECT reviewed FROM figures").scalars().all() == [0]
    finally:
        engine.dispose()
