"""`custos log policy`, what outsiders pin, and `custos log replay`, a way on for a log that stands still."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings
from evidence.errors import Invalid

if TYPE_CHECKING:
    from custos.wiring import Services


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    log = subparsers.add_parser("log", help="what others need to rely on the custody log")
    commands = log.add_subparsers(metavar="COMMAND", required=True)
    policy = commands.add_parser(
        "policy",
        help="print the policy to pin: the log's key, its witnesses, and how many have to cosign",
    )
    policy.set_defaults(run=show_policy)
    replay = commands.add_parser(
        "replay",
        help="lead a catalogue that was put back from a backup to where its log is in the store",
        description="After a catalogue was put back from a backup the log stands still (log-forked). This "
        "reads back from the store what the catalogue lost of the log, once all of it leads to the head that "
        "was signed; then the log goes on. Stop every part of Custos first.",
    )
    replay.add_argument("--reason", required=True, help="goes on record")
    replay.set_defaults(run=replay_log)


def replay_log(arguments: argparse.Namespace) -> int:
    """Replay and say how far; raises Conflict where the store's log is no continuation."""
    from custody.replaying import Replaying
    from custos.clock import SystemClock
    from custos.stores import open_stores
    from evidence.cases import checked_reason

    settings, reason = load_settings(arguments.config), checked_reason(arguments.reason)

    async def replay(services: Services) -> None:
        store = (await asyncio.to_thread(open_stores, settings)).log
        replaying = Replaying(services.catalogue, store, services.signer.note_key, SystemClock())
        ran = await replaying.run(reason)
        print(f"The log was read back from {ran.before:,} to {ran.after:,} leaves. Start Custos: it goes on.")
        if ran.without_detail:
            print(f"Of {ran.without_detail:,} of them nothing was found of what their details said.")
        print("What else had changed since the backup is not in this catalogue: see `custos rebuild --help`.")

    asyncio.run(with_services(settings, replay))
    return 0


def show_policy(arguments: argparse.Namespace) -> int:
    """Print the policy file; raises Invalid("no-log") before the log has begun."""
    from custody.cosigning import configured
    from custody.policies import policy_text
    from evidence.errors import Denied

    settings = load_settings(arguments.config)
    custody = settings.custody

    async def show(services: Services) -> None:
        try:
            key = await services.proofs.key()
        except Denied as error:
            raise Invalid("no-log", "The log has not begun yet; start Custos first.") from error
        own = services.signer.note_key
        witnesses, needed = configured(custody.witnesses, custody.witnesses_needed, own)
        # One that may sign under any of its policies would be refused by a file that names the others'.
        bound = custody.time_authority_policies
        policies = bound.values() if bound.keys() == custody.time_authorities.keys() else ()
        print(policy_text(key, [one.key for one in witnesses], needed, policies), end="")

    asyncio.run(with_services(settings, show))
    return 0
