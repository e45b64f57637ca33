"""`custos alarms list`, `custos alarms clear`."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings
from evidence.timekeeping import to_text

if TYPE_CHECKING:
    from custos.wiring import Services


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    alarms = subparsers.add_parser(
        "alarms", help="see what needs a person's eye, and say that it was seen to"
    )
    commands = alarms.add_subparsers(metavar="COMMAND", required=True)
    commands.add_parser("list", help="list the alarms that stand").set_defaults(run=list_alarms)
    clear = commands.add_parser(
        "clear", help="clear an alarm; it is raised again if its cause is still there"
    )
    clear.add_argument("kind")
    clear.add_argument("subject")
    clear.set_defaults(run=clear_alarm)


def list_alarms(arguments: argparse.Namespace) -> int:
    """Print the alarms, oldest first; status 1 if there are any."""
    standing = 0

    async def show(services: Services) -> None:
        nonlocal standing
        found = await services.catalogue.read(lambda tx: tx.oversight.alarms())
        standing = len(found)
        for alarm in found:
            print(f"{to_text(alarm.raised_at)[:19]}Z  {alarm.kind}  {alarm.subject}\n    {alarm.message}")
        if not found:
            print("No alarms stand.")

    asyncio.run(with_services(load_settings(arguments.config), show))
    return int(standing > 0)


def clear_alarm(arguments: argparse.Namespace) -> int:
    """Clear one alarm; its event stays on record."""

    async def clear(services: Services) -> None:
        await services.catalogue.write(
            lambda tx: tx.oversight.clear_alarm(arguments.kind, arguments.subject, datetime.now(UTC))
        )
        print("Cleared.")

    asyncio.run(with_services(load_settings(arguments.config), clear))
    return 0
