"""The command line's own promises."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from custos import cli
from custos.commands import MODULES
from custos.commands.settings import page
from evidence.errors import Invalid


def test_settings_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["settings"]) == 0
    assert capsys.readouterr().out == page()


def test_a_no_is_one_line_with_its_code_and_no_trace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        subparsers.add_parser("refuse").set_defaults(run=run)

    def run(_arguments: argparse.Namespace) -> int:
        raise Invalid("some-code", "Do it the other way.")

    monkeypatch.setattr(cli, "registering", lambda _command: [register])
    assert cli.main(["refuse"]) == 2
    assert capsys.readouterr() == ("", "custos: Do it the other way. [some-code]\n")


def test_every_command_is_found_in_the_module_that_is_named_for_it() -> None:
    found = _commands_of(cli.parser())
    assert list(found) == list(MODULES)
    for name, words in found.items():
        alone = _commands_of(cli.parser(name))
        assert alone[name] == words
        assert {MODULES[other] for other in alone} == {MODULES[name]}


def _commands_of(parser: argparse.ArgumentParser) -> dict[str, str]:
    [commands] = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return {name: below.format_help() for name, below in commands.choices.items()}


def test_no_command_waits_for_what_another_needs() -> None:
    heavy = {"sqlalchemy", "aiohttp", "boto3", "celery", "psycopg", "PIL", "alembic"}
    for argv in (["verify"], ["--config", "x", "export"], ["keys"], ["user"], ["worker"], ["settings"]):
        asked = f"import sys, custos.cli as cli; cli.parser(cli._command_in({argv!r})); print(*sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
        assert not heavy & set(loaded.stdout.split())


def test_a_command_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        cli.main([])
    assert leaving.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["--config", "a.toml", "serve"],
        ["serve", "--config", "a.toml"],
        ["keys", "show", "--config", "a.toml"],
        ["keys", "--config", "a.toml", "show"],
    ],
)
def test_the_settings_file_may_be_named_before_or_behind_the_command(argv: list[str]) -> None:
    assert cli.parser().parse_args(argv).config == Path("a.toml")


def test_no_settings_file_need_be_named() -> None:
    assert cli.parser().parse_args(["serve"]).config is None


def test_a_wrong_setting_is_refused_on_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(["serve", "--config", str(tmp_path / "gone.toml")]) == 2
    assert capsys.readouterr().err.endswith("[bad-setting]\n")


def test_witnesses_that_cannot_be_asked_are_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUSTOS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CUSTOS_CUSTODY__WITNESSES", '{"w.test": "https://w.test"}')
    assert cli.main(["serve"]) == 2
    assert capsys.readouterr().err.endswith("[bad-witnesses]\n")
    assert not (tmp_path / "data").exists()
