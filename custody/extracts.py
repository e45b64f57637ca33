"""What leaves the log with an export: proofs to one head, and the stamps that date what they prove."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from custody.notes import ED25519, VerifierKey
from custody.proofs import consistency_hashes, proven
from evidence.exports import MOST_EVENTS
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.exports import DatedHead
from evidence.ports.log import LogHead
from evidence.proofs import ItemProof

#: The log is at most a second behind; one that stands still is not waited for longer than this.
_LOOKS = 40
_BETWEEN_LOOKS = 0.25


class LogExtracts:
    """`evidence.ports.exports.LogExtracts` over the catalogue."""

    def __init__(self, catalogue: Catalogue, public: bytes) -> None:
        self._catalogue = catalogue
        self._public = public

    async def head_with(self, event_id: str) -> LogHead | None:
        """See the port."""
        for _ in range(_LOOKS):
            head, place = await self._catalogue.read(lambda tx: (tx.log.head(), tx.log.place_of(event_id)))
            if head is not None and place is not None and place < head.published:
                return head
            await asyncio.sleep(_BETWEEN_LOOKS)
        return head if head is not None and head.published else None

    def key(self, head: LogHead) -> str:
        """See the port."""
        return str(VerifierKey(head.origin, ED25519, self._public))

    async def of_item(self, item_id: str, head: LogHead) -> ItemProof:
        """See the port."""
        key = self.key(head)
        return await self._catalogue.read(lambda tx: proven(tx, item_id, head, key, MOST_EVENTS))

    async def dated(self, numbers: Sequence[int], head: LogHead) -> Sequence[DatedHead]:
        """See the port."""

        def look(tx: Transaction) -> list[DatedHead]:
            stamps = [tx.log.first_stamp_of(number) for number in sorted(set(numbers))]
            found = {one.size: one for one in stamps if one is not None and one.size <= head.published}
            return [
                DatedHead(stamp, consistency_hashes(tx, size, head.published))
                for size, stamp in sorted(found.items())
            ]

        return await self._catalogue.read(look)
