"""The subcommands of `custos`, one module each.

Only the module of the command that is run is imported, and a command imports what is heavy (the server, the
worker, the database) where it needs it: nobody waits for what he did not ask for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

#: The module of each command, in the order in which `custos --help` lists them.
MODULES: Mapping[str, str] = {
    "serve": "serve",
    "api": "parts",
    "worker": "parts",
    "beat": "parts",
    "sequencer": "parts",
    "user": "people",
    "token": "people",
    "unit": "units",
    "seal": "seals",
    "jobs": "jobs",
    "alarms": "alarms",
    "staging": "staging",
    "keys": "keys",
    "catalogue": "catalogue",
    "backup": "backup",
    "restore": "backup",
    "rebuild": "rebuild",
    "migrate": "migrate",
    "figures": "figures",
    "export": "export",
    "import": "importing",
    "fixity": "fixity",
    "dispose": "dispose",
    "search": "search",
    "log": "log",
    "verify": "verify",
    "witness": "witness",
    "doctor": "doctor",
    "settings": "settings",
    "formats": "formats",
    "demo": "demo",
}


def registering(command: str | None) -> Sequence[Callable[[Subparsers], None]]:
    """What adds that command, and others of its module; what adds all, where it is none."""
    module = None if command is None else MODULES.get(command)
    names = dict.fromkeys(MODULES.values()) if module is None else [module]
    return [import_module(f"{__name__}.{name}").register for name in names]
