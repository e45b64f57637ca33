"""A store copied into a directory that is a store itself: what is new since last time, nothing removed.

Order of a copy, and why, where Custos goes on writing meanwhile: (1) what was made of originals: the log
tells of it a moment after its bytes are there, and a file that no leaf tells of looks like a changed one;
(2) the heads are read; (3) the log, without what stamps a later head: the store keeps a tile that is not full
for a day, and a copy may take longer; (4) all else; (5) the heads are written: whoever finds one finds what
it speaks of.

A file is made beside, synced and renamed, so that a crash leaves none half; an original whose bytes are not
those that its key names is not copied, and an earlier copy of it stays.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from evidence.keys import CHECKPOINT, TAIL, WITNESSED, is_partial, original_digest, stamped_size
from evidence.ports.objects import NotStored, ObjectStat, ObjectStore
from storage.objects.disk import (
    CHUNK,
    make_directories,
    replacing,
    set_immutable,
    storage_error,
)
from storage.objects.sidecars import Sidecars

#: As they are read: neither of the first two speaks of a leaf that the last lacks. Written the other way.
_HEADS = (TAIL, WITNESSED, CHECKPOINT)
_TILES, _BODIES = "log/tile/", "log/bodies/"
_MADE, _LOG = "renditions/", "log/"
#: A tile has 256 of those of the level below.
_HEIGHT, _WIDTH = 8, 256


@dataclass(frozen=True, slots=True)
class Copied:
    """Objects that the store has; those that were copied, and their bytes; originals that were damaged."""

    objects: int = 0
    copied: int = 0
    bytes: int = 0
    damaged: tuple[str, ...] = ()


async def copy_store(
    source: ObjectStore,
    target: Path,
    told: Callable[[Copied], None] = lambda so_far: None,
    *,
    immutable: bool = False,
) -> Copied:
    """Copy what `target`, the root of a store, does not have yet; durable on return, repeatable.

    Locks and holds come along. `told` hears how far it is. Raises NoSpace, Unavailable.
    """
    copy = _Copy(target, immutable)
    await asyncio.to_thread(copy.begin)
    found = Copied()
    async for key in source.keys(_MADE):
        found = await _taken(source, copy, key, found)
        told(found)
    heads = {key: data for key in _HEADS if (data := await _read(source, key)) is not None}
    size = _size_in(heads.get(CHECKPOINT))
    async for key in source.keys(_LOG):
        if key in _HEADS or (stamped_size(key) or 0) > size:
            continue
        if is_partial(key) and not await _is_needed(source, key, size):
            continue
        found = await _taken(source, copy, key, found)
        told(found)
    async for key in source.keys(""):
        if key.startswith((_MADE, _LOG)) or key in _HEADS:
            continue
        found = await _taken(source, copy, key, found)
        told(found)
    for key, data in reversed(heads.items()):
        await asyncio.to_thread(copy.put_head, key, data)
    return replace(found, objects=found.objects + len(heads))


async def _taken(source: ObjectStore, copy: _Copy, key: str, found: Copied) -> Copied:
    """What was found and copied, with one object more."""
    found = replace(found, objects=found.objects + 1)
    try:
        stat = await source.stat(key)
        if not await asyncio.to_thread(copy.has, stat):
            async with source.open(key) as file:
                is_whole = await asyncio.to_thread(copy.take, key, file)
            if not is_whole:
                return replace(found, damaged=(*found.damaged, key))
            found = replace(found, copied=found.copied + 1, bytes=found.bytes + stat.size)
        await asyncio.to_thread(copy.keep, stat)
    except NotStored:
        # It was replaced, or made anew elsewhere, since it was listed.
        pass
    return found


async def damaged_in(root: Path, told: Callable[[int], None] = lambda count: None) -> list[str]:
    """The originals below a copy's root whose bytes are not those that their keys name. Reads all of them."""
    return await asyncio.to_thread(_damaged, root / "objects", told)


async def _read(source: ObjectStore, key: str) -> bytes | None:
    try:
        async with source.open(key) as file:
            return await asyncio.to_thread(file.read)
    except NotStored:
        return None


def _size_in(checkpoint: bytes | None) -> int:
    """Of the tree of a signed head (c2sp.org/tlog-checkpoint); 0 where there is none."""
    lines = (checkpoint or b"").split(b"\n")
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 0


async def _is_needed(source: ObjectStore, key: str, size: int) -> bool:
    """Whether the partial tile is of a tree of that size, or the bundle is there in no other form.

    The store keeps the others for a day, a copy would for ever.
    """
    if key.startswith(_BODIES):
        try:
            await source.stat(key.removesuffix(".part"))
        except NotStored:
            return True
        return False
    level, _, rest = key.removeprefix(_TILES).partition("/")
    number, _, width = rest.partition(".p/")
    try:
        hashes = size >> (_HEIGHT * (0 if level == "entries" else int(level)))
        return (int(number.replace("/", "").replace("x", "")), int(width)) == divmod(hashes, _WIDTH)
    except ValueError:
        # Not one of ours: whoever looks at the copy shall see it too.
        return True


class _DamagedError(Exception):
    """What was read is not what its key names."""


def _require_named(key: str, digest: str) -> None:
    if original_digest(key) not in (None, digest):
        raise _DamagedError


class _Copy:
    """The directory that is written; blocking."""

    def __init__(self, root: Path, immutable: bool) -> None:
        self._objects = root / "objects"
        self._incoming = root / "incoming"
        self._root = root
        self._sidecars = Sidecars(root / "locks")
        self._immutable = immutable

    def begin(self) -> None:
        """Make the directories."""
        try:
            for directory in (self._objects, self._root / "locks", self._incoming):
                make_directories(directory)
        except OSError as error:
            raise storage_error(error) from error

    def has(self, stat: ObjectStat) -> bool:
        """Whether it is there: what is locked never changes; what is not is another if its size is."""
        path = self._objects / stat.key
        # The log's last bundle of bodies grows under its name.
        return path.exists() and path.stat().st_size == stat.size and not stat.key.endswith(".part")

    def take(self, key: str, file: BinaryIO) -> bool:
        """Copy it; False, and nothing is changed, if an original is not what its key names."""
        digest = hashlib.sha256()
        try:
            with replacing(self._objects / key, self._incoming / secrets.token_hex(16)) as copy:
                while piece := file.read(CHUNK):
                    digest.update(piece)
                    copy.write(piece)
                _require_named(key, digest.hexdigest())
                os.fchmod(copy.fileno(), 0o444)
        except _DamagedError:
            return False
        return True

    def keep(self, stat: ObjectStat) -> None:
        """Its lock and its hold."""
        try:
            if stat.locked_until is not None:
                self._sidecars.lock(stat.key, stat.locked_until)
                if self._immutable:
                    set_immutable(self._objects / stat.key, on=True)
            if stat.held != self._sidecars.is_held(stat.key):
                self._sidecars.set_hold(stat.key, held=stat.held)
        except OSError as error:
            raise storage_error(error) from error

    def put_head(self, key: str, data: bytes) -> None:
        """Put it in the place of the one before."""
        with replacing(self._objects / key, self._incoming / secrets.token_hex(16)) as copy:
            copy.write(data)


def _damaged(objects: Path, told: Callable[[int], None]) -> list[str]:
    found, count = [], 0
    for directory, _, names in os.walk(objects / "originals"):
        for name in names:
            path = Path(directory) / name
            key = str(path.relative_to(objects))
            expected = original_digest(key)
            if expected is None:
                continue
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                    found.append(key)
            count += 1
            told(count)
    return sorted(found)
