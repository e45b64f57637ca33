"""`custos dispose list` and `custos dispose run`: the only process that removes originals."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings
from custos.instance import only_disposer
from custos.settings import Settings
from evidence.errors import Conflict
from evidence.ids import is_id
from evidence.timekeeping import to_text

if TYPE_CHECKING:
    from cases.disposing import Carried, Disposing
    from custos.wiring import Services
    from evidence.ports.disposal import Disposer


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    dispose = subparsers.add_parser("dispose", help="carry out disposals that two people approved")
    commands = dispose.add_subparsers(metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="list what is approved and not carried out")
    listing.set_defaults(run=list_waiting)
    run = commands.add_parser("run", help="carry out what is approved, by trusted time; the server may run")
    run.add_argument("--proposal", metavar="ID", help="only this one")
    run.set_defaults(run=run_waiting)


def list_waiting(arguments: argparse.Namespace) -> int:
    """Print one line for each disposal that waits."""

    async def show(services: Services) -> None:
        waiting = await services.catalogue.read(lambda tx: tx.disposals.open())
        for one in waiting:
            since = to_text(one.approvals[-1].at)[:19]
            print(f"{one.id}  {len(one.items):>4} items  approved {since}Z  {one.unit}  {one.reason}")
        if not waiting:
            print("No approved disposal waits.")

    asyncio.run(with_services(load_settings(arguments.config), show))
    return 0


def run_waiting(arguments: argparse.Namespace) -> int:
    """Carry out every disposal that waits, or one; 1 if something of it has to wait still.

    Refuses at once where no time authority is configured, whether or not anything waits.
    """
    from custody.trusted_time import none_configured

    settings = load_settings(arguments.config)
    if not settings.custody.time_authorities:
        raise none_configured()
    wanted = arguments.proposal
    if wanted is not None and not is_id(wanted):
        raise Conflict("not-approved", "That is not the identifier of a disposal.")

    async def carry_out(services: Services) -> bool:
        # What a server that is not running any more left open would be waited for in vain.
        await services.desk.close_abandoned()
        disposing = _disposing(settings, services)
        waiting = [one.id for one in await disposing.waiting()] if wanted is None else [wanted]
        done = True
        for proposal_id in waiting:
            carried = await disposing.carry_out(proposal_id)
            _tell(carried)
            done = done and carried.done
        if not waiting:
            print("No approved disposal waits.")
        return done

    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with only_disposer(settings.data, settings.run):
        return 0 if asyncio.run(with_services(settings, carry_out)) else 1


def _disposing(settings: Settings, services: Services) -> Disposing:
    from cases.disposing import Disposing
    from custody.trusted_time import TimeAuthorities, read_roots
    from custos.clock import SystemClock

    return Disposing(
        services.catalogue,
        services.store,
        _disposer(settings),
        services.index,
        TimeAuthorities(
            read_roots(settings.custody.time_authorities), settings.custody.time_authority_policies
        ),
        services.signer,
        SystemClock(),
    )


def _disposer(settings: Settings) -> Disposer:
    """What destroys, with credentials of its own where the store has such."""
    from custos.stores import place_of
    from storage.objects.disposer import FilesystemDisposer
    from storage.objects.s3.client import Bucket
    from storage.objects.s3.disposer import S3Disposer

    place = place_of(settings)
    if place is None:
        return FilesystemDisposer(settings.store)
    return S3Disposer(Bucket(replace(place, credentials=settings.s3.disposal_credentials)))


def _tell(carried: Carried) -> None:
    print(f"{carried.proposal.id}: {carried.disposed} disposed of, {carried.spared} spared.")
    for item_id, fate in carried.postponed.items():
        print(f"    {item_id} waits: {fate.value}. Run this again later.")
    if carried.done:
        print("    The certificate is signed and in the store.")
