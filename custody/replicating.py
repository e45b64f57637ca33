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
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from evidence.errors import CustosError, Unavailable
from evidence.items import Item
from evidence.keys import manifest_key
from evidence.ports.objects import AlreadyStored, Digests, NotStored, ObjectStore, Pace
from evidence.ports.replicas import PRIMARY, Ensured, Made, Replica, ReplicaCopy

_PIECE = 1 << 20


class Replicating:
    """`evidence.ports.replicas.Replicator`; see the module's docstring."""

    def __init__(self, primary: Replica, others: Sequence[Replica], needed: int) -> None:
        self._primary = primary
        self.others = tuple(others)
        self.needed = needed

    @property
    def primary(self) -> ObjectStore:
        """The store that everything is committed to."""
        return self._primary.store

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
        """See to it that each store has the original and its manifest, locked as the primary one has it.

        `primary`: whether the primary copy was just proven; if not it counts as missing, and is put there
        from another. `known` are the copies that were proven before. Durable on return. Raises nothing for
        a store that does not answer.
        """
        found = Ensured()
        missing = []
        for replica in self.others:
            copy = known.get(replica.name)
            try:
                digests = await replica.store.read_back(
                    item.key, pace, version="" if copy is None else copy.version
                )
            except NotStored:
                missing.append(replica)
            except (CustosError, OSError) as error:
                found.away[replica.name] = _why(error)
            else:
                await self._judge(found, replica, item, digests, now)
        if not primary:
            missing.insert(0, self._primary)
        sources = [self._primary] if primary else []
        sources += [one for one in self.others if any(one.name == copy.replica for copy in found.proven)]
        for replica in missing:
            await self._make(found, replica, sources, item, known, now)
        for replica in (self._primary, *self.others):
            if replica.name not in (*found.away, *found.wrong):
                await self._keep_manifest(found, replica, item, manifest)
        return found

    async def _judge(
        self, found: Ensured, replica: Replica, item: Item, digests: Digests, now: datetime
    ) -> None:
        if (digests.size, digests.sha256) != (item.size, item.sha256):
            found.wrong.append(replica.name)
            return
        stat = await replica.store.stat(item.key)
        found.proven.append(ReplicaCopy(item.id, replica.name, stat.version, now, digests.method))

    async def _make(
        self,
        found: Ensured,
        replica: Replica,
        sources: Sequence[Replica],
        item: Item,
        known: Mapping[str, ReplicaCopy],
        now: datetime,
    ) -> None:
        for source in sources:
            try:
                await self._copy(source, replica, item, known)
                digests = await replica.store.read_back(item.key)
            except AlreadyStored:
                found.wrong.append(replica.name)
                return
            except (CustosError, OSError) as error:
                found.away[replica.name] = _why(error)
                continue
            found.away.pop(replica.name, None)
            before = len(found.proven)
            await self._judge(found, replica, item, digests, now)
            if len(found.proven) > before:
                was_there = replica.name == PRIMARY or replica.name in known
                found.made.append(Made(found.proven[-1], source.name, was_there))
            return

    async def _copy(
        self, source: Replica, target: Replica, item: Item, known: Mapping[str, ReplicaCopy]
    ) -> None:
        staged = target.scratch / secrets.token_hex(16)
        is_known = source.name in known
        version = item.version if source.name == PRIMARY else known[source.name].version if is_known else ""
        try:
            await asyncio.to_thread(target.scratch.mkdir, 0o700, True, True)
            async with source.store.open(item.key, version=version) as file:
                await asyncio.to_thread(_fetch, file, staged, item.sha256)
            locked_until = item.locked_until
            await target.store.commit(
                item.key, staged, size=item.size, sha256=item.sha256, locked_until=locked_until
            )
            if item.held:
                await target.store.set_hold(item.key, True)
        finally:
            await asyncio.to_thread(staged.unlink, missing_ok=True)

    async def _keep_manifest(self, found: Ensured, replica: Replica, item: Item, manifest: bytes) -> None:
        try:
            await replica.store.put(manifest_key(item.key), manifest, locked_until=item.locked_until)
        except AlreadyStored:
            found.wrong.append(replica.name)
        except (CustosError, OSError) as error:
            found.away[replica.name] = _why(error)


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
