"""What leaves the log with an export: proofs to one head, and the stamps that date what they prove."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence

from rfc3161_client import decode_timestamp_response

from custody.chains import addresses_in
from custody.notes import (
    ED25519,
    VerifierKey,
    parse_checkpoint,
    parse_key,
    parse_note,
    parse_tlog_proof,
    require_signed,
)  # fmt: skip
from custody.proofs import consistency_hashes, head_shown, keys_document, proven, proven_case
from custody.token_order import in_order
from custody.tree import root_by_inclusion
from evidence.canonical import Json
from evidence.errors import Unavailable
from evidence.exports import MOST_EVENTS
from evidence.leaf import leaf_hash
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.exports import Checked, DatedHead
from evidence.ports.log import LogHead
from evidence.proofs import CaseProof, ItemProof, Proof, ProvenEvent, Stamp
from evidence.revocation import KeptList

#: The log is at most a second behind; one that stands still is not waited for longer than this.
_LOOKS = 40
_BETWEEN_LOOKS = 0.25


class LogExtracts:
    """`evidence.ports.exports.LogExtracts` over the catalogue."""

    def __init__(self, catalogue: Catalogue, public: bytes, *, witnessed: bool) -> None:
        """`witnessed`: enough witnesses are configured for heads to be waited for that they cosigned."""
        self._catalogue = catalogue
        self._public = public
        self._witnessed = witnessed

    async def head_with(self, event_id: str) -> LogHead:
        """See the port."""
        head: LogHead | None = None
        place: int | None = None
        for _ in range(_LOOKS):
            head, cosigned, place = await self._catalogue.read(lambda tx: _found(tx, event_id))
            wanted = cosigned if self._witnessed else head
            if wanted is not None and place is not None and place < wanted.published:
                return wanted
            await asyncio.sleep(_BETWEEN_LOOKS)
        if head is None or place is None or place >= head.published:
            raise Unavailable(
                "log-behind",
                "The custody log does not go on, and an export without it would prove nothing. Look at the "
                "alarms; the export is tried again.",
            )
        # Witnesses that are away hold up no archivist; the checkpoint says who has signed it.
        return head

    def key(self, head: LogHead) -> str:
        """See the port."""
        return str(VerifierKey(head.origin, ED25519, self._public))

    async def keys(self, head: LogHead) -> Mapping[str, Json]:
        """See the port."""
        return await self._catalogue.read(lambda tx: keys_document(tx, head, self.key(head)))

    async def of_item(self, item_id: str, head: LogHead) -> ItemProof:
        """See the port."""
        key = self.key(head)
        return await self._catalogue.read(lambda tx: proven(tx, item_id, head, key, MOST_EVENTS))

    async def of_case(self, case_id: str, head: LogHead) -> CaseProof:
        """See the port."""
        key = self.key(head)
        return await self._catalogue.read(lambda tx: proven_case(tx, case_id, head, key, MOST_EVENTS))

    async def head(self) -> LogHead | None:
        """See the port."""
        head = await self._catalogue.read(lambda tx: tx.log.head())
        return None if head is None or not head.published else head

    async def checked(self, proof: Proof) -> Checked:
        """See the port."""
        return await asyncio.to_thread(_checked, proof)

    async def dated(self, numbers: Sequence[int], head: LogHead) -> Sequence[DatedHead]:
        """See the port."""

        def look(tx: Transaction) -> list[DatedHead]:
            stamps = [_first_stamp(tx, number, head.published) for number in sorted(set(numbers))]
            found = {(one.authority is None, one.size): one for one in stamps if one is not None}
            return [
                DatedHead(stamp, consistency_hashes(tx, stamp.size, head.published), _lists_around(tx, stamp))
                for _, stamp in sorted(found.items())
            ]

        return await self._catalogue.read(look)


def _checked(proof: Proof) -> Checked:
    key = parse_key(proof.key)
    note = parse_note(proof.checkpoint)
    head = parse_checkpoint(note.text)
    failed, unbroken = 0, True
    try:
        require_signed(note, key)
        is_signed = True
    except ValueError:
        is_signed = False
    number: int | None = None
    before: str | None = None
    for event in proof.chain if isinstance(proof, CaseProof) else proof.events:
        hashed = leaf_hash(event.leaf) if isinstance(event, ProvenEvent) else event.hash
        index, hashes, checkpoint = parse_tlog_proof(event.proof)
        try:
            holds = root_by_inclusion(index, head.size, hashed, hashes) == head.root
        except ValueError:
            holds = False
        failed += not (is_signed and holds and checkpoint == proof.checkpoint)
        number = None if number is None else number + 1
        if isinstance(event, ProvenEvent):
            chains = json.loads(event.leaf)["chains"]
            link = next(one for one in chains if one["subject"] == proof.subject)
            if before is not None and (link["prev"] != before or number not in (None, link["seq"])):
                unbroken = False
            number = link["seq"]
        before = hashed.hex()
    root = base64.b64encode(head.root).decode()
    cosigned = sum(one.name != head.origin for one in note.signatures)
    return Checked(head.origin, head.size, root, cosigned, proof.key, failed, unbroken)


def _lists_around(tx: Transaction, stamp: Stamp) -> tuple[KeptList, ...]:
    if stamp.authority is None:
        return ()
    addresses = addresses_in(decode_timestamp_response(in_order(stamp.token)))
    return tuple(tx.revocation.around(addresses, stamp.at))


def _first_stamp(tx: Transaction, number: int, size: int) -> Stamp | None:
    """Of a tree of at most `size` leaves: a time authority's, a self-asserted one where there is none."""
    for self_asserted in (False, True):
        stamp = tx.log.first_stamp_of(number, self_asserted=self_asserted)
        if stamp is not None and stamp.size <= size:
            return stamp
    return None


def _found(tx: Transaction, event_id: str) -> tuple[LogHead | None, LogHead | None, int | None]:
    """The head, the newest that is witnessed, and the event's place."""
    return tx.log.head(), head_shown(tx, witnessed=True), tx.log.place_of(event_id)
