"""`custos figures check` and `custos figures rebuild`."""

from __future__ import annotations

import argparse
import asyncio
from functools import partial
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings

if TYPE_CHECKING:
    from custos.wiring import Services
    from evidence.ports.catalogue import Transaction

#: Others write meanwhile: a transaction is to be short.
_AT_ONCE = 50


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    figures = subparsers.add_parser("figures", help="count anew what figures are kept of")
    commands = figures.add_subparsers(metavar="COMMAND", required=True)
    check = commands.add_parser("check", help="count everything and compare; 1 if it differs")
    check.set_defaults(run=check_all)
    again = commands.add_parser("rebuild", help="count every item anew; the server may run")
    again.set_defaults(run=rebuild_all)


def check_all(arguments: argparse.Namespace) -> int:
    """Compare what is kept with a count of everything; 1 if they differ."""

    async def compare(services: Services) -> int:
        return await services.catalogue.read(lambda tx: tx.figures.difference())

    differing = asyncio.run(with_services(load_settings(arguments.config), compare))
    if differing:
        print(f"{differing:,} sums are kept otherwise than counted. Run `custos figures rebuild`.")
        return 1
    print("Every figure is what counting everything anew gives.")
    return 0


def rebuild_all(arguments: argparse.Namespace) -> int:
    """Count every item anew, some in each transaction."""

    async def count(services: Services) -> int:
        done, after = 0, None
        while some := await services.catalogue.read(partial(_next, after=after)):
            await services.catalogue.write(partial(_count, item_ids=some))
            done, after = done + len(some), some[-1]
        return done

    done = asyncio.run(with_services(load_settings(arguments.config), count))
    print(f"{done:,} items were counted anew.")
    return 0


def _next(tx: Transaction, after: str | None) -> list[str]:
    return [*tx.search.items_after(after, _AT_ONCE)]


def _count(tx: Transaction, item_ids: list[str]) -> None:
    tx.figures.recount(item_ids, moved=True)
