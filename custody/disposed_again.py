"""What the log says was disposed of, in a catalogue that is some seconds older and does not know it.

The tombstones are those of the certificate, where it lies in the store already; it counts if the log has its
digest, or this installation's key has signed it. Without one the disposal goes on where it was: the next run
of `custos dispose` takes trusted time anew, since the token that was lost proves nothing any more.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from custody.certificates import NotProven, signed_statement
from evidence.canonical import parse_canonical
from evidence.disposal import ProposalState, Tombstone, TrustedTime
from evidence.events import event_digest, parse_event
from evidence.keys import certificate_key
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.log import Replayed
from evidence.ports.objects import NotStored, ObjectStore
from evidence.receipts import payload_of
from evidence.timekeeping import from_text


class DisposedAgain:
    """The use case; nothing else may run beside it."""

    def __init__(self, catalogue: Catalogue, store: ObjectStore, public_pem: bytes) -> None:
        self._catalogue = catalogue
        self._store = store
        self._public_pem = public_pem

    async def run(self, disposed: Mapping[str, Replayed], certified: Mapping[str, str]) -> int:
        """Mark the items of `disposed` that are not; how many. Durable on return, repeatable.

        `disposed` has the log's event of each item, `certified` the SHA-256 of each proposal's certificate.
        """
        found: dict[str, list[str]] = defaultdict(list)
        for item_id, event in disposed.items():
            item = await self._catalogue.read(lambda tx, one=item_id: tx.items.get(one))  # type: ignore[misc]
            if item is not None and item.disposed_at is None:
                found[_proposal_of(event)].append(item_id)
        for proposal_id, items in found.items():
            certificate = await self._certificate(proposal_id, certified.get(proposal_id))
            events = {item_id: disposed[item_id] for item_id in items}
            await self._catalogue.write(
                partial(_bury, proposal_id=proposal_id, events=events, certificate=certificate)
            )
        return sum(map(len, found.values()))

    async def _certificate(self, proposal_id: str, digest: str | None) -> str | None:
        try:
            async with self._store.open(certificate_key(proposal_id)) as file:
                data = await asyncio.to_thread(file.read)
        except (NotStored, ValueError):
            return None
        certificate: str = data.decode("utf-8", "replace")
        if hashlib.sha256(data).hexdigest() != digest:
            try:
                signed_statement(certificate, self._public_pem)
            except NotProven:
                return None
        return certificate


def _proposal_of(event: Replayed) -> str:
    subjects: Any = parse_event(event.data)["subjects"]
    return next((str(one["id"]) for one in subjects if one["kind"] == "disposal"), "")


def _bury(tx: Transaction, proposal_id: str, events: Mapping[str, Replayed], certificate: str | None) -> None:
    stated: Any = {} if certificate is None else payload_of(certificate)
    known = {one.id for one in tx.disposals.times(proposal_id)}
    proposal = tx.disposals.get(proposal_id)
    for one in stated.get("trusted_times", ()):
        if proposal is not None and one["id"] not in known:
            token = base64.b64decode(one["token"])
            tx.disposals.add_time(
                proposal_id, TrustedTime(one["id"], token, one["authority"], from_text(one["at"]))
            )
    written = {one["id"]: one for one in stated.get("items", ())}
    for item_id, event in events.items():
        item = tx.items.get(item_id)
        assert item is not None
        told = written.get(item_id)
        detail: Any = {} if event.body is None else parse_canonical(event.body.detail)
        tombstone = Tombstone(
            item_id,
            item.sha256,
            item.size,
            told["schedule"] if told else detail.get("schedule", 0),
            tuple(told["keys"] if told else detail.get("keys", ())),
            from_text(told["disposed_at"]) if told else event.at,
            told["trusted_time"] if told else "",
            event.event_id,
            event_digest(event.data),
        )
        tx.disposals.bury(proposal_id, tombstone)
    if proposal is not None and certificate is not None and proposal.certificate is None:
        carried_out = replace(
            proposal,
            state=ProposalState.CARRIED_OUT,
            finished_at=from_text(stated["issued_at"]),
            certificate=certificate,
        )
        tx.disposals.settle(carried_out)
