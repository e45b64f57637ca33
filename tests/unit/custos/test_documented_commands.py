"""The commands that the pages name are there, with the options that the pages give them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from custos.cli import parser as whole_parser

_CUSTOS = whole_parser()
_ROOT = Path(__file__).parents[3]
_PAGES = [_ROOT / "README.md", *(page for page in (_ROOT / "docs").rglob("*.md") if "adr" not in page.parts)]
#: In a line of its own, or between backticks; what stands behind `#` in a line is said to people.
_COMMAND = re.compile(r"(?:`|^\$ |^)(?:\w+=\S+ )?custos ((?:--config \S+ )?[a-z][^`#\n|;&>]*)", re.MULTILINE)
_OPTION = re.compile(r"(?<!\S)\[?(--[a-z][a-z-]*)")


def _documented() -> list[tuple[str, str]]:
    return sorted(
        {
            (page.relative_to(_ROOT).as_posix(), found.strip())
            for page in _PAGES
            for found in _COMMAND.findall(page.read_text("utf-8"))
        }
    )


def _below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def test_pages_name_commands() -> None:
    assert len(_documented()) > 100


@pytest.mark.parametrize("page", sorted({page for page, _ in _documented()}))
def test_each_command_is_there_with_its_options(page: str) -> None:
    for command in (named for where, named in _documented() if where == page):
        parser = _CUSTOS
        known = set(parser._option_string_actions)
        for word in re.sub(r"--config \S+", "", command).split():
            if not (below := _below(parser)) or word.startswith("-"):
                break
            # A sentence may name several at once: `user add`, `import`.
            assert word.rstrip(",") in below, f"custos {command}"
            parser = below[word.rstrip(",")]
            known |= set(parser._option_string_actions)
        assert set(_OPTION.findall(command)) <= known, f"custos {command}"
