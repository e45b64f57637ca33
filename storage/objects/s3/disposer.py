"""The destroying half of the store in a bucket: every version of what is neither locked nor held.

Nobody but `custos.commands.dispose` imports this (a contract of the import linter), and it takes credentials
of its own: those of the service cannot remove an original's version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from evidence.errors import Conflict
from evidence.items import Item
from evidence.keys import is_key, places_of
from storage.objects.s3.client import Bucket, Version


class S3Disposer:
    """`evidence.ports.disposal.Disposer` in `bucket`.

    Order of a disposal, and why: (1) lock and hold of every version are read, before anything is touched;
    (2) every version but the first goes, then the first, so that a crash leaves what was recorded, or
    nothing; (3) delete markers go last. The store itself refuses what is locked by its own clock or held.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def keys_of(self, item: Item) -> Sequence[str]:
        """See the port."""
        return await asyncio.to_thread(lambda: sorted({one.key for one in self._versions(item)}))

    async def locked_until(self, item: Item) -> datetime | None:
        """See the port."""
        return await asyncio.to_thread(self._locked_until, item)

    async def is_held(self, item: Item) -> bool:
        """See the port."""
        return await asyncio.to_thread(lambda: any(self._state(one)[1] for one in self._versions(item)))

    async def dispose(self, key: str, now: datetime) -> None:
        """See the port; of every version and marker."""
        await asyncio.to_thread(self._dispose, key, now)

    def _versions(self, item: Item) -> Iterator[Version]:
        for place in places_of(item.id, item.key):
            yield from self._bucket.versions(f"{place}/")

    def _locked_until(self, item: Item) -> datetime | None:
        locks = [self._state(one)[0] for one in self._versions(item)]
        return max((one for one in locks if one is not None), default=None)

    def _state(self, version: Version) -> tuple[datetime | None, bool]:
        if version.is_marker:
            return None, False
        found = self._bucket.ask("head_object", Key=version.key, VersionId=version.id)
        until = found.get("ObjectLockRetainUntilDate")
        held = found.get("ObjectLockLegalHoldStatus") == "ON"
        return (until.astimezone(UTC) if until is not None else None), held

    def _dispose(self, key: str, now: datetime) -> None:
        if not is_key(key):
            raise ValueError("not a key")
        versions = self._bucket.versions_of(key)
        for version in versions:
            until, held = self._state(version)
            if until is not None and until > now:
                raise Conflict("locked", "The store still holds this locked.")
            if held:
                raise Conflict("held", "A hold lies on this in the store.")
        for version in sorted(versions, key=lambda one: one.is_marker):
            self._bucket.ask("delete_object", Key=key, VersionId=version.id)
