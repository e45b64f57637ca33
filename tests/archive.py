"""An index of fingerprints with names instead of identifiers, and the marks of any file."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from evidence.copies import CopyMatch, Fingerprint, FingerprintKind, Mark
from evidence.ids import new_id
from storage.fingerprints.index import DiskFingerprintIndex
from transcode.bench import Bench, Program
from transcode.fingerprints import CLOSELY_UP_TO_MS, Fingerprinter
from transcode.probe import look_inside
from transcode.tools import SandboxedTools

NOW = datetime(2026, 11, 22, tzinfo=UTC)

Marks = Mapping[FingerprintKind, Sequence[Mark]]


async def taken(path: Path, workdir: Path, closely_up_to_ms: int = CLOSELY_UP_TO_MS) -> Marks:
    """The marks of a file, as a worker would take them."""
    said = await SandboxedTools("prefer").describe(path, "", "")
    with path.open("rb") as file:
        inside = look_inside(file)
    bench = Bench("prefer", "bwrap", 30.0)
    fingerprinter = Fingerprinter(bench, Program.found("ffmpeg"), closely_up_to_ms)
    return await fingerprinter.take(path, inside, said.as_json(), workdir)


class Archive:
    """An index and the names of items in it; what else is there is passed over."""

    def __init__(self, index: Path, workdir: Path, names: Mapping[str, str] | None = None) -> None:
        self._workdir = workdir
        self._index = DiskFingerprintIndex(index)
        self._names = dict(names or {})

    async def add(self, path: Path, closely_up_to_ms: int = CLOSELY_UP_TO_MS) -> None:
        """Take the marks of a file and keep them."""
        item_id = new_id(NOW)
        self._names[item_id] = path.name
        for kind, marks in (await taken(path, self._workdir, closely_up_to_ms)).items():
            await self._index.put(Fingerprint(item_id, kind, marks))

    async def copies_of(self, path: Path) -> dict[tuple[str, FingerprintKind], CopyMatch]:
        """What is like a file, each by its name and the kind of mark that tells."""
        return await self.like(await taken(path, self._workdir))

    async def like(self, marks: Marks) -> dict[tuple[str, FingerprintKind], CopyMatch]:
        """What is like marks that are not kept."""
        found = {}
        for kind, row in marks.items():
            for match in await self._index.matches(Fingerprint(new_id(NOW), kind, row), 100):
                if match.item_id in self._names:
                    found[self._names[match.item_id], kind] = match
        return found

    async def among_themselves(self) -> set[frozenset[str]]:
        """Pairs of names that are taken for copies of each other."""
        pairs = set()
        for item_id, kind in itertools.product(self._names, FingerprintKind):
            asked = await self._index.of(item_id, kind)
            if asked is not None:
                for match in await self._index.matches(asked, 100):
                    if match.item_id in self._names:
                        pairs.add(frozenset((self._names[item_id], self._names[match.item_id])))
        return pairs
