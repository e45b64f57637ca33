"""A replica has all that a lost store had: an installation goes on from it."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from clients.verifier.receipt import verify_receipt
from custos.backing_up import restore
from custos.cli import main
from custos.keeping_sections import ReplicaSettings
from custos.log_copies import examine_log_copies
from custos.rebuilding import rebuild
from custos.replicas import MARKER
from evidence.agents import Role
from evidence.jobs import Stage
from tests.s3_server import S3Server
from tests.serving.inside import served_inside
from tests.serving.lost import events, kept, rows
from tests.serving.settings import custos_environment, settings_for
from tests.serving.tree import free_port, running_tree, serving
from tests.serving.waiting import eventually


def told(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    for name, value in custos_environment(data).items():
        monkeypatch.setenv(name, value)


def test_all_that_was_written_comes_back_from_a_replica(tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    vault.mkdir()
    (vault / MARKER).touch()
    replicas = ReplicaSettings(directories={"vault": vault})
    settings = settings_for(tmp_path / "data", replicas=replicas)
    with served_inside(settings.data, replicas=replicas) as server:
        client = server.client(Role.SUPERVISOR)
        item = client.kept(b"only once", "1.bin")
        server.run(Stage.READ_BACK)
        assert client.post("/cases", {"number": "粤执〔2026〕1号", "category": "penalty"}).status == 201
    assert examine_log_copies(settings) == []
    kept(settings)
    shutil.rmtree(vault / "objects" / "log")
    assert [one.level for one in examine_log_copies(settings)] == ["warning"]
    kept(settings)
    (seen,) = examine_log_copies(settings)
    assert seen.level == "ok"
    assert "vault has the custody log up to leaf" in seen.words
    with served_inside(settings.data, replicas=replicas) as server:
        before, said = rows(server), events(server)
    kept(settings)
    shutil.rmtree(settings.store)
    shutil.rmtree(settings.catalogue_file.parent)
    found = asyncio.run(restore(settings, vault, str, "the store burnt"))
    assert found.rebuilt.is_whole
    assert found.damaged == ()
    with served_inside(settings.data, replicas=replicas) as server:
        assert rows(server) == before
        assert events(server)[: len(said)] == said
        again = type(client)(server.url, client.token)
        assert again.get(f"/items/{item}/original").body == b"only once"


def test_a_bucket_that_was_a_replica_becomes_the_store(tmp_path: Path, s3_server: S3Server) -> None:
    s3 = s3_server.settings(s3_server.make_bucket())
    file = tmp_path / "cloud.toml"
    told = s3.model_dump(mode="json", exclude_none=True)
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items()))
    replicas = ReplicaSettings(buckets={"cloud": file})
    settings = settings_for(tmp_path / "data", replicas=replicas)
    with served_inside(settings.data, replicas=replicas) as server:
        item = server.client(Role.SUPERVISOR).kept(b"only once", "1.bin")
        server.run(Stage.READ_BACK)
    kept(settings)
    shutil.rmtree(settings.store)
    shutil.rmtree(settings.catalogue_file.parent)
    found = asyncio.run(rebuild(settings_for(settings.data, s3=s3), "the store burnt"))
    assert found.is_whole
    with served_inside(settings.data, s3=s3) as server:
        supervisor = server.client(Role.SUPERVISOR)
        assert supervisor.get(f"/items/{item}/original").body == b"only once"
        assert supervisor.get(f"/items/{supervisor.kept(b'another', '2.bin')}/original").body == b"another"
    kept(settings_for(settings.data, s3=s3))


@pytest.mark.long
def test_the_store_burns_and_a_replica_takes_its_place(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    data, vault = tmp_path / "data", tmp_path / "vault"
    for directory in (data, vault):
        directory.mkdir()
    (vault / MARKER).touch()
    (data / "custos.toml").write_text(f'[replicas.directories]\nvault = "{vault}"\n')
    with running_tree(tmp_path) as tree:
        client = tree.client(Role.SUPERVISOR)
        upload = client.send(clip.read_bytes(), "巡逻.mp4")
        receipt = client.receipt(upload)
        item = client.settled(client.committed(upload))["id"]
        assert client.post("/cases", {"number": "粤执〔2026〕1号", "category": "penalty"}).status == 201
    heads = [Path("objects/log/checkpoint"), Path("objects/catalogue/tail")]
    store = data / "store"
    with serving(custos_environment(data, CUSTOS_API__PORT=str(free_port())), tmp_path / "again.log"):
        eventually(
            lambda: all((store / head).read_bytes() == (vault / head).read_bytes() for head in heads),
            "the replica has what was written last",
        )
    told(monkeypatch, data)
    shutil.rmtree(store)
    shutil.rmtree(data / "catalogue")
    capfd.readouterr()
    assert main(["verify", "log", str(vault), "--full"]) == 0
    assert main(["restore", "--from", str(vault), "--reason", "the store burnt"]) == 0, capfd.readouterr()
    assert "The catalogue was rebuilt" in capfd.readouterr().out
    port = free_port()
    with serving(custos_environment(data, CUSTOS_API__PORT=str(port)), tmp_path / "after.log"):
        back = type(client)(f"http://127.0.0.1:{port}", client.token)
        assert back.get(f"/items/{item}/original").body == clip.read_bytes()
        assert "粤执〔2026〕1号" in back.get("/cases").body.decode()
        assert verify_receipt(clip, receipt, tree.public_key).read_back
        # What is made of recordings was not copied: it is made again.
        eventually(lambda: back.get(f"/items/{item}/playlist.m3u8").status == 200, "it plays again")
        # Asking for them is an event too.
        eventually(
            lambda: back.get(f"/items/{item}/proofs").json()["waiting"] <= 1, "the log goes on from the copy"
        )
    assert main(["verify", "log", "--full"]) == 0
