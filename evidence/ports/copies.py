"""Where fingerprints are kept and compared. An index is derived: it can be rebuilt from the recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from evidence.copies import CopyMatch, Fingerprint, FingerprintKind


class FingerprintIndex(Protocol):
    """Grows one item at a time; one writer per item at once, any number of readers.

    Raises NoSpace and Unavailable as every storage does.
    """

    async def put(self, fingerprint: Fingerprint) -> None:
        """Keep it, durable on return; one of the same item and kind is replaced. May be repeated."""
        ...

    async def of(self, item_id: str, kind: FingerprintKind) -> Fingerprint | None:
        """What was put last for the item and kind; None if nothing was, or it was dropped."""
        ...

    async def matches(self, asked: Fingerprint, limit: int) -> Sequence[CopyMatch]:
        """The best `limit` items other than the asked one, best first, at most one match an item."""
        ...

    async def drop(self, item_id: str) -> None:
        """Forget an item; nothing happens if it is not there. Durable on return."""
        ...
