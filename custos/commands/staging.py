"""`custos staging`: where uploads lie that are not in the store yet; what to do once such a disk is lost."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings
from evidence.errors import Invalid
from evidence.items import UploadState

if TYPE_CHECKING:
    from custos.wiring import Services


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    parser = subparsers.add_parser("staging", help="the disks on which uploads wait, one for each host")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="what lies where")
    listing.set_defaults(run=list_stagings)
    lost = commands.add_parser("lost", help="give up what lay on a disk that will not come back")
    lost.add_argument("tag", help="what the host's uploads end in, as `custos staging list` shows it")
    lost.set_defaults(run=give_up)


def list_stagings(arguments: argparse.Namespace) -> int:
    """Print each staging disk that uploads lie on, and how many."""

    async def show(services: Services) -> None:
        found = await services.catalogue.read(lambda tx: tx.uploads.stagings())
        for tag, counts in sorted(found.items()):
            here = "  (this host)" if tag == services.uploads.staging_tag else ""
            print(
                f"{tag}  {counts.get(UploadState.RECEIVING, 0)} receiving, "
                f"{counts.get(UploadState.ACCEPTED, 0)} to be committed, "
                f"{counts.get(UploadState.REFUSED, 0)} refused{here}"
            )
        if not found:
            print("No upload waits anywhere.")

    asyncio.run(with_services(load_settings(arguments.config), show))
    return 0


def give_up(arguments: argparse.Namespace) -> int:
    """End what had not arrived whole, and let any worker try what was accepted."""

    async def end(services: Services) -> None:
        if arguments.tag == services.uploads.staging_tag:
            raise Invalid("staging-here", "That disk is this host's own, and it is there.")
        ended, released = await services.uploads.give_up(arguments.tag)
        print(
            f"{ended} uploads have ended: their senders begin anew. {released} accepted ones are tried "
            "without that disk: what is in the store already is finished; of the rest `custos jobs list "
            "--failed` says that it has to be sent again."
        )

    asyncio.run(with_services(load_settings(arguments.config), end))
    return 0
