"""`custos dispose list` and `custos dispose run`: the only process that removes originals."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custos.commands.session import with_services
from custos.configuration import load_settings
from custos.instance import only_disposer
from custos.settings import Settings
from evidence.errors import Conflict
from evidence.ids import is_id
from evidence.timekeeping import from_text, to_text

if TYPE_CHECKING:
    from cases.disposing import Carried, Disposing
    from clients.verifier.revocation import Lists
    from clients.verifier.tokens import TimeTrust
    from custos.wiring import Services
    from evidence.ports.disposal import Disposer
    from evidence.ports.objects import ObjectStore
    from storage.objects.s3.place import Place


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    dispose = subparsers.add_parser("dispose", help="carry out disposals that two people approved")
    commands = dispose.add_subparsers(metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="list what is approved and not carried out")
    listing.set_defaults(run=list_waiting)
    run = commands.add_parser("run", help="carry out what is approved, by trusted time; the server may run")
    run.add_argument("--proposal", metavar="ID", help="only this one")
    run.set_defaults(run=run_waiting)
    journal = commands.add_parser(
        "journal",
        help="remove what no restoration needs any more of the catalogue's journal in the store",
        description="The journal is written anew every thirty days; what lies before the newest whole one, "
        "and is not locked any more, goes. `run` does it too.",
    )
    journal.set_defaults(run=prune_journal)
    backup = commands.add_parser(
        "backup",
        help="remove from a backup what certificates in the store prove to be disposed of",
        description="Looks at every disposal certificate in the store. What one names that holds against "
        "this installation's key and its time authorities' roots is removed from the backup, unless that "
        "has it locked or held still.",
    )
    backup.add_argument("directory", type=Path, metavar="DIR")
    backup.set_defaults(run=reach_backup)


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
        if count := await _prune(settings, services):
            print(_pruned(count))
        return done

    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with only_disposer(settings.data, settings.run):
        return 0 if asyncio.run(with_services(settings, carry_out)) else 1


def prune_journal(arguments: argparse.Namespace) -> int:
    """Remove chunks of the journal that no restoration needs any more; raises Conflict("journal-broken")."""
    settings = load_settings(arguments.config)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with only_disposer(settings.data, settings.run):
        print(_pruned(asyncio.run(with_services(settings, partial(_prune, settings)))))
    return 0


def _pruned(count: int) -> str:
    return f"{count:,} chunks of the catalogue's journal, which nothing needs any more, were removed."


async def _prune(settings: Settings, services: Services) -> int:
    from custody.journal_pruning import prune_on_record
    from custos.clock import SystemClock
    from custos.stores import open_stores

    journal = (await asyncio.to_thread(open_stores, settings)).journal
    # What is left in a replica that was away is found again only as long as the store has it.
    disposer = _disposer(settings, replicas_first=True)
    public = services.signer.note_key
    return await prune_on_record(services.catalogue, journal, disposer, public, SystemClock())


def reach_backup(arguments: argparse.Namespace) -> int:
    """Remove copies of what was disposed of; 1 if a certificate does not hold, or a copy is locked still."""
    from custody.key_files import PUBLIC, RETIRED
    from custody.trusted_time import read_roots
    from custos.backing_up import store_of

    settings = load_settings(arguments.config)
    root = store_of(arguments.directory.absolute())
    keys = [settings.keys / PUBLIC, *sorted((settings.keys / RETIRED).glob("*.pem"))]
    roots = list(read_roots(settings.custody.time_authorities).values())
    with only_disposer(settings.data, settings.run):
        return asyncio.run(_reach(settings, root, [path.read_bytes() for path in keys], roots))


async def _reach(settings: Settings, root: Path, keys: Sequence[bytes], roots: Sequence[bytes]) -> int:
    from clients.verifier.tokens import TimeTrust
    from custos.stores import open_stores
    from storage.objects.disposer import FilesystemDisposer

    store = (await asyncio.to_thread(open_stores, settings)).objects
    trust = TimeTrust(tuple(roots), lists=await _lists(store))
    disposer, status, items, gone = FilesystemDisposer(root), 0, 0, 0
    async for key in store.keys("disposals/"):
        certificate = (await _read(store, key)).decode("utf-8", "replace")
        statement = await asyncio.to_thread(_proven, certificate, keys, trust)
        if statement is None:
            print(f"{key}: this certificate does not hold, so nothing that it names is removed.")
            status = 1
            continue
        for item in statement["items"]:
            items += 1
            for one in item["keys"]:
                if not (root / "objects" / one).exists():
                    continue
                try:
                    await disposer.dispose(one, from_text(item["disposed_at"]))
                    gone += 1
                except Conflict as error:
                    print(f"{one}: {error.message}")
                    status = 1
    print(f"Certificates name {items:,} items; {gone:,} copies of theirs were removed from the backup.")
    return status


async def _read(store: ObjectStore, key: str) -> bytes:
    async with store.open(key) as file:
        return await asyncio.to_thread(file.read)


async def _lists(store: ObjectStore) -> Lists:
    """What was kept of whether authorities' certificates were revoked."""
    from clients.verifier.revocation import Lists

    kept = [key async for key in store.keys("log/stamps/")]
    found = {key: await _read(store, key) for key in kept if key.endswith((".crl", ".ocsp"))}
    return Lists(
        *(tuple(one for one in found.items() if one[0].endswith(ending)) for ending in (".crl", ".ocsp"))
    )


def _proven(certificate: str, keys: Sequence[bytes], trust: TimeTrust) -> Mapping[str, Any] | None:
    """What it states, if one of the installation's keys has signed it and its times hold."""
    from clients.verifier.disposal import verify_disposal
    from clients.verifier.receipt import NotVerified

    for key in keys:
        try:
            return verify_disposal(certificate, key, trust).statement
        except NotVerified:
            continue
    return None


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
            read_roots(settings.custody.disposing_authorities), settings.custody.time_authority_policies
        ),
        services.signer,
        SystemClock(),
    )


def _disposer(settings: Settings, *, replicas_first: bool = False) -> Disposer:
    """What destroys, with credentials of its own where the store has such."""
    from custos.replicas import disposers, has_replicas
    from custos.stores import place_of
    from storage.objects.disposer import FilesystemDisposer, MirroredDisposer
    from storage.objects.s3.client import Bucket
    from storage.objects.s3.disposer import S3Disposer

    def of_bucket(place: Place, credentials: Path | None) -> Disposer:
        return S3Disposer(Bucket(replace(place, credentials=credentials)))

    place = place_of(settings)
    own: Disposer = (
        FilesystemDisposer(settings.store)
        if place is None
        else of_bucket(place, settings.s3.disposal_credentials)
    )
    if not has_replicas(settings):
        return own
    others = disposers(settings, FilesystemDisposer, of_bucket)
    return MirroredDisposer([*others, own] if replicas_first else [own, *others])


def _tell(carried: Carried) -> None:
    print(f"{carried.proposal.id}: {carried.disposed} disposed of, {carried.spared} spared.")
    for item_id, fate in carried.postponed.items():
        print(f"    {item_id} waits: {fate.value}. Run this again later.")
    if carried.done:
        print("    The certificate is signed and in the store.")
