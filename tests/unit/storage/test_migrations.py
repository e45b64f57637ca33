"""The migrations lead to exactly the tables that the code uses."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from storage.catalogue.engine import NEWEST, migrate, open_engine
from storage.catalogue.search_tables import search_rows


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
            assert compare_metadata(MigrationContext.configure(connection), search_rows.metadata) == []
    finally:
        engine.dispose()
