"""Files of the custody log, or of the journal, below a prefix of a bucket.

Full tiles and bundles are committed like originals: create-only and locked. What is not full yet is put
unlocked; the head is put on the condition that the expected one lies there (`If-Match`): the store
decides; where it cannot, the order of its versions does (`storage.objects.s3.heads`). What a replaced file
was before is removed: a version a second would be kept for nothing.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from evidence.keys import is_key
from evidence.ports.objects import NotStored
from storage.objects.heads import LOG, Files, replaced
from storage.objects.s3 import heads
from storage.objects.s3.client import InTheWay, translated, unavailable
from storage.objects.s3.store import S3Store
from storage.objects.s3.uploading import put


class S3Log:
    """`evidence.ports.log.LogStore` in the bucket of `store`."""

    def __init__(self, store: S3Store, files: Files = LOG) -> None:
        self._store = store
        self._files = files
        self._bucket = store.bucket

    async def put(self, path: str, data: bytes, locked_until: datetime) -> None:
        """See the port."""
        await self._store.put(self._key(path), data, locked_until=locked_until)

    async def replace(self, path: str, data: bytes) -> None:
        """See the port."""
        await asyncio.to_thread(self._replace, self._key(path), data)

    async def drop(self, path: str) -> None:
        """See the port: every version of it."""
        await asyncio.to_thread(self._bucket.drop_below, self._key(replaced(path)))

    async def read(self, path: str) -> bytes | None:
        """See the port: the newest; whoever reads the log checks it by its hashes."""
        return await asyncio.to_thread(self._read_replaced, path)

    async def read_kept(self, path: str) -> bytes | None:
        """See the port: the version that was there first, which its lock keeps."""
        try:
            async with self._store.open(self._key(path)) as file:
                return await asyncio.to_thread(file.read)
        except NotStored:
            return None

    async def swap(self, expected: bytes | None, checkpoint: bytes) -> bytes | None:
        """See the port. An answer that was lost shows as `checkpoint` lying there already."""
        return await asyncio.to_thread(self._swap, expected, checkpoint)

    def _read_replaced(self, path: str) -> bytes | None:
        key = self._key(path)
        if path == self._files.head and not heads.is_exchanged(self._bucket):
            return heads.read(self._bucket, key)
        return self._read(key)[0]

    def _read(self, key: str) -> tuple[bytes | None, str]:
        """The bytes, and by which name the store knows them."""
        try:
            found = self._bucket.ask("get_object", Key=key)
            with translated():
                return found["Body"].read(), found["ETag"]
        except NotStored:
            return None, ""

    def _replace(self, key: str, data: bytes) -> None:
        put(self._bucket, key, data, {})
        self._bucket.drop_older(key)

    def _swap(self, expected: bytes | None, checkpoint: bytes) -> bytes | None:
        key = self._key(self._files.head)
        if not self._bucket.abilities().exchanges:
            return heads.swap(self._bucket, key, expected, checkpoint)
        found, name = self._read(key)
        if found != expected:
            return found
        condition = {"IfMatch": name} if found is not None else {"IfNoneMatch": "*"}
        try:
            put(self._bucket, key, checkpoint, {"Metadata": heads.after(expected), **condition})
        except (InTheWay, NotStored):
            found, _ = self._read(key)
            if found == expected:
                raise unavailable() from None
            return found
        self._bucket.drop_older(key)
        return checkpoint

    def _key(self, path: str) -> str:
        if not is_key(path):
            raise ValueError("not a path of the log")
        return f"{self._files.prefix}/{path}"
