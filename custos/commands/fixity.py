"""`custos fixity status` and `custos fixity run`."""

from __future__ import annotations

import argparse
import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings
from evidence.errors import Conflict
from evidence.fixity import Tally, round_takes
from evidence.ids import is_id
from evidence.timekeeping import to_text

if TYPE_CHECKING:
    from custos.wiring import Services


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    fixity = subparsers.add_parser("fixity", help="see how what is kept was read again, or ask for it now")
    commands = fixity.add_subparsers(metavar="COMMAND", required=True)
    status = commands.add_parser("status", help="what was audited, is due, did not prove; 1 if any did not")
    status.set_defaults(run=show_status)
    run = commands.add_parser(
        "run", help="have everything audited now, or some items; a running server does it"
    )
    run.add_argument(
        "--item", metavar="ID", action="append", default=[], help="only this one; may be repeated"
    )
    run.set_defaults(run=ask_now)


def show_status(arguments: argparse.Namespace) -> int:
    """Print how the audits stand; status 1 if something did not prove."""

    async def count(services: Services) -> tuple[Tally, timedelta | None, int]:
        audits = services.audits
        return await audits.tally(), audits.every, audits.bytes_per_second

    tally, every, rate = asyncio.run(with_services(load_settings(arguments.config), count))
    schedule = "only what is asked for" if every is None else f"everything once in {every.days} days"
    print(f"schedule    {schedule}, at most {rate:,} bytes a second")
    print(f"kept        {tally.kept:,} items: {tally.objects:,} objects, {tally.bytes:,} bytes")
    print(f"a round     {_rough(round_takes(tally.objects, tally.bytes, rate))} at this rate")
    since = "" if tally.since is None else f", the longest ago {to_text(tally.since)[:19]}Z"
    print(f"audited     {tally.audited:,}{since}")
    if tally.oldest is not None:
        print(f"next        what was last looked at {to_text(tally.oldest)[:19]}Z")
    print(f"due         {tally.due:,}")
    print(f"failing     {tally.failing:,}" + (": see `custos alarms list`" if tally.failing else ""))
    return int(tally.failing > 0)


def ask_now(arguments: argparse.Namespace) -> int:
    """Ask for audits; a running server begins within seconds, at its rate."""
    wanted = list(dict.fromkeys(arguments.item))
    for item_id in wanted:
        if not is_id(item_id):
            raise Conflict("not-kept", f"No such item is kept: {item_id}.")

    async def ask(services: Services) -> int:
        return await (services.audits.ask(wanted, None) if wanted else services.audits.ask_all(None))

    count = asyncio.run(with_services(load_settings(arguments.config), ask))
    print(f"Audited next: {count:,}. `custos fixity status` says how far it is.")
    return 0


def _rough(length: timedelta) -> str:
    if length < timedelta(minutes=2):
        return f"{length // timedelta(seconds=1)} s"
    if length < timedelta(hours=2):
        return f"{length // timedelta(minutes=1)} minutes"
    if length < timedelta(days=2):
        return f"{length // timedelta(hours=1)} hours"
    return f"{length.days} days"
