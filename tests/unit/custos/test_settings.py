"""What is taken from where, and what is said when a setting is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from custos.commands.settings import page
from custos.configuration import find_config, load_settings
from custos.settings import Settings, each_setting, expected_of
from evidence.errors import Invalid

_PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory without a settings file."""
    directory = tmp_path / "cwd"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


def _toml(directory: Path, text: str, name: str = "custos.toml") -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(text, "utf-8")
    return path


def _refused(config: Path | None, environ: dict[str, str]) -> str:
    with pytest.raises(Invalid) as refusal:
        load_settings(config, environ)
    assert refusal.value.code == "bad-setting"
    return refusal.value.message


def test_the_defaults_need_nothing(elsewhere: Path) -> None:
    settings = load_settings(None, {})
    assert settings.data == elsewhere / "custos-data"
    assert (settings.api.host, settings.api.port, settings.api.public_url) == ("127.0.0.1", 8420, None)
    assert settings.ingest.max_bytes == 64 * 1024**3
    assert settings.ingest.reserve_bytes == 2 * 1024**3
    assert settings.broker.url is None
    assert settings.media.sandbox == "require"


def test_the_environment_goes_over_the_file_setting_by_setting(tmp_path: Path) -> None:
    file = _toml(tmp_path, 'data = "d"\n[api]\nport = 1\nhost = "0.0.0.0"\n[log]\nlevel = "debug"\n')
    settings = load_settings(file, {"CUSTOS_API__PORT": "2", "CUSTOS_INGEST__UNIT_QUOTA_BYTES": "7"})
    assert (settings.api.host, settings.api.port) == ("0.0.0.0", 2)
    assert settings.ingest.unit_quota_bytes == 7
    assert settings.log.level == "debug"


def test_a_unit_may_have_a_quota_of_its_own(tmp_path: Path) -> None:
    file = _toml(tmp_path, '[ingest.unit_quotas]\n"一大队" = 5\n')
    assert load_settings(file, {}).ingest.unit_quotas == {"一大队": 5}
    said = {"CUSTOS_INGEST__UNIT_QUOTAS": '{"二大队": 6}'}
    assert load_settings(None, said).ingest.unit_quotas == {"二大队": 6}
    assert "CUSTOS_INGEST__UNIT_QUOTAS: expected bytes by" in _refused(
        None, {"CUSTOS_INGEST__UNIT_QUOTAS": '{"二大队": 0}'}
    )
    for wrong in ("6", "six", '{"a": "x"}'):
        assert "CUSTOS_INGEST__UNIT_QUOTAS: exp" in _refused(None, {"CUSTOS_INGEST__UNIT_QUOTAS": wrong})


def test_an_authority_that_is_required_is_one_that_is_asked_and_comes_first(tmp_path: Path) -> None:
    asked = (
        "[custody]\ntime_authorities_required = {}\n[custody.time_authorities]\n"
        '"https://a.example/" = "a.pem"\n"https://b.example/" = "b.pem"\n'
    )
    custody = load_settings(_toml(tmp_path, asked.format('["https://b.example/"]')), {}).custody
    assert list(custody.required_first) == ["https://b.example/", "https://a.example/"]
    assert custody.disposing_authorities == {"https://b.example/": "b.pem"}
    free = load_settings(_toml(tmp_path, asked.format("[]")), {}).custody
    assert list(free.required_first) == list(free.disposing_authorities) == [*free.time_authorities]
    refusal = _refused(_toml(tmp_path, asked.format('["https://c.example/"]')), {})
    assert "custody.time_authorities_required: expected addresses of" in refusal


def test_a_policy_binds_an_authority_that_is_asked(tmp_path: Path) -> None:
    asked = '[custody.time_authorities]\n"https://a.example/" = "a.pem"\n[custody.time_authority_policies]\n'
    file = _toml(tmp_path, asked + '"https://a.example/" = "1.2.3.4.1"\n')
    assert load_settings(file, {}).custody.time_authority_policies == {"https://a.example/": "1.2.3.4.1"}
    of_nobody = '"https://other.example/" = "1.2.3.4.1"'
    for wrong in (
        of_nobody,
        *(f'"https://a.example/" = "{one}"' for one in ("", "policy", "0.40.1", "3.1", "1.02")),
    ):
        refusal = _refused(_toml(tmp_path, f"{asked}{wrong}\n"), {})
        assert "custody.time_authority_policies" in refusal
        assert "expected object identifiers such as 1.2.3.4.1" in refusal


def test_constructing_settings_looks_at_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUSTOS_API__PORT", "1")
    assert Settings(data=tmp_path).api.port == 8420


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with pytest.raises(ValidationError):
        settings.data = tmp_path / "other"
    with pytest.raises(ValidationError):
        settings.api.port = 1


def test_every_place_lies_in_the_data_directory(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert settings.staging == tmp_path / "staging"
    assert settings.store == tmp_path / "store"
    assert settings.catalogue_file == tmp_path / "catalogue" / "custos.db"
    assert settings.work_directory == tmp_path / "work"
    assert settings.keys == tmp_path / "keys"
    assert settings.run == tmp_path / "run"


def test_the_file_is_looked_for_in_the_data_directory_before_the_current_one(
    tmp_path: Path, elsewhere: Path
) -> None:
    data = tmp_path / "data"
    environ = {"CUSTOS_DATA": str(data)}
    assert find_config(None, environ) is None
    here = _toml(elsewhere, "[api]\nport = 1\n")
    assert find_config(None, environ) == here
    there = _toml(data, "[api]\nport = 2\n")
    assert find_config(None, environ) == there
    assert load_settings(None, environ).api.port == 2
    named = _toml(tmp_path, "[api]\nport = 3\n", "named.toml")
    environ["CUSTOS_CONFIG"] = str(named)
    assert load_settings(None, environ).api.port == 3
    assert load_settings(here, environ).api.port == 1


def test_a_relative_data_directory_in_a_file_is_meant_from_there(tmp_path: Path) -> None:
    file = _toml(tmp_path / "etc", 'data = "../evidence"\n')
    assert load_settings(file, {}).data.resolve() == tmp_path / "evidence"


@pytest.mark.parametrize(
    ("config", "environ", "asked"),
    [(Path("gone.toml"), {}, "--config"), (None, {"CUSTOS_CONFIG": "gone.toml"}, "CUSTOS_CONFIG")],
)
def test_a_named_file_that_is_not_there_is_refused(
    config: Path | None, environ: dict[str, str], asked: str
) -> None:
    message = _refused(config, environ)
    assert "gone.toml" in message
    assert asked in message


def test_every_wrong_setting_is_named_with_its_origin_and_what_is_expected(tmp_path: Path) -> None:
    file = _toml(
        tmp_path,
        'broker.url = "http://user:hunter2@host"\nlog = 3\nfrobnicate = 1\n'
        "[api]\nport = 99999\nprot = 1\n[ingest]\nmax_bytes = 0\n",
    )
    message = _refused(
        file, {"CUSTOS_API__PORT": "many", "CUSTOS_API__HSOT": "x", "CUSTOS_DATTA": "/", "HOME": "/"}
    )
    lines = [line.strip() for line in message.splitlines()]
    unknown = "there is no such setting; `custos settings` lists them all."
    assert "CUSTOS_API__PORT: expected a whole number from 1 to 65535." in lines
    assert f"CUSTOS_API__HSOT: {unknown}" in lines
    assert f"CUSTOS_DATTA: {unknown}" in lines
    assert f"custos.toml: api.prot: {unknown}" in lines
    assert f"custos.toml: frobnicate: {unknown}" in lines
    assert "custos.toml: ingest.max_bytes: expected a whole number of bytes, 1 or more." in lines
    assert "custos.toml: log: expected a table [log] with settings of its own." in lines
    assert any(line.startswith("custos.toml: broker.url: expected an address") for line in lines)
    assert "hunter2" not in message
    assert str(tmp_path) not in message


def test_a_setting_that_is_wrong_in_the_file_but_set_in_the_environment_is_right(tmp_path: Path) -> None:
    file = _toml(tmp_path, "[api]\nport = 99999\n")
    assert load_settings(file, {"CUSTOS_API__PORT": "80"}).api.port == 80


@pytest.mark.parametrize("text", ["[api\n", "a = \x00\n"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, text: str) -> None:
    assert "custos.toml is not valid TOML" in _refused(_toml(tmp_path, text), {})


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "custos.toml"
    file.write_bytes(b'data = "\xff"\n')
    assert "not valid TOML" in _refused(file, {})


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings(None, {"CUSTOS_BROKER__URL": "", "CUSTOS_API__PORT": ""}).api.port == 8420


def test_the_broker_password_is_not_shown_when_settings_are(tmp_path: Path) -> None:
    settings = load_settings(None, {"CUSTOS_BROKER__URL": "redis://:hunter2@localhost/0"})
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://127.0.0.1:8420"),
        ({"CUSTOS_API__HOST": "::1"}, "http://[::1]:8420"),
        ({"CUSTOS_API__PUBLIC_URL": "https://evidence.example/"}, "https://evidence.example"),
    ],
)
def test_the_address_that_people_use(environ: dict[str, str], url: str) -> None:
    assert load_settings(None, environ).url == url


def test_every_setting_says_what_it_means_and_expects() -> None:
    for path, field in each_setting():
        assert field.description, path
        assert expected_of(field), path


def test_the_page_in_the_documentation_is_the_generated_one() -> None:
    assert _PAGE.read_text("utf-8") == page(), "run: custos settings > docs/settings.md"
