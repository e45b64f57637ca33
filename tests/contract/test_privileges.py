"""Roles of a PostgreSQL: who can add to the custody log, who can change it, and what stops even its owner."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from custos.cli import main
from evidence.errors import Invalid, Unavailable
from evidence.ids import new_id
from storage.catalogue.catalogue import open_catalogue
from storage.catalogue.frozen import FROZEN
from storage.catalogue.keeper import kept_by
from storage.catalogue.privileges import prepare
from tests.catalogues import ask, make_older
from tests.contract.test_catalogue import NOW, FixedClock, draft
from tests.postgres import Server, as_user

CHANGES = tuple(
    statement
    for table in FROZEN
    for statement in (
        f"UPDATE {table} SET {'at = 0' if table == 'events' else 'number = 0'}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
    )
)


@pytest.fixture
def empty(postgres: Server) -> str:
    """A database of the owner's, in which nothing is, as the service reaches it."""
    with postgres.catalogue():
        # Whoever asks for one has both roles made.
        return as_user("custos", postgres.new_database(owner="owner"))


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


async def test_the_service_can_add_and_change_nothing(postgres: Server) -> None:
    with postgres.catalogue() as url:
        async with open_catalogue(url, FixedClock(), "test") as catalogue:
            await catalogue.record(draft(new_id(NOW)))
        for statement in (
            *CHANGES,
            "DROP TRIGGER events_frozen_update ON events",
            "ALTER TABLE events DISABLE TRIGGER ALL",
            "DROP TABLE events CASCADE",
            "CREATE OR REPLACE FUNCTION custos_refuse() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
            "SET session_replication_role = replica",
            "CREATE TRIGGER t BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION custos_refuse()",
            "CREATE RULE r AS ON INSERT TO events DO INSTEAD NOTHING",
            "UPDATE alembic_version SET version_num = '0001'",
            "CREATE TABLE another (n int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                run(url, statement)
        assert kept_by(url).could_change == ""
        assert len(ask(url, "SELECT id FROM events")) == 3


@pytest.mark.parametrize("who", ["owner", "postgres"])
async def test_triggers_stop_those_who_may(postgres: Server, who: str) -> None:
    with postgres.catalogue() as url:
        async with open_catalogue(url, FixedClock(), "test") as catalogue:
            await catalogue.record(draft(new_id(NOW)))
        for statement in CHANGES:
            with pytest.raises(psycopg.IntegrityError, match="append-only"):
                run(as_user(who, url), statement)
        if who == "postgres":
            # As a server that replays another one's changes, which passes other triggers by.
            with pytest.raises(psycopg.IntegrityError, match="append-only"):
                run(as_user(who, url), "SET session_replication_role = replica", "DELETE FROM events")
        assert "UPDATE events" in (kept_by(as_user(who, url)).could_change or "")
        assert len(ask(url, "SELECT id FROM events")) == 3


async def test_the_owner_prepares_what_the_service_cannot(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Unavailable) as refusal:
        async with open_catalogue(empty, FixedClock(), "test"):
            pass
    assert refusal.value.code == "catalogue-not-prepared"
    assert kept_by(empty).could_change is None
    file = tmp_path / "owner"
    file.write_text(as_user("owner", empty) + "\n")
    monkeypatch.setenv("CUSTOS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CUSTOS_CATALOGUE__URL", empty)
    file.chmod(0o644)
    assert main(["catalogue", "prepare", "--owner-file", str(file)]) == 2
    file.chmod(0o600)
    for _ in range(2):
        assert main(["catalogue", "prepare", "--owner-file", str(file)]) == 0
        assert "The role custos can add" in capsys.readouterr().out
    async with open_catalogue(empty, FixedClock(), "test") as catalogue:
        await catalogue.record(draft(new_id(NOW)))
    # The catalogue is older than this Custos, and has to be migrated by its owner too.
    make_older(empty)
    with pytest.raises(Unavailable) as refusal:
        async with open_catalogue(empty, FixedClock(), "test"):
            pass
    assert refusal.value.code == "catalogue-not-prepared"
    assert main(["catalogue", "prepare", "--owner-file", str(file)]) == 0
    async with open_catalogue(empty, FixedClock(), "test"):
        pass


def test_a_role_that_owns_or_may_do_everything_is_refused(empty: str) -> None:
    owner = as_user("owner", empty)
    with pytest.raises(Invalid) as same:
        prepare(owner, owner)
    assert same.value.code == "same-role"
    with pytest.raises(Unavailable) as powerful:
        prepare(owner, as_user("postgres", empty))
    assert powerful.value.code == "too-powerful"
