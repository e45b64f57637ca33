"""Files of the custody log, or of the journal, below a directory of the filesystem store.

Full tiles and bundles are committed like originals: create-only and locked. What is not full yet, and the
head, are written beside, synced and renamed, so that a reader finds the old or the new and a crash
leaves one of them. The head is exchanged under a lock that the kernel drops with its holder.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from evidence.keys import is_key
from storage.objects.disk import replacing, storage_error, sync_directory
from storage.objects.filesystem import FilesystemStore
from storage.objects.heads import LOG, Files, replaced


class LogFiles:
    """`evidence.ports.log.LogStore` below `root`, beside the originals of `store`."""

    def __init__(self, root: Path, store: FilesystemStore, files: Files = LOG) -> None:
        self._store = store
        self._files = files
        self._directory = root / "objects" / files.prefix
        self._incoming = root / "incoming"
        self._exclusion = root / f"{files.prefix}.lock"

    def _path(self, path: str) -> Path:
        if not is_key(path):
            raise ValueError("not a path of the log")
        self._store.require_mounted()
        return self._directory / path

    async def put(self, path: str, data: bytes, locked_until: datetime) -> None:
        """See the port."""
        await self._store.put(f"{self._files.prefix}/{path}", data, locked_until=locked_until)

    async def replace(self, path: str, data: bytes) -> None:
        """See the port."""
        await asyncio.to_thread(self._replace, path, data)

    async def drop(self, path: str) -> None:
        """See the port."""
        await asyncio.to_thread(self._drop, path)

    async def read(self, path: str) -> bytes | None:
        """See the port."""
        return await asyncio.to_thread(self._read, path)

    async def read_kept(self, path: str) -> bytes | None:
        """See the port: nothing can lie over a file."""
        return await self.read(path)

    async def swap(self, expected: bytes | None, checkpoint: bytes) -> bytes | None:
        """See the port."""
        return await asyncio.to_thread(self._swap, expected, checkpoint)

    def _read(self, path: str) -> bytes | None:
        try:
            return self._path(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise storage_error(error) from error

    def _replace(self, path: str, data: bytes) -> None:
        with replacing(self._path(path), self._incoming / secrets.token_hex(16)) as file:
            file.write(data)

    def _drop(self, path: str) -> None:
        place = self._path(replaced(path))
        try:
            if place.is_dir():
                for part in place.iterdir():
                    part.unlink(missing_ok=True)
                place.rmdir()
            else:
                place.unlink(missing_ok=True)
            sync_directory(place.parent)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise storage_error(error) from error

    def _swap(self, expected: bytes | None, checkpoint: bytes) -> bytes | None:
        self._store.require_mounted()
        with self._alone():
            found = self._read(self._files.head)
            if found != expected:
                return found
            self._replace(self._files.head, checkpoint)
            return checkpoint

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            descriptor = os.open(self._exclusion, os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError as error:
            raise storage_error(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
