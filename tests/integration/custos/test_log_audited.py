"""The custody log read again, as whoever administers a Custos sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from custos.cli import main
from custos.keeping_sections import ReplicaSettings
from custos.log_keeper import open_sequencer
from custos.replicas import MARKER
from custos.settings import Settings
from evidence.agents import Role
from tests.catalogues import ask
from tests.serving.inside import served_inside
from tests.serving.lost import events, kept
from tests.serving.settings import custos_environment, settings_for
from tests.serving.tree import running_tree
from tests.serving.waiting import eventually

TILE = Path("objects/log/tile/0/000")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The data of an installation, and a replica of it."""
    data, vault = tmp_path / "data", tmp_path / "vault"
    for directory in (data, vault):
        directory.mkdir()
    (vault / MARKER).touch()
    (data / "custos.toml").write_text(f'[replicas.directories]\nvault = "{vault}"\n')
    for name, value in custos_environment(data).items():
        monkeypatch.setenv(name, value)
    return data, vault


@pytest.fixture
def custos(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a command; its status, and what it said."""

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main(list(arguments))
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


async def read_again(settings: Settings) -> None:
    """All that the keeper of the log reads until nothing is due."""

    async def at_once(seconds: float) -> None:
        del seconds

    async with open_sequencer(settings) as keeping:
        await keeping.sequencer.run()
        # Who never looked only says so, the first time.
        for audit in [*keeping.audits, *keeping.audits]:
            while await audit.run(at_once):
                pass


def damaged(tile: Path) -> None:
    whole = tile.read_bytes()
    tile.chmod(0o600)
    tile.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


def test_who_asks_is_told_what_became_of_the_log_in_each_store(
    places: tuple[Path, Path], custos: Callable[..., tuple[int, str]]
) -> None:
    data, vault = places
    replicas = ReplicaSettings(directories={"vault": vault})
    settings = settings_for(data, replicas=replicas)
    with served_inside(data, replicas=replicas) as server:
        client = server.client(Role.SUPERVISOR)
        for _ in range(260):
            client.get("/items")
    kept(settings)
    asyncio.run(read_again(settings))
    assert custos("fixity", "status")[1].count("not read again yet") == 2
    for arguments in (["--log"], []):
        assert custos("fixity", "run", *arguments)[0] == 0
        asyncio.run(read_again(settings))
    status, said = custos("fixity", "status")
    assert (status, said.count("3 files read again"), said.count("no findings")) == (0, 2, 2), said
    (data / "store" / TILE).unlink()
    damaged(vault / TILE)
    assert custos("fixity", "run", "--log")[0] == 0
    asyncio.run(read_again(settings))
    status, said = custos("fixity", "status")
    assert (status, said.count("findings 1:")) == (1, 2), said
    said = custos("alarms", "list")[1]
    assert "laid there again: log/tile/0/000" in said
    assert "have to: log/tile/0/000" in said


def test_rows_that_somebody_changed_are_found_and_the_store_gives_back_what_they_were(
    places: tuple[Path, Path], custos: Callable[..., tuple[int, str]]
) -> None:
    data, _ = places
    settings = settings_for(data)
    with served_inside(data) as server:
        client = server.client(Role.SUPERVISOR)
        item = client.kept(b"only once", "1.bin")
        assert client.get(f"/items/{item}/original").status == 200
        # What it says lies locked in the store once its bundle is full.
        for _ in range(260):
            client.get("/items")
    kept(settings)
    with served_inside(data) as server:
        before = events(server)
    catalogue = settings.catalogue_file
    seen = "(SELECT id FROM events WHERE instr(data, '\"viewing.opened\"'))"
    ask(catalogue, f"UPDATE event_bodies SET detail = '{{}}' WHERE event_id IN {seen}")
    asyncio.run(read_again(settings))
    assert custos("fixity", "run", "--log")[0] == 0
    asyncio.run(read_again(settings))
    said = custos("alarms", "list")[1]
    assert "log-rows-differ" in said
    assert "the detail of the event" in said
    kept(settings)
    # As docs/fixity.md says: the catalogue is kept apart, and another one is made from the store.
    catalogue.parent.rename(data / "catalogue.evidence")
    status, said = custos("rebuild", "--reason", "somebody changed it")
    assert status == 0, said
    with served_inside(data) as server:
        assert events(server)[: len(before)] == before
    assert custos("fixity", "run", "--log")[0] == 0
    asyncio.run(read_again(settings))
    assert "log-rows-differ" not in custos("alarms", "list")[1]


@pytest.mark.long
def test_a_running_custos_mends_what_was_moved_aside(
    tmp_path: Path, places: tuple[Path, Path], custos: Callable[..., tuple[int, str]]
) -> None:
    data, vault = places
    tiles = [root / TILE for root in (data / "store", vault)]
    with running_tree(tmp_path) as tree:
        client = tree.client(Role.SUPERVISOR)
        for _ in range(260):
            client.get("/items")
        eventually(lambda: all(tile.exists() for tile in tiles), "a tile is full in both stores")
        whole = tiles[1].read_bytes()
        tiles[0].unlink()
        damaged(tiles[1])
        assert custos("fixity", "run", "--log")[0] == 0
        eventually(lambda: custos("fixity", "status")[1].count("findings 1:") == 2, "both are found")
        assert tiles[0].read_bytes() == whole
        # As docs/fixity.md says: moved aside, it is missing, and is laid there.
        tiles[1].rename(tmp_path / "evidence of damage")
        assert custos("fixity", "run", "--log")[0] == 0
        eventually(tiles[1].exists, "the replica has its tile again")
        assert tiles[1].read_bytes() == whole
    assert custos("verify", "log", "--full")[0] == 0
