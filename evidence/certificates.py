"""What a disposal certificate states, version 1 (docs/formats/disposal-certificate.md).

It is written for ever: pseudonymous identifiers, digests, sizes, keys and instants. Unit and reason are
detail, to which it only commits.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime

from evidence.canonical import Json, canonical
from evidence.disposal import CopyOut, Outcome, Proposal, Tombstone, TrustedTime
from evidence.events import detail_digest
from evidence.timekeeping import to_text

CERTIFICATE_VERSION = "custos/disposal-certificate/1"


def encode_certificate(
    proposal: Proposal,
    outcomes: Sequence[Outcome],
    times: Sequence[TrustedTime],
    copies: Mapping[str, Sequence[CopyOut]],
    *,
    certificate_id: str,
    checked_at: datetime,
    issued_at: datetime,
    time_source: str,
) -> bytes:
    """The canonical payload; every item of the proposal is in it, disposed of or spared.

    `copies` by item. `checked_at`: when it was looked and nothing lay under any of the keys.
    """
    gone = sorted((one.tombstone for one in outcomes if one.tombstone is not None), key=_by_item)
    spared = sorted((one.item_id, one.spared) for one in outcomes if one.spared is not None)
    return canonical(
        {
            "v": CERTIFICATE_VERSION,
            "id": certificate_id,
            "proposal": proposal.id,
            "detail": detail_digest(proposal.salt, canonical(proposal.detail)),
            "proposed_by": proposal.proposed_by,
            "proposed_at": to_text(proposal.proposed_at),
            "approvals": [{"agent": one.agent_id, "at": to_text(one.at)} for one in proposal.approvals],
            "items": [_item(one, copies.get(one.item_id, ())) for one in gone],
            "spared": [{"id": item_id, "fate": fate.value} for item_id, fate in spared],
            "trusted_times": [
                {
                    "id": one.id,
                    "at": to_text(one.at),
                    "authority": one.authority,
                    "token": base64.b64encode(one.token).decode(),
                }
                for one in sorted(times, key=lambda one: one.id)
            ],
            "checked": {"at": to_text(checked_at), "found": 0},
            "issued_at": to_text(issued_at),
            "time_source": time_source,
        }
    )


def _by_item(one: Tombstone) -> str:
    return one.item_id


def _item(one: Tombstone, copies: Sequence[CopyOut]) -> Json:
    return {
        "id": one.item_id,
        "sha256": one.sha256,
        "size": one.size,
        "schedule": one.schedule,
        "keys": list(one.keys),
        "disposed_at": to_text(one.at),
        "trusted_time": one.time_id,
        "event": one.event_id,
        "event_digest": one.event_digest,
        "copies": [
            {"event": copy.event, "agent": copy.agent, "kind": copy.kind, "bytes": copy.bytes}
            for copy in copies
        ],
    }
