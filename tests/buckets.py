"""A bucket that a test has, with the store in it, its administrator, and what happens to requests."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evidence.ids import new_id
from evidence.keys import original_key
from storage.objects.s3.client import Bucket
from storage.objects.s3.place import Place
from storage.objects.s3.store import S3Store
from tests.s3_server import S3Server

NOW = datetime.now(UTC).replace(microsecond=0)
UNTIL = NOW + timedelta(days=7)
#: One that goes in a request, one that goes in parts.
SIZES = (100_003, 20_000_001)


@dataclass
class Held:
    """A bucket, the store in it, and its administrator."""

    name: str
    bucket: Bucket
    store: S3Store
    admin: Any
    place: Path
    reached: Place

    def staged(self, data: bytes) -> Path:
        path = self.place / new_id(NOW)
        path.write_bytes(data)
        return path

    async def stored(self, size: int = SIZES[0]) -> tuple[str, str, bytes]:
        """Key, version and bytes of something that was committed."""
        data = os.urandom(size)
        key = key_of(data)
        stat = await self.commit(key, data)
        return key, stat.version, data

    async def commit(self, key: str, data: bytes) -> Any:
        sha256 = hashlib.sha256(data).hexdigest()
        return await self.store.commit(
            key, self.staged(data), size=len(data), sha256=sha256, locked_until=UNTIL
        )

    async def read(self, key: str, version: str = "") -> bytes:
        async with self.store.open(key, version=version) as file:
            return await asyncio.to_thread(file.read)

    def versions(self, key: str) -> list[Any]:
        found = self.admin.list_object_versions(Bucket=self.name, Prefix=key)
        return [*found.get("Versions", ())]


def key_of(data: bytes) -> str:
    return original_key(new_id(NOW), hashlib.sha256(data).hexdigest(), NOW)


def opened(s3_server: S3Server, name: str, place: Path, endpoint: str | None = None) -> Held:
    reached = s3_server.place(name, endpoint=endpoint)
    bucket = Bucket(reached)
    # Tried as at a start, before anything else happens to requests; with one bucket for all of a server's.
    bucket._abilities = s3_server.abilities
    s3_server.abilities = bucket.abilities()
    return Held(name, bucket, S3Store(bucket, place / "scratch"), s3_server.administrator(), place, reached)
