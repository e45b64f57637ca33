"""Proofs that events are in the custody log, as they are handed out (docs/formats/log.md §5). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evidence.canonical import Json
from evidence.ports.log import Stamp

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


def first_leaf(proof: ItemProof) -> int | None:
    """The number in the log of the first event that is proven; None where none is."""
    if not proof.events:
        return None
    return int(proof.events[0].proof.split("\n")[1].removeprefix("index "))


def stamp_of(proof: ItemProof, stamps: Iterable[Stamp]) -> Stamp | None:
    """The stamp of the smallest tree that holds that event; None where none of them does.

    A self-asserted one only where nobody else stamped a tree that holds it.
    """
    first = first_leaf(proof)
    holding = [one for one in stamps if first is not None and one.size > first]
    return min(holding, key=lambda one: (one.authority is None, one.size), default=None)


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
