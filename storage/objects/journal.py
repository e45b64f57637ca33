"""The journal's chunks in any store: closed ones are objects, the last is a head that is exchanged."""

from __future__ import annotations

import asyncio
from datetime import datetime

from evidence.keys import JOURNAL, JOURNAL_TAIL, journal_key, journal_number
from evidence.ports.log import LogStore
from evidence.ports.objects import NotStored, ObjectStore


class StoreJournal:
    """`evidence.ports.journal.JournalStore` over the two ports of a store."""

    def __init__(self, objects: ObjectStore, files: LogStore) -> None:
        """`files` are those below `catalogue/`."""
        self._objects = objects
        self._files = files

    async def put(self, number: int, chunk: bytes, locked_until: datetime) -> None:
        """See the port."""
        await self._objects.put(journal_key(number), chunk, locked_until=locked_until)

    async def read(self, number: int) -> bytes | None:
        """See the port: the version that was there first, whatever somebody put over it."""
        try:
            async with self._objects.open(journal_key(number)) as file:
                return await asyncio.to_thread(file.read)
        except NotStored:
            return None

    async def tail(self) -> bytes | None:
        """See the port."""
        return await self._files.read(JOURNAL_TAIL)

    async def swap_tail(self, expected: bytes | None, chunk: bytes) -> bytes | None:
        """See the port."""
        return await self._files.swap(expected, chunk)

    async def oldest(self) -> int | None:
        """See the port."""
        return min(await self._numbers(), default=None)

    async def newest(self) -> int | None:
        """See the port."""
        return max(await self._numbers(), default=None)

    async def _numbers(self) -> list[int]:
        keys = [key async for key in self._objects.keys(f"{JOURNAL}/")]
        return [number for key in keys if (number := journal_number(key)) is not None]
