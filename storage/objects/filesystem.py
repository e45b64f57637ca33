"""The embedded WORM store: one directory tree on one local filesystem.

Order of a commit, and why: (1) the lock's sidecar, so that no moment exists in which the bytes lie there
unlocked; (2) proof that no writer is left, because an open descriptor can still write to a linked 0444
file; (3) chmod 0444 and fsync of the file, so that its bytes are durable before its name; (4) link, which
refuses to overwrite; (5) fsync of the directory, so that the name is durable; (6) unlink of the staging
name and fsync there; (7) the immutable flag, last, since a flagged inode cannot lose its staging name.
The catalogue's row comes after all of it. Every step may be repeated.

Locks and holds are create-only empty files beside the objects (`storage.objects.sidecars`), so that a lock
can only extend. Nothing here removes an original; what does is a class that no service has. What this
protects against is said by `custos doctor`: root can undo all of it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from evidence.errors import Conflict, Unavailable
from evidence.fixity import Digests
from evidence.keys import is_key, is_rendition
from evidence.ports.objects import AlreadyStored, NotStored, ObjectStat, Pace
from storage.objects.disk import (
    make_directories,
    pieces_of,
    set_immutable,
    sha256_of,
    staged_file,
    storage_error,
    sweep_files,
    sync_directory,
)
from storage.objects.rereading import Rereading, reread
from storage.objects.sidecars import Sidecars


class FilesystemStore:
    """`evidence.ports.objects.ObjectStore` below `root`."""

    def __init__(self, root: Path, *, immutable: bool = True, marker: str | None = None) -> None:
        """With `marker` it is on a disk of its own: without that file in `root`, that disk is not mounted."""
        self._root = root
        self._marker = None if marker is None else root / marker
        self._objects = root / "objects"
        self._sidecars = Sidecars(root / "locks")
        self._incoming = root / "incoming"
        self._immutable = immutable
        if self._marker is None:
            self._make()

    def _make(self) -> None:
        for directory in (self._objects, self._root / "locks", self._incoming):
            make_directories(directory)

    def require_mounted(self) -> None:
        """Raise Unavailable("not-mounted"): all would be missed, and made again on the disk below.

        Blocking.
        """
        if self._marker is None:
            return
        if not self._marker.exists():
            raise Unavailable(
                "not-mounted", f"The disk of {self._root} is not mounted: it has no {self._marker.name}."
            )
        self._make()

    def _path(self, key: str) -> Path:
        if not is_key(key):
            raise ValueError("not a key")
        self.require_mounted()
        return self._objects / key

    async def commit(
        self, key: str, staged: Path, *, size: int, sha256: str, locked_until: datetime
    ) -> ObjectStat:
        """See the port."""
        return await asyncio.to_thread(self._commit, key, staged, size, sha256, locked_until)

    async def put(self, key: str, data: bytes, *, locked_until: datetime) -> ObjectStat:
        """See the port."""
        return await asyncio.to_thread(self._put, key, data, locked_until)

    async def put_rendition(self, key: str, source: Path) -> ObjectStat:
        """See the port."""
        return await asyncio.to_thread(self._put_rendition, key, source)

    async def discard_rendition(self, key: str) -> None:
        """See the port."""
        await asyncio.to_thread(self._discard_rendition, key)

    @asynccontextmanager
    async def open(
        self, key: str, *, version: str = "", span: tuple[int, int] | None = None
    ) -> AsyncIterator[BinaryIO]:
        """See the port."""
        path = self._path(key)
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError as error:
            raise NotStored from error
        try:
            yield file
        finally:
            file.close()

    @asynccontextmanager
    async def local_path(self, key: str, *, version: str = "") -> AsyncIterator[Path]:
        """See the port: here the object itself, 0444."""
        await self.stat(key)
        yield self._path(key)

    async def stat(self, key: str, *, version: str = "") -> ObjectStat:
        """See the port."""
        return await asyncio.to_thread(self._stat, key)

    async def extend_lock(self, key: str, until: datetime, *, version: str = "") -> ObjectStat:
        """See the port."""
        return await asyncio.to_thread(self._extend_lock, key, until)

    async def set_hold(self, key: str, held: bool, *, version: str = "") -> None:
        """See the port."""
        await asyncio.to_thread(self._set_hold, key, held)

    async def read_back(self, key: str, pace: Pace | None = None, *, version: str = "") -> Digests:
        """See the port: O_DIRECT where the filesystem has it."""
        try:
            path = self._path(key)
            return await reread(lambda: Rereading(*pieces_of(path)), pace)
        except FileNotFoundError as error:
            raise NotStored from error
        except OSError as error:
            raise storage_error(error) from error

    async def covers(self, key: str, read: Digests, pace: Pace | None = None, *, version: str = "") -> int:
        """See the port: a name has one content here."""
        return 0

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """See the port."""
        for key in await asyncio.to_thread(self._keys, prefix):
            yield key

    async def sweep_unfinished(self, before: datetime) -> int:
        """See the port."""
        self.require_mounted()
        return await asyncio.to_thread(sweep_files, self._incoming, before)

    def _keys(self, prefix: str) -> list[str]:
        keys = (
            str((Path(directory) / name).relative_to(self._objects))
            for directory, _, names in os.walk(self._objects / prefix.rpartition("/")[0])
            for name in names
        )
        return sorted(key for key in keys if key.startswith(prefix))

    def _commit(self, key: str, staged: Path, size: int, sha256: str, locked_until: datetime) -> ObjectStat:
        path = self._path(key)
        try:
            self._sidecars.lock(key, locked_until)
            make_directories(path.parent)
            if path.exists():
                _require(path, size, sha256)
            else:
                self._link(staged, path, size)
            self._settle(path, staged)
        except OSError as error:
            raise storage_error(error) from error
        return self._stat(key)

    def _link(self, staged: Path, path: Path, size: int) -> None:
        with staged_file(staged, size) as descriptor:
            os.fchmod(descriptor, 0o444)
            os.fsync(descriptor)
            os.link(staged, path)

    def _settle(self, path: Path, staged: Path) -> None:
        """Steps 5 to 7, also for an object that an earlier attempt linked and did not make durable."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_directory(path.parent)
        staged.unlink(missing_ok=True)
        sync_directory(staged.parent)
        if self._immutable:
            set_immutable(path)

    def _put(self, key: str, data: bytes, locked_until: datetime) -> ObjectStat:
        path = self._path(key)
        incoming = self._incoming / secrets.token_hex(16)
        try:
            self._sidecars.lock(key, locked_until)
            make_directories(path.parent)
            if not path.exists():
                incoming.write_bytes(data)
                # Whoever puts the same at once may have been faster: what lies there is compared below.
                with suppress(FileExistsError):
                    self._link(incoming, path, len(data))
            if path.read_bytes() != data:
                raise AlreadyStored
            self._settle(path, incoming)
        except OSError as error:
            raise storage_error(error) from error
        finally:
            incoming.unlink(missing_ok=True)
        return self._stat(key)

    def _put_rendition(self, key: str, source: Path) -> ObjectStat:
        path = self._path(key)
        try:
            make_directories(path.parent)
            descriptor = os.open(source, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            source.replace(path)
            sync_directory(path.parent)
        except OSError as error:
            raise storage_error(error) from error
        return self._stat(key)

    def _discard_rendition(self, key: str) -> None:
        path = self._path(key)
        if not is_rendition(key):
            raise ValueError("not a rendition's key")
        if self._sidecars.is_held(key):
            raise Conflict("held", "A hold lies on this rendition in the store.")
        if self._sidecars.locked_until(key) is not None:
            raise Conflict("locked", "This rendition is locked like an original: it was disclosed.")
        try:
            path.unlink(missing_ok=True)
            sync_directory(path.parent)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise storage_error(error) from error

    def _extend_lock(self, key: str, until: datetime) -> ObjectStat:
        found = self._stat(key)
        if found.locked_until is None or found.locked_until < until:
            try:
                self._sidecars.lock(key, until)
            except OSError as error:
                raise storage_error(error) from error
        return self._stat(key)

    def _set_hold(self, key: str, held: bool) -> None:
        self._stat(key)
        try:
            self._sidecars.set_hold(key, held=held)
        except OSError as error:
            raise storage_error(error) from error

    def _stat(self, key: str) -> ObjectStat:
        try:
            size = self._path(key).stat().st_size
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotStored from error
        return ObjectStat(key, size, "", self._sidecars.locked_until(key), self._sidecars.is_held(key))


def _require(path: Path, size: int, sha256: str) -> None:
    if path.stat().st_size != size or sha256_of(path) != sha256:
        raise AlreadyStored
