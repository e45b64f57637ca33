"""`custos seal name`."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings
from evidence.access import SubjectKind

if TYPE_CHECKING:
    from custos.wiring import Services


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    seals = subparsers.add_parser("seal", help="see to what is sealed once all people named on it are gone")
    commands = seals.add_subparsers(metavar="COMMAND", required=True)
    name = commands.add_parser("name", help="name others, if nobody named can sign in any more")
    name.add_argument("kind", choices=[kind.value for kind in SubjectKind])
    name.add_argument("id", help="the item's or case's identifier; the event that sealed it has it")
    name.add_argument("username", nargs="+", help="who may see it from now on")
    name.add_argument("--reason", required=True, help="why; it goes on record")
    name.set_defaults(run=name_anew)


def name_anew(arguments: argparse.Namespace) -> int:
    """Name other people on a sealed item or case, on record."""

    async def change(services: Services) -> None:
        await services.rights.name_anew(
            SubjectKind(arguments.kind), arguments.id, arguments.username, arguments.reason
        )
        print(f"Named on it from now on: {', '.join(arguments.username)}.")

    asyncio.run(with_services(load_settings(arguments.config), change))
    return 0
