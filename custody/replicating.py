"""Copies of an item in other stores: made, read again, compared, and one mended by another.

A copy counts once it was read again in its store and has the original's digest. One that is missing is put
there from one that is proven; one that is other bytes is never replaced, as nothing in a write-once store is:
what became of it has to be looked at by a person. All of it may be repeated; a crash leaves copies that are
proven by the next run.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from evidence.errors import CustosError, Unavailable
from evidence.items import Item
from evidence.keys import manifest_key
from evidence.ports.objects import AlreadyStored, NotStored, ObjectStore, Pace
from evidence.ports.replicas import PRIMARY, Ensured, Made, Replica, ReplicaCopy

_PIECE = 1 << 20


class Replicating:
    """`evidence.ports.replicas.Replicator`; see the module's docstring."""

    def __init__(self, primary: Replica, others: Sequence[Replica], needed: int) -> None:
        self.first = primary
        self.others = tuple(others)
        self.needed = needed

    @property
    def primary(self) -> ObjectStore:
        """The store that everything is committed to."""
        return self.first.store

    async def ensure(
        self,
        item: Item,
        manifest: bytes,
        known: Mapping[str, ReplicaCopy],
        now: datetime,
        *,
        primary: bool,
        pace: Pace | None = None,
    ) -> Ensured:
        """See the port.

        A replica is a source for the store alone, and the store for all others: a copy that a disposal has
        just removed, from the store first, is not made again from one that it is about to remove.
        """
        found = Ensured()
        missing = []
        for replica in self.others:
            version = known[replica.name].version if replica.name in known else ""
            try:
                copy = await _proven(replica, item, now, pace, version)
            except NotStored:
                missing.append(replica)
            except (CustosError, OSError) as error:
                found.away[replica.name] = _why(error)
            else:
                _note(found, replica, copy)
        proven = {copy.replica: copy.version for copy in found.proven}
        is_there = primary or await self._mended(found, item, proven, now)
        for replica in missing:
            if is_there:
                await self._make(found, self.first, replica, item, item.version, now, known)
            else:
                found.missing.append(replica.name)
        made = {one.copy.replica for one in found.made}
        for replica in (self.first, *self.others):
            if replica.name in proven or replica.name in made or (replica is self.first and primary):
                await self._keep_manifest(found, replica, item, manifest, is_new=replica.name in made)
        return found

    async def _mended(self, found: Ensured, item: Item, proven: Mapping[str, str], now: datetime) -> bool:
        """Whether the store has the original again, from the first replica that could give it."""
        for replica in self.others:
            if replica.name in proven:
                version = proven[replica.name]
                if await self._make(found, replica, self.first, item, version, now, (PRIMARY,)):
                    return True
        return False

    async def _make(
        self,
        found: Ensured,
        source: Replica,
        target: Replica,
        item: Item,
        version: str,
        now: datetime,
        known: Collection[str],
    ) -> bool:
        """Copy it there and read it again; whether it is proven."""
        try:
            await _copy(source, target, item, version)
            copy = await _proven(target, item, now)
        except AlreadyStored:
            found.wrong.append(target.name)
            return False
        except (CustosError, OSError) as error:
            found.away[target.name] = _why(error)
            return False
        found.away.pop(target.name, None)
        _note(found, target, copy)
        if copy is not None:
            found.made.append(Made(copy, source.name, target.name in known))
        return copy is not None

    async def _keep_manifest(
        self, found: Ensured, replica: Replica, item: Item, manifest: bytes, *, is_new: bool
    ) -> None:
        key = manifest_key(item.key)
        try:
            is_there = await _is_there(replica, key)
            await replica.store.put(key, manifest, locked_until=item.locked_until)
        except AlreadyStored:
            found.wrong.append(replica.name)
        except (CustosError, OSError) as error:
            found.away[replica.name] = _why(error)
        else:
            if not is_there and not is_new:
                found.manifests.append(replica.name)


async def _proven(
    replica: Replica, item: Item, now: datetime, pace: Pace | None = None, version: str = ""
) -> ReplicaCopy | None:
    """The copy there once it was read; None if it is other bytes. Raises NotStored, and what reading does."""
    digests = await replica.store.read_back(item.key, pace, version=version)
    if (digests.size, digests.sha256) != (item.size, item.sha256):
        return None
    stat = await replica.store.stat(item.key, version=version)
    return ReplicaCopy(item.id, replica.name, stat.version, now, digests.method)


def _note(found: Ensured, replica: Replica, copy: ReplicaCopy | None) -> None:
    if copy is None:
        found.wrong.append(replica.name)
    else:
        found.proven.append(copy)


async def _copy(source: Replica, target: Replica, item: Item, version: str) -> None:
    staged = target.scratch / secrets.token_hex(16)
    try:
        await asyncio.to_thread(target.scratch.mkdir, 0o700, True, True)
        async with source.store.open(item.key, version=version) as file:
            await asyncio.to_thread(_fetch, file, staged, item.sha256)
        await target.store.commit(
            item.key, staged, size=item.size, sha256=item.sha256, locked_until=item.locked_until
        )
        if item.held:
            await target.store.set_hold(item.key, True)
    finally:
        await asyncio.to_thread(staged.unlink, missing_ok=True)


async def _is_there(replica: Replica, key: str) -> bool:
    try:
        await replica.store.stat(key)
    except NotStored:
        return False
    return True


def _why(error: Exception) -> str:
    return error.message if isinstance(error, CustosError) else type(error).__name__


def _fetch(file: BinaryIO, staged: Path, sha256: str) -> None:
    """The bytes, synced, if they are those; blocking."""
    digest = hashlib.sha256()
    with staged.open("xb") as copy:
        while piece := file.read(_PIECE):
            digest.update(piece)
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())
    if digest.hexdigest() != sha256:
        raise Unavailable("copy-differs", "What was read to be copied is not what was stored.")
