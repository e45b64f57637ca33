"""A store whose locks and holds go to other stores too; what it has lost is read from these.

What is committed goes to the primary store; copies are made and proven by work of its own
(`custody.replicating`). Certificates of disposals, which outlive what they speak of, are put everywhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from evidence.errors import CustosError
from evidence.fixity import Digests
from evidence.keys import original_digest
from evidence.ports.objects import NotStored, ObjectStat, ObjectStore, Pace

T = TypeVar("T")


class MirroredStore:
    """`evidence.ports.objects.ObjectStore` over a primary store and others."""

    def __init__(self, primary: ObjectStore, others: Sequence[ObjectStore]) -> None:
        self._primary = primary
        self._others = others

    async def commit(
        self, key: str, staged: Path, *, size: int, sha256: str, locked_until: datetime
    ) -> ObjectStat:
        """See the port."""
        return await self._primary.commit(key, staged, size=size, sha256=sha256, locked_until=locked_until)

    async def put(self, key: str, data: bytes, *, locked_until: datetime) -> ObjectStat:
        """See the port."""
        if key.startswith("disposals/"):
            for other in self._others:
                await other.put(key, data, locked_until=locked_until)
        return await self._primary.put(key, data, locked_until=locked_until)

    async def put_rendition(self, key: str, source: Path) -> ObjectStat:
        """See the port."""
        return await self._primary.put_rendition(key, source)

    async def discard_rendition(self, key: str) -> None:
        """See the port."""
        await self._primary.discard_rendition(key)

    @asynccontextmanager
    async def open(
        self, key: str, *, version: str = "", span: tuple[int, int] | None = None
    ) -> AsyncIterator[BinaryIO]:
        """See the port."""
        async with AsyncExitStack() as stack:

            def opened(store: ObjectStore, of: str) -> Awaitable[BinaryIO]:
                return stack.enter_async_context(store.open(key, version=of, span=span))

            yield await self._found(key, opened, version)

    @asynccontextmanager
    async def local_path(self, key: str, *, version: str = "") -> AsyncIterator[Path]:
        """See the port."""
        async with AsyncExitStack() as stack:

            def opened(store: ObjectStore, of: str) -> Awaitable[Path]:
                return stack.enter_async_context(store.local_path(key, version=of))

            yield await self._found(key, opened, version)

    async def stat(self, key: str, *, version: str = "") -> ObjectStat:
        """See the port: of the primary store."""
        return await self._primary.stat(key, version=version)

    async def extend_lock(self, key: str, until: datetime, *, version: str = "") -> ObjectStat:
        """See the port; every copy that there is gets the same lock."""
        stat = await self._primary.extend_lock(key, until, version=version)
        await self._of_others(lambda store: store.extend_lock(key, until))
        return stat

    async def set_hold(self, key: str, held: bool, *, version: str = "") -> None:
        """See the port; every copy that there is is held, or not."""
        try:
            await self._primary.set_hold(key, held, version=version)
        finally:
            await self._of_others(lambda store: store.set_hold(key, held))

    async def read_back(self, key: str, pace: Pace | None = None, *, version: str = "") -> Digests:
        """See the port: of the primary store."""
        return await self._primary.read_back(key, pace, version=version)

    async def covers(self, key: str, read: Digests, pace: Pace | None = None, *, version: str = "") -> int:
        """See the port: in the primary store."""
        return await self._primary.covers(key, read, pace, version=version)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """See the port: of the primary store."""
        async for key in self._primary.keys(prefix):
            yield key

    async def sweep_unfinished(self, before: datetime) -> int:
        """See the port; in every store."""
        swept = await self._primary.sweep_unfinished(before)
        found: list[int] = []

        async def sweep(other: ObjectStore) -> None:
            found.append(await other.sweep_unfinished(before))

        await self._of_others(sweep)
        return swept + sum(found)

    async def _of_others(self, ask: Callable[[ObjectStore], Awaitable[object]]) -> None:
        """Ask each that has the copy; one that does not answer keeps no other from hearing, and is raised."""
        away: CustosError | None = None
        for other in self._others:
            try:
                await ask(other)
            except NotStored:
                continue
            except CustosError as error:
                away = error
        if away is not None:
            raise away

    async def _found(self, key: str, opened: Callable[[ObjectStore, str], Awaitable[T]], version: str) -> T:
        try:
            return await opened(self._primary, version)
        except NotStored:
            if original_digest(key) is None:
                raise
        for other in self._others:
            with suppress(NotStored):
                return await opened(other, "")
        raise NotStored
