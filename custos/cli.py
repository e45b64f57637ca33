"""The `custos` command: finds the subcommand, runs it, and says in one line why it could not.

A subcommand is a module of `custos.commands` with a function `register(subparsers)`, which adds its parser
and sets `run`, a function from the parsed arguments to the exit status. Exit status 2 means that Custos
said no: `custos: <message> [<code>]` stands on standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from custos.commands import registering
from evidence.errors import CustosError

_CONFIG_HELP = "settings file (default: custos.toml in the data directory, else in the current one)"


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """The command line: of one command, or the whole."""
    top = argparse.ArgumentParser(
        prog="custos", description="Keeps recordings so that a court can rely on them."
    )
    top.add_argument("--config", type=Path, metavar="FILE", help=_CONFIG_HELP)
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for register in registering(command):
        register(subparsers)
    _accept_config_behind(top)
    return top


def _accept_config_behind(parser: argparse.ArgumentParser) -> None:
    """Also behind each command, and behind the command's own, where people look for it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in set(action.choices.values()):
                # SUPPRESS keeps an earlier one.
                below.add_argument(
                    "--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help=_CONFIG_HELP
                )
                _accept_config_behind(below)


def _command_in(argv: Sequence[str]) -> str | None:
    """The first word that is neither an option nor the settings file named by one."""
    previous = ""
    for word in argv:
        if not word.startswith("-") and previous != "--config":
            return word
        previous = word
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Usage errors exit with status 2 from argparse."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser(_command_in(argv)).parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except CustosError as error:
        print(f"custos: {error.message} [{error.code}]", file=sys.stderr)
        return 2
    return status
