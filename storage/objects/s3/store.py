"""Originals, manifests and renditions in a bucket with versioning and Object Lock.

Order of a commit, and why: (1) every version of the key is listed, since a key with a delete marker on top
would be created anew: what an earlier attempt left is found, compared and kept; (2) proof that no writer has
the staged file; (3) bytes and COMPLIANCE lock in one create-only request, or a multipart upload that becomes
an object, locked, with its last request, so that no moment exists in which the bytes lie there unlocked; a
SHA-256 goes with every part, and the store checks it; (4) the lock is read back from the version that was
made; (5) the staged file goes. An answer that was lost is met in (1) or by the refused condition in (3).

What a server does not do (`.abilities`) is done without: where it heeds no condition, nothing is repeated
without (1), and the versions are listed again before (4), of which the first counts; where it locks no upload
in parts, (4) locks it. Nobody hears of a commit before (5).

No credentials that this takes can shorten a lock or remove what is locked, see docs/s3.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, BinaryIO

from evidence.errors import Conflict, Unavailable
from evidence.fixity import Digests
from evidence.keys import CHECKPOINT, TAIL, is_key, is_rendition, is_replaced
from evidence.ports.objects import AlreadyStored, NotStored, ObjectStat, Pace
from storage.objects.disk import (
    CHUNK,
    make_directories,
    staged_file,
    storage_error,
    sweep_files,
    sync_directory,
)
from storage.objects.rereading import Rereading, reread
from storage.objects.s3 import heads
from storage.objects.s3.client import Bucket, InTheWay, Version, is_answer, unavailable
from storage.objects.s3.reading import open_object, open_span
from storage.objects.s3.uploading import COMPLIANCE, lock_arguments, put, upload

#: A store refuses a lock that ends now; clocks may differ by what the start-up check lets pass.
_SHORTEST_LOCK = timedelta(minutes=2)
_KEYS_AT_ONCE = 1_000


class S3Store:
    """`evidence.ports.objects.ObjectStore` in `bucket`; copies for programs that want a path in `scratch`."""

    def __init__(self, bucket: Bucket, scratch: Path) -> None:
        self.bucket = bucket
        self._scratch = scratch
        make_directories(scratch)

    async def commit(
        self, key: str, staged: Path, *, size: int, sha256: str, locked_until: datetime
    ) -> ObjectStat:
        """See the port."""
        return await asyncio.to_thread(self._commit, _checked(key), staged, size, sha256, locked_until)

    async def put(self, key: str, data: bytes, *, locked_until: datetime) -> ObjectStat:
        """See the port."""
        return await asyncio.to_thread(self._put, _checked(key), data, locked_until)

    async def put_rendition(self, key: str, source: Path) -> ObjectStat:
        """See the port."""
        return await asyncio.to_thread(self._put_rendition, _checked(key), source)

    async def discard_rendition(self, key: str) -> None:
        """See the port."""
        await asyncio.to_thread(self._discard_rendition, _checked(key))

    @asynccontextmanager
    async def open(
        self, key: str, *, version: str = "", span: tuple[int, int] | None = None
    ) -> AsyncIterator[BinaryIO]:
        """See the port: ranges are asked for as they are read."""
        is_meant = bool(version) or is_rendition(key)
        if is_meant and span is not None and span[0] < span[1]:
            file = await asyncio.to_thread(open_span, self.bucket, _checked(key), version, span)
        else:
            found = await self.stat(key, version=version)
            file = open_object(self.bucket, key, found.version, found.size)
        try:
            yield file
        finally:
            # Off the loop: a thread may be reading still.
            await asyncio.to_thread(file.close)

    @asynccontextmanager
    async def local_path(self, key: str, *, version: str = "") -> AsyncIterator[Path]:
        """See the port: here a copy, as long as it is used."""
        async with self.open(key, version=version) as file:
            path = await asyncio.to_thread(self._fetch, file)
        try:
            yield path
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def stat(self, key: str, *, version: str = "") -> ObjectStat:
        """See the port."""
        return await asyncio.to_thread(self._stat, _checked(key), version)

    async def extend_lock(self, key: str, until: datetime, *, version: str = "") -> ObjectStat:
        """See the port."""
        return await asyncio.to_thread(self.lock, _checked(key), until, version)

    async def set_hold(self, key: str, held: bool, *, version: str = "") -> None:
        """See the port."""
        await asyncio.to_thread(self.hold, _checked(key), held, version)

    async def read_back(self, key: str, pace: Pace | None = None, *, version: str = "") -> Digests:
        """See the port. "cached": whether the server read its medium, it does not say."""
        async with self.open(key, version=version) as file:
            pieces = iter(partial(file.read, CHUNK), b"")
            return await reread(lambda: Rereading(pieces, "cached"), pace)

    async def covers(self, key: str, read: Digests, pace: Pace | None = None, *, version: str = "") -> int:
        """See the port."""
        listed = await asyncio.to_thread(self.bucket.versions_of, _checked(key))
        meant = version or next((one.id for one in reversed(listed) if not one.is_marker), "")
        return sum([await self._covers(one, read, pace) for one in listed if one.id != meant])

    async def _covers(self, one: Version, read: Digests, pace: Pace | None) -> bool:
        if one.is_marker or one.size != read.size:
            return True
        try:
            return (await self.read_back(one.key, pace, version=one.id)).sha256 != read.sha256
        except NotStored:
            # Taken away meanwhile.
            return False
        except Unavailable as error:
            if not is_answer(error):
                raise
            # Under somebody's own key, or under rights that Custos does not have: nothing of ours.
            return True

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """See the port; what lies below a delete marker is there too."""
        found = self._keys(prefix)
        while some := await asyncio.to_thread(lambda: list(islice(found, _KEYS_AT_ONCE))):
            for key in some:
                yield key

    async def sweep_unfinished(self, before: datetime) -> int:
        """See the port."""
        return await asyncio.to_thread(self._sweep_unfinished, before)

    def _keys(self, prefix: str) -> Iterator[str]:
        for key, versions in groupby(self.bucket.versions(prefix), lambda one: one.key):
            if any(not one.is_marker for one in versions):
                yield key

    def _commit(self, key: str, staged: Path, size: int, sha256: str, locked_until: datetime) -> ObjectStat:
        version = self._earlier(key, size, sha256)
        try:
            if version is None:
                arguments = {"IfNoneMatch": "*", **lock_arguments(lock_of(locked_until))}
                with staged_file(staged, size) as descriptor:
                    try:
                        version = upload(self.bucket, key, descriptor, size, sha256, arguments)
                        version = self._made(key, version, size, sha256)
                    except InTheWay:
                        version = self._in_the_way(key, size, sha256)
            stat = self.lock(key, locked_until, version)
            staged.unlink(missing_ok=True)
            sync_directory(staged.parent)
        except OSError as error:
            raise storage_error(error) from error
        return stat

    def _put(self, key: str, data: bytes, locked_until: datetime) -> ObjectStat:
        sha256 = hashlib.sha256(data).hexdigest()
        version = self._earlier(key, len(data), sha256)
        if version is None:
            try:
                version = put(
                    self.bucket, key, data, {"IfNoneMatch": "*", **lock_arguments(lock_of(locked_until))}
                )
                version = self._made(key, version, len(data), sha256)
            except InTheWay:
                version = self._in_the_way(key, len(data), sha256)
        return self.lock(key, locked_until, version)

    def _earlier(self, key: str, size: int, sha256: str, made: str | None = None) -> str | None:
        """The version that an earlier attempt made, or nothing; raises AlreadyStored for other bytes.

        That of `made` are known.
        """
        found = self.bucket.first_of(key)
        if found is None:
            return None
        if found.id == made:
            return made
        self._require(found, size, sha256)
        return found.id

    def _in_the_way(self, key: str, size: int, sha256: str, made: str | None = None) -> str:
        """The same after the store refused to create; it may be another's write that is not done yet."""
        version = self._earlier(key, size, sha256, made)
        if version is None:
            raise unavailable()
        return version

    def _made(self, key: str, version: str, size: int, sha256: str) -> str:
        """The version that counts after one was made; raises AlreadyStored where another was faster.

        A server that heeds no condition makes a version in any case: the first one counts, here as for
        whoever reads, and stays the first.
        """
        if self.bucket.abilities().creates_once:
            return version
        return self._in_the_way(key, size, sha256, made=version)

    def _require(self, found: Version, size: int, sha256: str) -> None:
        """Every byte is read: what the store remembers of a digest, whoever may write could have said."""
        if found.size == size:
            with open_object(self.bucket, found.key, found.id, found.size) as file:
                digest = hashlib.sha256()
                while piece := file.read(CHUNK):
                    digest.update(piece)
                if digest.hexdigest() == sha256:
                    return
        raise AlreadyStored

    def _put_rendition(self, key: str, source: Path) -> ObjectStat:
        try:
            with source.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                upload(self.bucket, key, file.fileno(), size, None, {})
            self.bucket.drop_older(key)
            stat = self._stat(key, "")
            source.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error) from error
        return stat

    def _discard_rendition(self, key: str) -> None:
        if not is_rendition(key):
            raise ValueError("not a rendition's key")
        versions = self.bucket.versions_of(key)
        for version in versions:
            if version.is_marker:
                continue
            found = self._stat(key, version.id)
            if found.held:
                raise Conflict("held", "A hold lies on this rendition in the store.")
            if found.locked_until is not None:
                raise Conflict("locked", "This rendition is locked like an original: it was disclosed.")
        for version in versions:
            self.bucket.ask("delete_object", Key=key, VersionId=version.id)

    def _fetch(self, file: BinaryIO) -> Path:
        try:
            descriptor, name = tempfile.mkstemp(dir=self._scratch)
            with os.fdopen(descriptor, "wb") as copy:
                try:
                    shutil.copyfileobj(file, copy, CHUNK)
                except BaseException:
                    Path(name).unlink()
                    raise
        except OSError as error:
            raise storage_error(error) from error
        return Path(name)

    def _stat(self, key: str, version: str) -> ObjectStat:
        if not version and not is_rendition(key):
            meant = self._meant(key)
            if meant is None:
                raise NotStored
            version = meant.id
        wanted = {"VersionId": version} if version else {}
        found = self.bucket.ask("head_object", Key=key, **wanted)
        # A lock in another mode is none: whoever has the right to can lift it.
        is_locked = found.get("ObjectLockMode") == COMPLIANCE
        return ObjectStat(
            key,
            found["ContentLength"],
            found.get("VersionId", ""),
            found["ObjectLockRetainUntilDate"].astimezone(UTC) if is_locked else None,
            found.get("ObjectLockLegalHoldStatus") == "ON",
        )

    def _meant(self, key: str) -> Version | None:
        """Without a version: the first, but the newest of what is replaced."""
        if key in (CHECKPOINT, TAIL) and not heads.is_exchanged(self.bucket):
            return heads.newest(self.bucket, key)
        return self.bucket.newest_of(key) if is_replaced(key) else self.bucket.first_of(key)

    def lock(self, key: str, until: datetime, version: str) -> ObjectStat:
        """`extend_lock`, blocking."""
        found = self._stat(key, version)
        if found.locked_until is None or found.locked_until < until:
            self.bucket.ask(
                "put_object_retention",
                Key=key,
                VersionId=found.version,
                Retention={"Mode": COMPLIANCE, "RetainUntilDate": lock_of(until)},
            )
            found = self._stat(key, found.version)
        return found

    def hold(self, key: str, held: bool, version: str) -> None:
        """`set_hold`, blocking."""
        found = self._stat(key, version)
        if found.held != held:
            self.bucket.ask(
                "put_object_legal_hold",
                Key=key,
                VersionId=found.version,
                LegalHold={"Status": "ON" if held else "OFF"},
            )

    def _sweep_unfinished(self, before: datetime) -> int:
        swept = 0
        for one in self._unfinished():
            if one["Initiated"].astimezone(UTC) < before:
                with suppress(NotStored):
                    self.bucket.ask("abort_multipart_upload", Key=one["Key"], UploadId=one["UploadId"])
                swept += 1
        return swept + sweep_files(self._scratch, before)

    def _unfinished(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            page = self.bucket.ask("list_multipart_uploads", **after)
            found += page.get("Uploads", ())
            if not page.get("IsTruncated"):
                return found
            after = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def _checked(key: str) -> str:
    if not is_key(key):
        raise ValueError("not a key")
    return key


def lock_of(until: datetime) -> datetime:
    """`until` in whole seconds, never earlier, and late enough for the store to take it."""
    until = max(until, datetime.now(UTC) + _SHORTEST_LOCK)
    return datetime.fromtimestamp(math.ceil(until.timestamp()), UTC)
