"""`custos search rebuild`."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings
from evidence.projection import rebuild

if TYPE_CHECKING:
    from custos.wiring import Services

#: Others write meanwhile: a transaction is to be short.
_AT_ONCE = 20


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    search = subparsers.add_parser("search", help="make anew what searches look at")
    commands = search.add_subparsers(metavar="COMMAND", required=True)
    again = commands.add_parser("rebuild", help="make every item's entry anew; the server may run")
    again.set_defaults(run=rebuild_all)


def rebuild_all(arguments: argparse.Namespace) -> int:
    """Make every item's entry anew, some in each transaction."""

    async def make(services: Services) -> None:
        made, last = 0, None
        while True:
            after = last
            last, count = await services.catalogue.write(lambda tx, after=after: rebuild(tx, after, _AT_ONCE))  # type: ignore[misc]
            made += count
            if count < _AT_ONCE:
                break
        print(f"The entries of {made:,} items were made anew.")

    asyncio.run(with_services(load_settings(arguments.config), make))
    return 0
