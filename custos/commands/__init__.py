"""The subcommands of `custos`, one module each.

A command imports what is heavy (the server, the worker, the database) inside its `run`: the supervisor and
`custos settings` pay for none of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

from custos.commands import (
    alarms,
    catalogue,
    demo,
    dispose,
    doctor,
    export,
    figures,
    fixity,
    formats,
    importing,
    jobs,
    keys,
    log,
    parts,
    people,
    seals,
    search,
    serve,
    settings,
    staging,
    units,
    verify,
    witness,
)

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

#: What adds each command, in the order in which `custos --help` lists them.
COMMANDS: tuple[Callable[[Subparsers], None], ...] = (
    serve.register,
    parts.register,
    people.register,
    units.register,
    seals.register,
    jobs.register,
    alarms.register,
    staging.register,
    keys.register,
    catalogue.register,
    figures.register,
    export.register,
    importing.register,
    fixity.register,
    dispose.register,
    search.register,
    log.register,
    verify.register,
    witness.register,
    doctor.register,
    settings.register,
    formats.register,
    demo.register,
)
