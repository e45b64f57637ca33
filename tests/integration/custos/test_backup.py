"""Store and keys on another medium, and a whole installation from there: the disaster drill."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from clients.verifier.heads import pinned
from clients.verifier.log import verify_log
from custos.backing_up import back_up, restore
from custos.cli import main
from evidence.agents import Role
from evidence.errors import Invalid
from tests.media import make_clip
from tests.s3_server import S3Server
from tests.serving.exports import case_of_two
from tests.serving.inside import served_inside
from tests.serving.lost import events, kept, rows
from tests.serving.settings import custos_environment, settings_for

PASSPHRASE = "a long walk by the river"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    file.chmod(0o600)
    return file


def told(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    for name, value in custos_environment(data).items():
        monkeypatch.setenv(name, value)


def test_the_machine_burns_and_everything_is_there_again(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, backup = tmp_path / "data", tmp_path / "other medium"
    told(monkeypatch, data)
    clip = make_clip(tmp_path / "clip.mp4").read_bytes()
    with served_inside(data) as server:
        case = case_of_two(server, clip)
        supervisor = server.client(Role.SUPERVISOR)
        items = [one["id"] for one in supervisor.get("/items").json()["items"]]
        assert (
            server.client(Role.LEGAL_REVIEWER)
            .post(f"/items/{items[0]}/holds", {"reason": "r", "authority": "a"})
            .status
            == 201
        )
        server.do(server.services.sweep.run())
        # The server runs meanwhile.
        arguments = ["backup", "--to", str(backup), "--passphrase-file", str(secret)]
        assert main(arguments) == 0
        first = capsys.readouterr().out
        shown = supervisor.get(f"/cases/{case}").json()
    kept(settings_for(data))
    with served_inside(data) as server:
        before, said = rows(server), events(server)
    assert main([*arguments, "--check"]) == 0
    second = capsys.readouterr().out
    assert "of them new" in first
    # The second time only what is new is copied.
    assert int(second.split(" of them new")[0].rsplit(", ", 1)[1]) < int(first.split(" objects")[0])
    shutil.rmtree(data)
    assert main(["restore", "--from", str(backup), "--passphrase-file", str(secret), "--reason", "fire"]) == 0
    assert "The catalogue was rebuilt" in capsys.readouterr().out
    with served_inside(data) as server:
        assert rows(server) == before
        assert events(server)[: len(said)] == said
        client = type(supervisor)(server.url, supervisor.token)
        assert client.get(f"/cases/{case}").json() == shown
        assert client.get(f"/items/{items[0]}/original").status == 200
        assert client.get(f"/items/{items[0]}/playlist.m3u8").status == 200
        found = server.do(server.services.catalogue.read(lambda tx: tx.items.get(items[0])))
        assert found is not None
        stat = server.do(server.services.store.stat(found.key))
        assert stat.held
        assert stat.locked_until == found.locked_until
        key = server.client(Role.SUPERVISOR).get("/log/key").body.decode()
    kept(settings_for(data))
    store = data / "store" / "objects"
    verify_log(store / "log", pinned(key), objects=store)


@pytest.mark.long
def test_from_a_bucket_too(s3_server: S3Server, tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "data", s3=s3_server.settings(s3_server.make_bucket()))
    with served_inside(settings.data, s3=settings.s3) as server:
        item = server.client(Role.OFFICER).kept(b"one", "1.bin")
    kept(settings)
    backup = tmp_path / "backup"
    done = asyncio.run(back_up(settings, backup, PASSPHRASE, check=True))
    assert (done.has_keys, done.copied.damaged) == (True, ())
    # The bucket is gone with the provider: it goes on from the copy, on a disk.
    disk = settings_for(tmp_path / "disk")
    found = asyncio.run(restore(disk, backup, lambda: PASSPHRASE, "the provider is gone"))
    assert found.rebuilt.is_whole
    with served_inside(disk.data) as server:
        assert server.client(Role.SUPERVISOR).get(f"/items/{item}/original").body == b"one"
    # And where only the machine is gone, keys and catalogue come back beside the bucket.
    shutil.rmtree(settings.data)
    asyncio.run(restore(settings, backup, lambda: PASSPHRASE, "the machine is gone"))
    with served_inside(settings.data, s3=settings.s3) as server:
        assert server.client(Role.SUPERVISOR).get(f"/items/{item}/original").body == b"one"


def test_damage_is_not_copied_over_what_is_whole(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    told(monkeypatch, data)
    with served_inside(data) as server:
        server.client(Role.OFFICER).kept(b"one", "1.bin")
    kept(settings_for(data))
    arguments = ["backup", "--to", str(backup), "--passphrase-file", str(secret)]
    assert main(arguments) == 0
    with served_inside(data) as server:
        other = server.client(Role.OFFICER).kept(b"two", "2.bin")
        found = server.do(server.services.catalogue.read(lambda tx: tx.items.get(other)))
        assert found is not None
    path = data / "store" / "objects" / found.key
    path.chmod(0o600)
    path.write_bytes(b"owt")
    capsys.readouterr()
    assert main(arguments) == 1
    assert f"DAMAGED  {found.key}" in capsys.readouterr().out
    assert not (backup / "store" / "objects" / found.key).exists()
    (original,) = (path for path in (backup / "store/objects/originals").rglob("*") if len(path.name) == 64)
    original.chmod(0o600)
    original.write_bytes(b"eno")
    assert main([*arguments, "--check"]) == 1
    assert "DAMAGED  originals/" in capsys.readouterr().out
    # On the worst day everything else is put back, and this one is named.
    new = tmp_path / "new"
    told(monkeypatch, new)
    arguments = ["restore", "--from", str(backup), "--passphrase-file", str(secret), "--reason", "r"]
    assert main(arguments) == 1
    said = capsys.readouterr().out
    assert f"DAMAGED  {original.relative_to(backup / 'store/objects')}" in said
    assert "2 items lack original or manifest" in said
    assert original.read_bytes() == b"eno"
    assert not list((new / "store" / "objects" / "originals").rglob(original.name))
    with served_inside(new) as server:
        alarms = server.do(server.services.catalogue.read(lambda tx: tx.oversight.alarms()))
        assert "original-missing" in {one.kind for one in alarms}


def test_nothing_that_is_there_is_set_back(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    told(monkeypatch, data)
    with served_inside(data) as server:
        server.client(Role.OFFICER).kept(b"one", "1.bin")
    kept(settings_for(data))
    assert main(["backup", "--to", str(backup), "--passphrase-file", str(secret)]) == 0
    with served_inside(data) as server:
        item = server.client(Role.OFFICER).kept(b"younger than the backup", "2.bin")
    kept(settings_for(data))
    heads = [data / "store" / "objects" / name for name in ("log/checkpoint", "catalogue/tail")]
    before = [path.read_bytes() for path in heads]
    arguments = ["restore", "--from", str(backup), "--passphrase-file", str(secret), "--reason", "r"]
    for code in ("[catalogue-there]", "[store-there]"):
        assert main(arguments) == 2
        assert code in capsys.readouterr().err
        assert [path.read_bytes() for path in heads] == before
        if (data / "catalogue").exists():
            shutil.rmtree(data / "catalogue")
    assert main(["rebuild", "--reason", "r"]) == 0
    with served_inside(data) as server:
        supervisor = server.client(Role.SUPERVISOR)
        assert supervisor.get(f"/items/{item}/original").body == b"younger than the backup"


def test_what_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    told(monkeypatch, data)
    with served_inside(data) as server:
        server.client(Role.OFFICER).kept(b"one", "1.bin")
    assert main(["backup", "--to", str(data / "backup")]) == 2
    assert "[inside-data]" in capsys.readouterr().err
    other.mkdir()
    (other / "something").write_text("else")
    assert main(["backup", "--to", str(other)]) == 2
    assert "[not-a-backup]" in capsys.readouterr().err
    assert main(["backup", "--to", str(tmp_path / "backup")]) == 1
    assert "WITHOUT KEYS" in capsys.readouterr().out
    assert json.loads((tmp_path / "backup" / "backup.json").read_text())["v"] == "custos/backup/1"
    with pytest.raises(Invalid):
        asyncio.run(restore(settings_for(tmp_path / "new"), other, lambda: PASSPHRASE, "r"))
    assert main(["restore", "--from", str(tmp_path / "backup"), "--reason", "r"]) == 2
    assert "[catalogue-there]" in capsys.readouterr().err
