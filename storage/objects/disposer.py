"""The destroying half of the embedded store: unlinks what is neither locked nor held.

Nobody but `custos.commands.dispose` imports this (a contract of the import linter): what a server or a worker
does not have, no request and no defect of theirs can use.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from evidence.errors import Conflict, Unavailable
from evidence.items import Item
from evidence.keys import is_key, places_of
from evidence.ports.disposal import Disposer
from storage.objects.disk import set_immutable, storage_error, sync_directory
from storage.objects.sidecars import Sidecars

#: How many directories of a key are not its own: originals/yyyy/mm, renditions, exports, catalogue.
_SHARED_DIRECTORIES = {"originals": 3, "renditions": 1, "exports": 1, "catalogue": 1}


class MirroredDisposer:
    """`evidence.ports.disposal.Disposer` over every store that has copies: none of them keeps any."""

    def __init__(self, disposers: Sequence[Disposer]) -> None:
        self._disposers = disposers

    async def keys_of(self, item: Item) -> Sequence[str]:
        """See the port."""
        found = [await one.keys_of(item) for one in self._disposers]
        return sorted({key for keys in found for key in keys})

    async def locked_until(self, item: Item) -> datetime | None:
        """See the port."""
        locks = [await one.locked_until(item) for one in self._disposers]
        return max((one for one in locks if one is not None), default=None)

    async def is_held(self, item: Item) -> bool:
        """See the port."""
        return any([await one.is_held(item) for one in self._disposers])

    async def dispose(self, key: str, now: datetime) -> None:
        """See the port. A store that refuses keeps the others from being asked: the next run goes on."""
        for one in self._disposers:
            await one.dispose(key, now)


class FilesystemDisposer:
    """`evidence.ports.disposal.Disposer` below the `root` of a `FilesystemStore`.

    Order of a disposal, and why: (1) lock and hold are read, before anything is touched; (2) the immutable
    flag goes, else nothing is unlinked: a crash here leaves the object whole; (3) unlink; (4) fsync of the
    directory, so that the name does not come back after a power cut; (5) directories of the item that are
    empty now go, each made durable in its parent. The sidecars stay: they say until when it was locked.
    """

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._sidecars = Sidecars(root / "locks")

    async def keys_of(self, item: Item) -> Sequence[str]:
        """See the port."""
        return await asyncio.to_thread(lambda: sorted(self._keys(item)))

    async def locked_until(self, item: Item) -> datetime | None:
        """See the port."""
        return await asyncio.to_thread(self._locked_until, item)

    async def is_held(self, item: Item) -> bool:
        """See the port."""
        return await asyncio.to_thread(lambda: any(map(self._sidecars.is_held, self._keys(item))))

    async def dispose(self, key: str, now: datetime) -> None:
        """See the port."""
        await asyncio.to_thread(self._dispose, key, now)

    def _keys(self, item: Item) -> Iterator[str]:
        for place in places_of(item.id, item.key):
            for directory, _, names in os.walk(self._objects / place):
                for name in names:
                    yield str((Path(directory) / name).relative_to(self._objects))

    def _locked_until(self, item: Item) -> datetime | None:
        locks = [self._sidecars.locked_until(key) for key in self._keys(item)]
        return max((one for one in locks if one is not None), default=None)

    def _dispose(self, key: str, now: datetime) -> None:
        if not is_key(key):
            raise ValueError("not a key")
        until = self._sidecars.locked_until(key)
        if until is not None and until > now:
            raise Conflict("locked", "The store still holds this locked.")
        if self._sidecars.is_held(key):
            raise Conflict("held", "A hold lies on this in the store.")
        path = self._objects / key
        try:
            with suppress(FileNotFoundError):
                set_immutable(path, on=False)
                path.unlink()
            with suppress(FileNotFoundError):
                sync_directory(path.parent)
            self._drop_empty(path.parent)
        except PermissionError as error:
            raise Unavailable(
                "not-permitted",
                "This account may not remove what is stored. Run the disposal as the account that owns the "
                "store, with the right to clear the immutable flag (as root, or CAP_LINUX_IMMUTABLE).",
            ) from error
        except OSError as error:
            raise storage_error(error) from error

    def _drop_empty(self, place: Path) -> None:
        """The item's own directories; those that it shares with others stay."""
        parts = place.relative_to(self._objects).parts
        own = _SHARED_DIRECTORIES.get(parts[0], len(parts))
        for depth in range(len(parts), own, -1):
            directory = self._objects.joinpath(*parts[:depth])
            if not directory.is_dir():
                continue
            if any(directory.iterdir()):
                return
            directory.rmdir()
            sync_directory(directory.parent)
