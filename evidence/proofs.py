"""Proofs that events are in the custody log, as they are handed out (docs/formats/log.md §5). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence.canonical import Json

ITEM_PROOF_VERSION = "custos/item-proof/1"


@dataclass(frozen=True, slots=True)
class ProvenEvent:
    """A leaf with its proof (c2sp.org/tlog-proof), and what its event's `detail` commits to, if kept."""

    leaf: bytes
    proof: str
    salt: bytes | None
    detail: bytes | None


@dataclass(frozen=True, slots=True)
class ItemProof:
    """An item's events in the log, oldest first; `waiting` counts those that are not in it yet.

    `key` and `checkpoint` are empty before there is a log.
    """

    item_id: str
    key: str
    checkpoint: str
    events: Sequence[ProvenEvent]
    waiting: int


def as_json(proof: ItemProof) -> dict[str, Json]:
    """`custos/item-proof/1` (docs/formats/log.md)."""
    return {
        "v": ITEM_PROOF_VERSION,
        "item": proof.item_id,
        "key": proof.key,
        "waiting": proof.waiting,
        "events": [
            {
                "leaf": one.leaf.decode(),
                "proof": one.proof,
                "salt": None if one.salt is None else one.salt.hex(),
                "detail": None if one.detail is None else one.detail.decode(),
            }
            for one in proof.events
        ],
    }
