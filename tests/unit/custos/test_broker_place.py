"""Where the broker is, and how its password gets there."""

from __future__ import annotations

from pathlib import Path

import pytest

from custos.broker_place import broker_of, trusted_of
from custos.catalogue_place import others_reach
from custos.cli import main
from custos.sections import BrokerSettings
from custos.settings import Settings
from evidence.errors import Invalid
from workers.app import broker_url, make_app


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("a b/c@d:%\n")
    file.chmod(0o600)
    return file


def told(base: Path, url: str | None, password: Path | None = None, trusted: Path | None = None) -> Settings:
    return Settings(data=base, broker=BrokerSettings(url=url, password_file=password, trusted=trusted))


def test_the_password_may_lie_in_a_file(tmp_path: Path, password: Path) -> None:
    for url, whole in (
        ("amqp://custos@mq:1/x", "amqp://custos:a%20b%2Fc%40d%3A%25@mq:1/x"),
        ("redis://valkey/0", "redis://:a%20b%2Fc%40d%3A%25@valkey/0"),
    ):
        settings = told(tmp_path, url, password)
        assert broker_of(settings) == whole
        with make_app(settings).connection_for_write() as connection:
            assert connection.password == "a b/c@d:%"
    for url in ("amqp://custos:other@mq/x", "redis://:other@valkey", "unix:///run/valkey.sock", None):
        with pytest.raises(Invalid) as refusal:
            broker_of(told(tmp_path, url, password))
        assert refusal.value.code == "bad-broker-url"
        assert "other" not in refusal.value.message
    password.chmod(0o644)
    with pytest.raises(Invalid, match="Other accounts can reach password"):
        broker_of(told(tmp_path, "redis://valkey", password))


def test_without_an_address_it_is_the_embedded_one(tmp_path: Path) -> None:
    assert broker_url(told(tmp_path, None)) == f"redis+socket://{tmp_path / 'run' / 'valkey.sock'}"


def test_tls_is_never_believed_unseen(tmp_path: Path) -> None:
    for url in ("amqps://custos@mq.example//", "rediss://valkey.example/0"):
        with make_app(told(tmp_path, url)).connection_for_write() as connection:
            assert connection.ssl
            assert "REQUIRED" in str(connection.ssl)
    (tmp_path / "root.pem").touch()
    assert trusted_of(told(tmp_path, None, trusted=tmp_path / "root.pem")) == tmp_path / "root.pem"
    with pytest.raises(Invalid, match=r"`broker.trusted` names no.pem"):
        make_app(told(tmp_path, "rediss://valkey", trusted=tmp_path / "no.pem"))


@pytest.mark.parametrize(
    ("mode", "owner", "account", "open_to_others"),
    [
        (0o600, 1000, 1000, False),
        (0o640, 1000, 1000, True),
        (0o440, 0, 1000, False),
        (0o640, 0, 1000, False),
        (0o660, 0, 1000, True),
        (0o444, 0, 1000, True),
        (0o640, 0, 0, True),
        (0o400, 0, 0, False),
    ],
)
def test_a_secret_may_be_laid_down_by_root_for_the_services_own_group(
    mode: int, owner: int, account: int, open_to_others: bool
) -> None:
    assert others_reach(mode, owner, account) is open_to_others


def test_a_broker_that_cannot_be_told_is_refused_before_anything_starts(
    tmp_path: Path, password: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUSTOS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CUSTOS_BROKER__PASSWORD_FILE", str(password))
    assert main(["serve"]) == 2
    assert "[bad-broker-url]" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
