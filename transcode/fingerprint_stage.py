"""The stage that takes a recording's fingerprints and puts them where copies are looked for."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from evidence.canonical import Json
from evidence.copies import Fingerprint, FingerprintKind, Mark
from evidence.errors import StageFailed
from evidence.ports.copies import FingerprintIndex
from evidence.ports.objects import ObjectStore
from evidence.ports.work import Lease

#: Of an original, its description and a directory to work in: the marks of each kind that it has.
Taking: TypeAlias = Callable[
    [Path, Mapping[str, Json], Path], Coroutine[None, None, Mapping[FingerprintKind, Sequence[Mark]]]
]


class FingerprintStage:
    """`evidence.ports.work.StageWork`. The index is derived, so nothing of it goes on record."""

    def __init__(self, take: Taking, store: ObjectStore, index: FingerprintIndex, work: Path) -> None:
        self._take = take
        self._store = store
        self._index = index
        self._work = work

    async def run(self, lease: Lease) -> None:
        """Take the fingerprints and index them, before the job is done: a killed attempt does it again."""
        subject = lease.job.subject
        item, description = await lease.read(
            lambda tx: (tx.items.get(subject), tx.items.description(subject))
        )
        if item is None:
            raise StageFailed("no-item", "The item of this job is not in the catalogue.", final=True)
        if description is None:
            raise StageFailed("not-described", "The item has not been described yet.")
        workdir = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._work))
        try:
            async with self._store.local_path(item.key, version=item.version) as original:
                taken = await self._take(original, description, workdir)
        finally:
            await asyncio.to_thread(shutil.rmtree, workdir)
        for kind, marks in taken.items():
            await self._index.put(Fingerprint(item.id, kind, marks))
        await lease.finish(lambda _: None)
