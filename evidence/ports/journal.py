"""The journal of the catalogue: its rows' changes, and its chunks in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from evidence.journal import Entry, Position


@dataclass(frozen=True, slots=True)
class Changed:
    """Rows that changed, as they are now; `taken` are their places in the queue.

    `is_all`: nothing else waited.
    """

    taken: Sequence[int]
    entries: Sequence[Entry]
    is_all: bool


class JournalRows(Protocol):
    """What the catalogue has for the journal. Every change of a row queues it, in the same transaction."""

    def schema(self) -> str:
        """The newest migration that was applied."""
        ...

    def changed(self, limit: int) -> Changed:
        """What the first `limit` places of the queue are about."""
        ...

    def scan(self, after: Position | None, limit: int) -> tuple[Sequence[Entry], Position | None]:
        """Up to `limit` rows behind `after`, table by table, and where that ends; None: nothing is left."""
        ...

    def forget(self, taken: Sequence[int]) -> None:
        """Take these places from the queue."""
        ...

    def mark(self, name: str) -> str | None:
        """What was kept under that name."""
        ...

    def keep_mark(self, name: str, value: str) -> None:
        """Put it in the place of what was kept."""
        ...

    def waiting(self) -> int:
        """How many places the queue has."""
        ...


class JournalStore(Protocol):
    """Where the chunks lie. Those that are closed are created once and locked; the last one is replaced."""

    async def put(self, number: int, chunk: bytes, locked_until: datetime) -> None:
        """Close it: durable and locked on return. Repeatable; raises AlreadyStored for another."""
        ...

    async def read(self, number: int) -> bytes | None:
        """A closed one, as it was created; None if there is none."""
        ...

    async def tail(self) -> bytes | None:
        """The last one, closed or not."""
        ...

    async def swap_tail(self, expected: bytes | None, chunk: bytes) -> bytes | None:
        """Put `chunk` in the place of `expected`, and return it; where something else lies, that.

        Durable on return; of several that swap at once one succeeds.
        """
        ...

    async def oldest(self) -> int | None:
        """The lowest number that is closed and there still; None before the first."""
        ...

    async def newest(self) -> int | None:
        """The highest number that is closed; None before the first."""
        ...
