"""`custos keys`: see the signing keys, back them up, name a recovery key, replace the key."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from custos.catalogue_place import catalogue_of
from custos.configuration import load_settings
from custos.instance import changing_keys, only_instance, using_keys
from custos.passphrases import passphrase_of, read_file, require_outside
from custos.settings import Settings
from evidence.errors import Conflict, Invalid, Unavailable
from evidence.key_statements import Rotation
from evidence.timekeeping import to_text

if TYPE_CHECKING:
    from custody.rotation import Finished, Keys, Standing

T = TypeVar("T")
RECOVERY_FILE = "custos/recovery-key/1"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    keys = subparsers.add_parser("keys", help="see, back up and replace the signing keys")
    commands = keys.add_subparsers(metavar="COMMAND", required=True)
    commands.add_parser("show", help="every public key, since when, and what replaced it").set_defaults(
        run=show_keys
    )
    backup = commands.add_parser("backup", help="write the keys into an encrypted file")
    backup.add_argument("--to", type=Path, required=True, metavar="FILE")
    backup.set_defaults(run=back_up)
    restore = commands.add_parser("restore", help="put the keys back from such a file; Custos must not run")
    restore.add_argument("file", type=Path)
    restore.set_defaults(run=put_back)
    recovery = commands.add_parser(
        "recovery", help="make the key that can replace a lost or stolen one; Custos must not run"
    )
    recovery.add_argument("--to", type=Path, required=True, metavar="FILE")
    recovery.set_defaults(run=name_recovery)
    rotate = commands.add_parser("rotate", help="replace the signing key, on record; Custos must not run")
    which = rotate.add_mutually_exclusive_group(required=True)
    which.add_argument("--reason", help="why; goes on record")
    which.add_argument("--finish", action="store_true", help="finish one that was interrupted")
    rotate.add_argument("--recovery", type=Path, metavar="FILE", help="the old key is lost or in other hands")
    rotate.set_defaults(run=replace_key)
    for parser in (backup, restore, recovery, rotate):
        parser.add_argument(
            "--passphrase-file", type=Path, metavar="FILE", help="instead of asking; its first line counts"
        )


def show_keys(arguments: argparse.Namespace) -> int:
    """Print the log's name, each key as it is pinned, and what became of it."""
    from storage.catalogue.engine import is_begun

    settings = load_settings(arguments.config)
    if not is_begun(catalogue_of(settings)):
        print("There is no key yet: it is made at the first start.")
        return 0
    standing = asyncio.run(_with_keys(settings, _standing))
    print(f"log       {standing.log}")
    for said in standing.statements:
        at = to_text(said.at)[:19]
        if isinstance(said, Rotation):
            print(f"{said.seq:>4}  {at}Z  {said.old}\n      replaced by {said.new} ({said.by})")
        else:
            when = "before the first leaf" if said.genesis else "when the log had begun"
            print(f"{said.seq:>4}  {at}Z  recovery key {said.recovery}\n      named by {said.key}, {when}")
    print(f"in force  {standing.key or _own_pin(settings, standing.log)}")
    print(f"recovery  {standing.recovery or 'none: see docs/keys.md'}")
    return 0


def back_up(arguments: argparse.Namespace) -> int:
    """Write an encrypted copy of the key directory."""
    from custody.key_backup import back_up as encrypted

    settings = load_settings(arguments.config)
    require_outside(arguments.to, settings)
    passphrase = passphrase_of(arguments.passphrase_file, twice=True)
    settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    with using_keys(settings.run):
        data = encrypted(settings.keys, passphrase)
    _write_new(arguments.to, data)
    print(f"{arguments.to} opens with that passphrase alone. Keep the two apart, and both away from here.")
    return 0


def put_back(arguments: argparse.Namespace) -> int:
    """Put the keys back; never over others."""
    from custody.key_backup import restore

    settings = load_settings(arguments.config)
    data = read_file(arguments.file)
    with only_instance(settings.data, settings.run), changing_keys(settings.run):
        names = restore(data, passphrase_of(arguments.passphrase_file, twice=False), settings.keys)
    print(f"{len(names)} files are back: {', '.join(names)}.")
    return 0


def name_recovery(arguments: argparse.Namespace) -> int:
    """Make the recovery key: its private half into FILE, its public half on record."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from custody.key_files import open_signer, private_pem
    from custody.passphrase import lock_away
    from storage.catalogue.engine import is_begun

    settings = load_settings(arguments.config)
    require_outside(arguments.to, settings)
    passphrase = passphrase_of(arguments.passphrase_file, twice=True)
    with only_instance(settings.data, settings.run), changing_keys(settings.run):
        open_signer(settings.keys, is_first=not is_begun(catalogue_of(settings)))
        if asyncio.run(_with_keys(settings, _standing)).recovery is not None:
            raise Conflict("recovery-named", "This log has its recovery key already: see `custos keys show`.")
        private = Ed25519PrivateKey.generate()
        _write_new(arguments.to, lock_away(private_pem(private), passphrase, RECOVERY_FILE))
        named = asyncio.run(_with_keys(settings, lambda keys: keys.name_recovery(private)))
    print(f"The recovery key is {named.recovery}.")
    print(
        "It is named before the log's first leaf."
        if named.genesis
        else "The log had begun: whoever pinned the key before relies on this statement of that key."
    )
    print(f"Take {arguments.to} away from this machine now, and keep its passphrase elsewhere.")
    return 0


def replace_key(arguments: argparse.Namespace) -> int:
    """Replace the key, or finish a replacement that was interrupted."""
    settings = load_settings(arguments.config)
    recovery = None
    if arguments.recovery is not None:
        from custody.key_files import private_of
        from custody.passphrase import open_again

        passphrase = passphrase_of(arguments.passphrase_file, twice=False)
        recovery = private_of(open_again(read_file(arguments.recovery), passphrase, RECOVERY_FILE))

    def work(keys: Keys) -> Awaitable[Finished]:
        return keys.finish() if arguments.finish else keys.rotate(arguments.reason, recovery)

    with only_instance(settings.data, settings.run), changing_keys(settings.run):
        done = asyncio.run(_with_keys(settings, work))
        asyncio.run(_journal(settings))
    said = done.statement
    print(f"replaced  {said.old}")
    print(f"in force  {said.new}")
    if done.checkpoint is None:
        print("The log stands still for another reason (`custos alarms list`): no checkpoint is signed yet.")
    else:
        print(f"The head of {done.checkpoint:,} leaves is signed by it.")
    print("Give the new key, or /log/keys, to everybody who pinned the old one, and make a new backup.")
    return 0


async def _journal(settings: Settings) -> None:
    """The journal under the new key at once: a rebuild would not believe the old one's."""
    from custody.journaling import Journal
    from custody.key_files import open_signer
    from custos.clock import SystemClock
    from custos.stores import open_stores
    from evidence.dispatch import zone_of
    from storage.catalogue.catalogue import open_catalogue

    clock, zone = SystemClock(), zone_of(settings.ingest.clock_zone)
    stores = await asyncio.to_thread(open_stores, settings)
    signer = await asyncio.to_thread(open_signer, settings.keys, is_first=False)
    async with open_catalogue(catalogue_of(settings), clock, "keys", zone) as catalogue:
        journal = Journal(catalogue, stores.journal, signer, clock)
        try:
            while await journal.run():
                pass
        except Unavailable as error:
            print(f"The journal is not under the new key yet; the next start sees to it. {error.message}")


async def _with_keys(settings: Settings, work: Callable[[Keys], Awaitable[T]]) -> T:
    from custody.rotation import Keys
    from custos.clock import SystemClock
    from custos.stores import open_stores, require_not_lost
    from evidence.dispatch import zone_of
    from storage.catalogue.catalogue import open_catalogue

    clock, zone = SystemClock(), zone_of(settings.ingest.clock_zone)
    stores = await asyncio.to_thread(open_stores, settings)
    await require_not_lost(settings, stores)
    files = stores.log
    async with open_catalogue(catalogue_of(settings), clock, "keys", zone) as catalogue:
        return await work(Keys(catalogue, files, settings.keys, clock, settings.custody.origin))


def _standing(keys: Keys) -> Awaitable[Standing]:
    return keys.standing()


def _own_pin(settings: Settings, log: str) -> str:
    """The key that lies there, where no statement speaks of one yet."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    from custody.key_files import PUBLIC
    from custody.notes import ED25519, VerifierKey

    path = settings.keys / PUBLIC
    if not path.exists():
        return "none lies there: see docs/keys.md"
    public = load_pem_public_key(path.read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    return str(VerifierKey(log, ED25519, public.public_bytes_raw()))


def _write_new(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Invalid("not-writable", f"{path} cannot be made: {error.strerror}.") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
