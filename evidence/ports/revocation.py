"""Which revocation lists are wanted, and which are kept: the catalogue's side."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from evidence.revocation import KeptList, ListSource, WantedList


class Revocation(Protocol):
    """A queue of lists to fetch, and an index of those that lie in the store."""

    def want(self, sources: Collection[ListSource], at: datetime) -> None:
        """Tokens of that time need these; repeatable."""
        ...

    def due(self, now: datetime) -> Sequence[WantedList]:
        """Those to fetch now: for tokens younger than the last fetch, and not tried a moment ago."""
        ...

    def tried(self, source: ListSource, at: datetime) -> None:
        """Note that it was asked for, whatever comes of it."""
        ...

    def keep(self, source: ListSource, found: KeptList) -> None:
        """Note that it was fetched and lies in the store; repeatable."""
        ...

    def around(self, urls: Collection[str], at: datetime) -> Sequence[KeptList]:
        """Of each address the list that was in force at `at` as far as we know, and the first one after."""
        ...
