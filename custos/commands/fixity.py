"""`custos fixity status` and `custos fixity run`."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings
from evidence.errors import Conflict
from evidence.fixity import Tally, round_takes
from evidence.ids import is_id
from evidence.log_audits import Round
from evidence.ports.replicas import PRIMARY
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
    run.add_argument(
        "--log", action="store_true", help="only the custody log, in the store and every replica"
    )
    run.set_defaults(run=ask_now)


def show_status(arguments: argparse.Namespace) -> int:
    """Print how the audits stand; status 1 if something did not prove."""

    settings = load_settings(arguments.config)
    names = [PRIMARY, *settings.replicas.directories, *settings.replicas.buckets]

    async def count(
        services: Services,
    ) -> tuple[Tally, timedelta | None, int, Mapping[str, Round | None]]:
        audits = services.audits
        rounds = await audits.log_rounds(names)
        return await audits.tally(), audits.every, audits.bytes_per_second, rounds

    tally, every, rate, rounds = asyncio.run(with_services(settings, count))
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
    for name, kept in rounds.items():
        print(f"log         {_said(name, kept)}")
    has_findings = any(kept is not None and kept.found.count for kept in rounds.values())
    return int(tally.failing > 0 or has_findings)


def _said(name: str, kept: Round | None) -> str:
    place = "in the store" if name == PRIMARY else f"in the replica {name}"
    if kept is None or (kept.ended_at is None and not kept.goes_on):
        return f"{place}: not read again yet"
    found = f"findings {kept.found.count:,}: see `custos alarms list`" if kept.found.count else "no findings"
    if kept.goes_on:
        return f"{place}: being read again, {kept.at:,} of {kept.size:,} leaves so far, {found}"
    assert kept.ended_at is not None
    ended = to_text(kept.ended_at)[:19]
    return f"{place}: {kept.at:,} leaves and {kept.files:,} files read again {ended}Z, {found}"


def ask_now(arguments: argparse.Namespace) -> int:
    """Ask for audits; a running server begins within seconds, at its rate."""
    wanted = list(dict.fromkeys(arguments.item))
    if arguments.log:
        asyncio.run(with_services(load_settings(arguments.config), lambda one: one.audits.ask_log(None)))
        print("The custody log is read again next. `custos fixity status` says how far it is.")
        return 0
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
