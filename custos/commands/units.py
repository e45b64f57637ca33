"""`custos unit place`, `custos unit list`."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custos.wiring import Services


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    units = subparsers.add_parser("unit", help="say which unit belongs to which")
    commands = units.add_subparsers(metavar="COMMAND", required=True)
    place = commands.add_parser("place", help="put a unit below another: whoever sees that one sees this one")
    place.add_argument("unit")
    place.add_argument("--below", help="the unit that it belongs to; without it, it stands by itself")
    place.set_defaults(run=place_unit)
    listed = commands.add_parser("list", help="show the tree")
    listed.set_defaults(run=list_units)


def place_unit(arguments: argparse.Namespace) -> int:
    """Put a unit below another, on record."""
    settings = load_settings(arguments.config)

    async def place(services: Services) -> None:
        await services.rights.place_unit(None, arguments.unit, arguments.below)
        where = "stands by itself" if arguments.below is None else f"lies below {arguments.below}"
        print(f"{arguments.unit} {where}.")

    asyncio.run(with_services(settings, place))
    return 0


def list_units(arguments: argparse.Namespace) -> int:
    """Print every placed unit, each below the one that it belongs to."""
    settings = load_settings(arguments.config)

    async def show(services: Services) -> None:
        tree = await services.rights.units()
        for line in lines_of(tree):
            print(line)

    asyncio.run(with_services(settings, show))
    return 0


def lines_of(tree: Mapping[str, str | None]) -> list[str]:
    """The tree as indented lines; units that are only named as a parent stand at the top."""
    below: dict[str | None, list[str]] = {}
    for unit, parent in tree.items():
        below.setdefault(parent, []).append(unit)
    tops = sorted({*below.get(None, ()), *(unit for unit in below if unit is not None and unit not in tree)})

    def branch(unit: str, depth: int) -> list[str]:
        return [
            "  " * depth + unit,
            *(line for child in sorted(below.get(unit, ())) for line in branch(child, depth + 1)),
        ]

    return [line for top in tops for line in branch(top, 0)]
