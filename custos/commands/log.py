"""`custos log policy`: what somebody outside pins, to rely on this log."""

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
        print(policy_text(key, [one.key for one in witnesses], needed), end="")

    asyncio.run(with_services(settings, show))
    return 0
