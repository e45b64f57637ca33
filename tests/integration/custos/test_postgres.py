"""A whole `custos serve` whose catalogue is a PostgreSQL."""

from __future__ import annotations

import traceback
from pathlib import Path
from urllib.parse import quote

import pytest

from clients.verifier.receipt import verify_receipt
from custody.key_files import open_signer
from custos.catalogue_place import catalogue_of
from custos.cli import main
from custos.clock import SystemClock
from custos.configuration import load_settings
from custos.keeping_sections import CatalogueSettings
from custos.key_holding import holding_key, look_before_start
from custos.log_keeper import open_sequencer
from custos.settings import Settings
from evidence.agents import Role
from evidence.errors import Invalid, Unavailable
from storage.catalogue.catalogue import open_catalogue
from storage.catalogue.engine import is_begun
from tests.postgres import Server
from tests.serving.settings import custos_environment, settings_for
from tests.serving.tree import running_tree
from tests.serving.waiting import eventually


@pytest.mark.long
def test_a_recording_goes_its_whole_way(
    postgres: Server, tmp_path: Path, clip: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = postgres.new_database()
    data = clip.read_bytes()
    with running_tree(tmp_path, url) as tree:
        client = tree.client(Role.SUPERVISOR)
        upload = client.send(data, "巡逻.mp4", officer="李明", device="CAM-1")
        assert verify_receipt(clip, client.receipt(upload), tree.public_key).read_back
        shown = client.settled(client.committed(upload))
        assert shown["playable"]
        item = shown["id"]
        assert client.get(f"/items/{item}/original").body == data
        assert [one["id"] for one in client.get("/search?officer=" + quote("李明")).json()["items"]] == [item]
        eventually(
            lambda: client.get(f"/items/{item}/proofs").json()["waiting"] <= 1, "its events are in the log"
        )
        said = {event["type"] for event in client.history(item)}
        assert {"item.ingested", "viewing.opened", "item.read-back"} <= said, said
    assert not (tmp_path / "data" / "catalogue").exists()
    environment = custos_environment(tmp_path / "data", CUSTOS_CATALOGUE__URL=url)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        assert main(["verify", "log", "--full"]) == 0
        assert main(["doctor"]) in (0, 1)
    assert "PostgreSQL 18" in capfd.readouterr().out


async def test_a_lost_key_is_no_first_start(postgres: Server, tmp_path: Path) -> None:
    with postgres.catalogue() as url:
        settings = settings_for(tmp_path, catalogue=url)
        async with holding_key(settings), open_catalogue(url, SystemClock(), "test"):
            pass
        for path in settings.keys.iterdir():
            path.unlink()
        with pytest.raises(Unavailable) as refusal:
            async with holding_key(settings):
                pass
    assert refusal.value.code == "key-lost"


async def test_another_key_than_the_logs_is_told_before_anything_starts(
    postgres: Server, tmp_path: Path
) -> None:
    with postgres.catalogue() as url:
        settings = settings_for(tmp_path, catalogue=url)
        async with open_sequencer(settings) as kept:
            while (await kept.sequencer.run()).added:
                pass
        await look_before_start(settings)
        for path in settings.keys.iterdir():
            path.unlink()
        open_signer(settings.keys)
        with pytest.raises(Unavailable) as refusal:
            await look_before_start(settings)
    assert refusal.value.code == "key-unknown"


async def test_a_database_that_does_not_answer_is_no_first_start(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, catalogue=f"postgresql://custos:geheim@/custos?host={tmp_path}")
    with pytest.raises(Unavailable) as refusal:
        async with holding_key(settings):
            pass
    assert refusal.value.code == "catalogue-unreachable"
    assert "geheim" not in refusal.value.message
    # `custos serve` starts all the same, and its parts wait for the database.
    await look_before_start(settings)
    assert not settings.keys.exists()


def test_the_password_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("a b/c@d:%\n")
    file.chmod(0o600)

    def of(url: str) -> Settings:
        return Settings(data=tmp_path, catalogue=CatalogueSettings(url=url, password_file=file))

    assert catalogue_of(of("postgresql://custos@db:1/x")) == "postgresql://custos:a%20b%2Fc%40d%3A%25@db:1/x"
    assert (
        catalogue_of(of("postgresql://c@/x?host=/run")) == "postgresql://c:a%20b%2Fc%40d%3A%25@/x?host=/run"
    )
    for url in ("postgresql://db/x", "postgresql://custos:other@db/x"):
        with pytest.raises(Invalid, match="has to name a user and no password"):
            catalogue_of(of(url))
    file.chmod(0o640)
    with pytest.raises(Invalid, match="Other accounts can reach"):
        catalogue_of(of("postgresql://custos@db/x"))


def test_an_address_is_never_repeated(tmp_path: Path) -> None:
    for wrong in ("mysql://u:geheim@h/x", "postgresql://u:geheim@h/x y"):
        with pytest.raises(Invalid) as refusal:
            load_settings(None, {"CUSTOS_DATA": str(tmp_path), "CUSTOS_CATALOGUE__URL": wrong})
        assert "geheim" not in refusal.value.message
    for wrong in (
        "postgresql://u:geheim@h:port/x",
        "postgresql://u:geheim@[::1/x",
        "postgresql://u:geheim@h",
    ):
        with pytest.raises(Invalid) as refusal:
            is_begun(wrong)
        assert "geheim" not in "".join(traceback.format_exception(refusal.value))
    assert "geheim" not in repr(CatalogueSettings(url="postgresql://u:geheim@h/x"))
