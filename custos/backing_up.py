"""`custos backup` and `custos restore`: the store and the keys on another medium, and everything from there.

The store has all that a catalogue is rebuilt from, so that a copy of it and the keys are the whole of an
installation. A backup only ever adds to what lies there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from custody.durable import replace as put_in_place
from custody.key_backup import back_up as encrypted
from custody.key_backup import restore as put_back
from custos.clock import SystemClock
from custos.instance import using_keys
from custos.rebuilding import Rebuilt, rebuild, require_no_catalogue
from custos.replicas import MARKER
from custos.settings import Settings
from custos.stores import open_stores
from evidence.errors import Conflict, Invalid
from evidence.timekeeping import to_text
from storage.objects.copying import Copied, copy_store, damaged_in
from storage.objects.filesystem import FilesystemStore

BACKUP_VERSION = "custos/backup/1"
_KEYS, _ABOUT, _STORE = "keys.backup", "backup.json", "store"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a run has done; `has_keys`: they lie there too, from this run or an earlier one."""

    copied: Copied
    has_keys: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """What was rebuilt, and which originals were damaged in the backup."""

    rebuilt: Rebuilt
    damaged: tuple[str, ...]


async def back_up(
    settings: Settings,
    target: Path,
    passphrase: str | None,
    *,
    check: bool = False,
    say: Callable[[str], None] = lambda words: None,
) -> Backup:
    """Copy the store, what is new of it, and with a passphrase the keys; Custos may run meanwhile.

    With `check` every original that lies there is read again afterwards, and those that are damaged are among
    `copied.damaged`. Durable on return, repeatable. Raises Invalid("not-a-backup") where something else lies.
    """
    about = target / _ABOUT
    await asyncio.to_thread(_require_backup, target)
    stores = await asyncio.to_thread(open_stores, settings)

    def told(so_far: Copied) -> None:
        say(f"store: {so_far.objects:,} objects, {so_far.copied:,} of them new, {so_far.bytes:,} bytes")

    await asyncio.to_thread(partial(target.mkdir, mode=0o700, parents=True, exist_ok=True))
    copied = await copy_store(stores.objects, target / _STORE, told)
    if check:
        found = await damaged_in(target / _STORE, lambda count: say(f"check: {count:,} originals"))
        copied = replace(copied, damaged=(*copied.damaged, *found))
    if passphrase is not None:
        await asyncio.to_thread(_write_keys, settings, target / _KEYS, passphrase)
    said = {"v": BACKUP_VERSION, "objects": copied.objects, "at": to_text(SystemClock().now())}
    await asyncio.to_thread(put_in_place, about, json.dumps(said).encode(), 0o600)
    return Backup(copied, (target / _KEYS).exists())


async def restore(
    settings: Settings,
    source: Path,
    passphrase: Callable[[], str],
    reason: str,
    say: Callable[[str], None] = lambda words: None,
) -> Restored:
    """Put keys and store back and rebuild the catalogue; nothing may be there yet but what came from there.

    `source` is a backup, or a replica's directory, which has no keys. With a bucket in `settings` the store
    is what lies in the bucket. An original that is damaged in the backup stays there and is not put back:
    all others are, and the alarms name it. Durable on return; one that broke off is begun again and goes
    on. Raises Invalid("not-a-backup"), Conflict("catalogue-there"), Conflict("store-there"),
    Conflict("keys-there"), and what `rebuild` raises.
    """
    store = source if (source / MARKER).exists() else store_of(source)
    await require_no_catalogue(settings)
    if settings.s3.bucket is None:
        await asyncio.to_thread(_require_no_store, settings, store)
    if (source / _KEYS).exists():
        data = await asyncio.to_thread((source / _KEYS).read_bytes)
        await asyncio.to_thread(put_back, data, passphrase(), settings.keys)
    damaged: tuple[str, ...] = ()
    if settings.s3.bucket is None:
        copy = FilesystemStore(store, immutable=False)
        put = await copy_store(
            copy,
            settings.store,
            lambda so_far: say(f"store: {so_far.objects:,} objects"),
            immutable=settings.protection.immutable,
        )
        damaged = put.damaged
    return Restored(await rebuild(settings, reason, say=say), damaged)


def _require_no_store(settings: Settings, backup: Path) -> None:
    """Heads come last: where one lies, a store was complete, and is newer than any backup but this one."""
    there, here = (root / "objects" / "log" / "checkpoint" for root in (settings.store, backup))
    if there.exists() and not (here.exists() and there.read_bytes() == here.read_bytes()):
        raise Conflict(
            "store-there",
            "There is a store already, and it is not what this backup has. If only the catalogue is lost, "
            "`custos rebuild` restores it from that store, which is newer; else move it out of the way.",
        )


def store_of(backup: Path) -> Path:
    """Where the store lies in a backup; raises Invalid("not-a-backup")."""
    if not (backup / _ABOUT).exists():
        raise Invalid("not-a-backup", f"{backup} is no backup of Custos.")
    return backup / _STORE


def _require_backup(target: Path) -> None:
    if target.exists() and not (target / _ABOUT).exists() and any(target.iterdir()):
        known = {_STORE, _KEYS}
        if {path.name for path in target.iterdir()} - known:
            raise Invalid("not-a-backup", f"{target} holds something else. Choose a directory of its own.")


def _write_keys(settings: Settings, path: Path, passphrase: str) -> None:
    settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    with using_keys(settings.run):
        data = encrypted(settings.keys, passphrase)
    put_in_place(path, data, 0o600)
