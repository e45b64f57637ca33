"""An installation moved from its disk to a PostgreSQL and a bucket: the same there, nothing removed here."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table

from custos import migrating
from custos.cli import main
from custos.migrating import migrate
from custos.settings import Settings
from custos.stores import open_stores
from evidence.agents import Role
from evidence.errors import Conflict, CustosError, Invalid, Unavailable
from storage.catalogue import transfer as transferring
from storage.objects.s3 import moving
from storage.objects.s3.client import Bucket
from storage.objects.s3.uploading import put
from tests.media import make_clip
from tests.postgres import Server
from tests.s3_server import S3Server
from tests.serving.exports import case_of_two
from tests.serving.inside import Inside, served_inside
from tests.serving.lost import events, kept, rows
from tests.serving.settings import custos_environment, settings_for


@dataclass
class Move:
    """An embedded installation with a case in it, and where it is to go."""

    old: Settings
    new: Settings
    s3_server: S3Server

    def run(self) -> migrating.Migrated:
        return asyncio.run(migrate(self.old, self.new, "the bureau grew"))


@pytest.fixture
def move(s3_server: S3Server, postgres: Server, tmp_path: Path) -> Iterator[Move]:
    data = tmp_path / "data"
    with ExitStack() as stack:
        url = stack.enter_context(postgres.catalogue())
        new = settings_for(data, s3=s3_server.settings(s3_server.make_bucket()), catalogue=url)
        yield Move(settings_for(data), new, s3_server)


def filled(server: Inside, clip: bytes) -> tuple[str, list[str]]:
    case = case_of_two(server, clip)
    supervisor = server.client(Role.SUPERVISOR)
    items = [one["id"] for one in supervisor.get("/items").json()["items"]]
    legal = server.client(Role.LEGAL_REVIEWER)
    assert legal.post(f"/items/{items[0]}/holds", {"reason": "r", "authority": "a"}).status == 201
    server.do(server.services.sweep.run())
    return case, items


def test_it_is_the_same_there_and_goes_on(
    move: Move, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path / "clip.mp4").read_bytes()
    with served_inside(move.old.data) as server:
        case, items = filled(server, clip)
        supervisor = server.client(Role.SUPERVISOR)
        shown = supervisor.get(f"/cases/{case}").json()
        locks = {
            item: server.do(server.services.store.stat(found.key)).locked_until
            for item in items
            if (found := server.do(server.services.catalogue.read(lambda tx, one=item: tx.items.get(one))))  # type: ignore[misc]
        }
    kept(move.old)
    with served_inside(move.old.data) as server:
        before, told = rows(server), events(server)
    file = tmp_path / "new.toml"
    s3 = move.new.s3
    file.write_text(
        f'data = "{move.old.data}"\n[catalogue]\nurl = "{move.new.catalogue.url}"\n'
        f'[s3]\nbucket = "{s3.bucket}"\nendpoint = "{s3.endpoint}"\ncredentials = "{s3.credentials}"\n'
    )
    environment = custos_environment(move.old.data)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["migrate", "--to", str(file), "--reason", "the bureau grew"]) == 0
    said = capsys.readouterr().out
    assert "in the bucket, each read back" in said
    assert "tables in the database, each compared" in said
    left = {path.name for path in move.old.data.iterdir()}
    assert {"store-before-migration", "catalogue-before-migration", "keys"} <= left
    assert not {"store", "catalogue"} & left
    # Nobody begins a second installation beside it by starting with the settings of before.
    with pytest.raises(Unavailable) as moved, served_inside(move.old.data):
        pass
    assert moved.value.code == "was-moved"
    with served_inside(move.new.data, s3=s3, catalogue=move.new.catalogue.url) as server:
        now = rows(server)
        assert {key: now[key] for key in before} == before
        assert events(server)[: len(told)] == told
        (event,) = server.events("installation.moved")
        assert event["detail"]["reason"] == "the bureau grew"
        assert set(event["detail"]["tables"]) >= {"events", "items", "cases"}
        client = type(supervisor)(server.url, supervisor.token)
        assert client.get(f"/cases/{case}").json() == shown
        for item, lock in locks.items():
            found = server.do(server.services.catalogue.read(lambda tx, one=item: tx.items.get(one)))  # type: ignore[misc]
            assert found is not None
            stat = server.do(server.services.store.stat(found.key, version=found.version))
            assert lock is not None
            assert stat.locked_until is not None
            assert stat.locked_until >= lock
            assert stat.held == (item == items[0])
            assert client.get(f"/items/{item}/original").status == 200
            assert client.get(f"/items/{item}/playlist.m3u8").status == 200
        assert server.client(Role.OFFICER).kept(b"new", "new.bin")
    # The log, the bodies and the journal go on where they were.
    kept(move.new)
    with served_inside(move.new.data, s3=s3, catalogue=move.new.catalogue.url) as server:
        assert not server.do(server.services.catalogue.read(lambda tx: tx.oversight.alarms()))


def test_one_that_breaks_off_goes_on(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    with served_inside(move.old.data) as server:
        server.client(Role.OFFICER).kept(b"one", "1.bin")
        server.client(Role.OFFICER).kept(b"two", "2.bin")
    uploaded: list[str] = []
    upload = moving.upload

    def counted(bucket: Bucket, key: str, *rest: Any) -> str:
        uploaded.append(key)
        if len(uploaded) == 5:
            raise ConnectionError
        return upload(bucket, key, *rest)

    monkeypatch.setattr(moving, "upload", counted)
    with pytest.raises(ConnectionError):
        move.run()
    assert (move.old.store / "objects").exists()
    # It dies behind each of its steps, once the step is done.
    for step in ("_moved_store", "_moved_catalogue", "_record", "_set_aside"):
        with monkeypatch.context() as patch:
            patch.setattr(migrating, step, dying(getattr(migrating, step)))
            with pytest.raises(ConnectionError):
                move.run()
    # What was moved and cannot have changed was sent once.
    again = [key for key in uploaded if uploaded.count(key) > 1 and key != uploaded[4]]
    assert {key.split("/")[0] for key in again} <= {"log", "catalogue"}
    assert any(key.endswith(".part") for key in again)
    found = move.run()
    assert found.store is not None
    assert found.tables
    assert not move.old.store.exists()
    # Once more, it finds that all was done.
    assert move.run() == found
    with served_inside(move.new.data, s3=move.new.s3, catalogue=move.new.catalogue.url) as server:
        assert len(server.client(Role.SUPERVISOR).get("/items").json()["items"]) == 2
        assert len(server.events("installation.moved")) == 2
    # Every detail is there that the log speaks of.
    kept(move.new)


def dying(step: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and then the end."""
    if not inspect.iscoroutinefunction(step):

        def once(*told: Any) -> Any:
            step(*told)
            raise ConnectionError

        return once

    async def later(*told: Any) -> Any:
        await step(*told)
        raise ConnectionError

    return later


def test_an_old_place_that_went_on_is_not_taken_for_moved(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served_inside(move.old.data) as server:
        server.client(Role.OFFICER).kept(b"one", "1.bin")
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "_record", dying(migrating._record))
        with pytest.raises(ConnectionError):
            move.run()
    with served_inside(move.old.data) as server:
        item = server.client(Role.OFFICER).kept(b"two", "2.bin")
    with pytest.raises(Conflict) as refusal:
        move.run()
    assert refusal.value.code == "moved-and-went-on"
    with served_inside(move.old.data) as server:
        assert server.client(Role.SUPERVISOR).get(f"/items/{item}/original").body == b"two"


def test_what_is_not_the_same_there_is_not_kept(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    with served_inside(move.old.data) as server:
        server.client(Role.OFFICER).kept(b"one", "1.bin")
    with monkeypatch.context() as patch:
        patch.setattr(
            moving, "upload", lambda bucket, key, fd, size, digest, told: put_other(bucket, key, size, told)
        )
        with pytest.raises(Conflict) as store:
            move.run()
    assert store.value.code in ("other-in-bucket", "not-as-moved")
    move.new = move.new.model_copy(update={"s3": move.old.s3})
    copy = transferring._copy

    def without_one(connection: Connection, table: Table, rows: Iterator[Any]) -> int:
        found = list(rows)
        return copy(connection, table, iter(found[:-1] if table.name == "audits" else found))

    with monkeypatch.context() as patch:
        patch.setattr(transferring, "_copy", without_one)
        with pytest.raises(CustosError) as catalogue:
            move.run()
    assert catalogue.value.code in ("catalogue-differs", "catalogue-unreachable")
    # Nothing was kept of it: the next attempt finds an empty database.
    assert move.run().tables


def put_other(bucket: Bucket, key: str, size: int, told: dict[str, Any]) -> str:
    return put(bucket, key, bytes(size), told)


@pytest.mark.parametrize("only", ["database", "bucket"])
def test_to_one_of_both(move: Move, only: str) -> None:
    with served_inside(move.old.data) as server:
        item = server.client(Role.OFFICER).kept(b"one", "1.bin")
    away = {"s3": move.old.s3} if only == "database" else {"catalogue": move.old.catalogue}
    move.new = move.new.model_copy(update=away)
    found = move.run()
    assert (found.store is None, bool(found.tables)) == (only == "database", only == "database")
    new = move.new
    with served_inside(new.data, s3=new.s3, catalogue=new.catalogue.url) as server:
        assert server.client(Role.SUPERVISOR).get(f"/items/{item}/original").body == b"one"
    kept(new)


def test_where_something_else_lies_nothing_is_moved(move: Move) -> None:
    with served_inside(move.old.data) as server:
        item = server.client(Role.OFFICER).kept(b"one", "1.bin")
        found = server.do(server.services.catalogue.read(lambda tx: tx.items.get(item)))
        assert found is not None
    move.s3_server.administrator().put_object(Bucket=move.new.s3.bucket, Key=found.key, Body=b"eno")
    with pytest.raises(Conflict) as refusal:
        move.run()
    assert refusal.value.code == "other-in-bucket"
    with served_inside(move.old.data) as server:
        assert server.client(Role.SUPERVISOR).get(f"/items/{item}/original").body == b"one"


def test_another_catalogue_there_is_left_alone(move: Move, tmp_path: Path) -> None:
    url = move.new.catalogue.url
    with served_inside(tmp_path / "other", catalogue=url) as server:
        server.client(Role.OFFICER)
    with served_inside(move.old.data) as server:
        server.client(Role.OFFICER).kept(b"one", "1.bin")
    with pytest.raises(Conflict) as refusal:
        move.run()
    assert refusal.value.code == "catalogue-there"
    assert open_stores(move.old).objects


def test_what_is_no_move_is_said(move: Move, tmp_path: Path) -> None:
    for old, new, code in (
        (move.new, move.new, "not-embedded"),
        (move.old, settings_for(tmp_path / "elsewhere", catalogue=move.new.catalogue.url), "other-data"),
        (move.old, move.old, "nothing-to-move"),
        (move.old, move.new, "nothing-to-move"),
    ):
        with pytest.raises(Invalid) as refusal:
            asyncio.run(migrate(old, new, "r"))
        assert isinstance(refusal.value, CustosError)
        assert refusal.value.code == code
