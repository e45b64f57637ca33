"""Proofs that events are in the custody log, as they are handed out (docs/formats/log.md §5). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from evidence.canonical import Json

ITEM_PROOF_VERSION = "custos/item-proof/1"
CASE_PROOF_VERSION = "custos/case-proof/1"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A checkpoint that a time authority has signed: its size, the token's time, and when it was asked.

    `authority` None: nobody outside was asked. The installation's own authority signed, and `time_source` is
    what the server said of its clock then; a stamp by somebody else has none.
    """

    size: int
    at: datetime
    asked_at: datetime
    authority: str | None
    token: bytes
    checkpoint: str
    time_source: str = ""
    #: The policy that the authority was bound to when it signed; None for any of its own.
    policy: str | None = None


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

    @property
    def subject(self) -> str:
        """Whose chain it is."""
        return self.item_id


@dataclass(frozen=True, slots=True)
class ClosedEvent:
    """A leaf of a case's chain that names what is not open to whoever asked: its hash, with its proof."""

    hash: bytes
    proof: str


@dataclass(frozen=True, slots=True)
class CaseProof:
    """A case's own events in the log, oldest first; `waiting` counts those that are not in it yet.

    `key` and `checkpoint` are empty before there is a log.
    """

    case_id: str
    key: str
    checkpoint: str
    chain: Sequence[ProvenEvent | ClosedEvent]
    waiting: int

    @property
    def subject(self) -> str:
        """Whose chain it is."""
        return self.case_id

    @property
    def events(self) -> Sequence[ProvenEvent]:
        """Those that are open."""
        return [one for one in self.chain if isinstance(one, ProvenEvent)]

    @property
    def closed(self) -> int:
        """How many are not."""
        return len(self.chain) - len(self.events)


Proof: TypeAlias = ItemProof | CaseProof


def first_leaf(proof: Proof) -> int | None:
    """The number in the log of the first event that is proven; None where none is."""
    chain = proof.chain if isinstance(proof, CaseProof) else proof.events
    if not chain:
        return None
    return int(chain[0].proof.split("\n")[1].removeprefix("index "))


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
        "events": [_event_as_json(one) for one in proof.events],
    }


def case_as_json(proof: CaseProof) -> dict[str, Json]:
    """`custos/case-proof/1` (docs/formats/export.md)."""
    return {
        "v": CASE_PROOF_VERSION,
        "case": proof.case_id,
        "key": proof.key,
        "waiting": proof.waiting,
        "events": [
            _event_as_json(one)
            if isinstance(one, ProvenEvent)
            else {"hash": one.hash.hex(), "proof": one.proof}
            for one in proof.chain
        ],
    }


def _event_as_json(one: ProvenEvent) -> dict[str, Json]:
    return {
        "leaf": one.leaf.decode(),
        "proof": one.proof,
        "salt": None if one.salt is None else one.salt.hex(),
        "detail": None if one.detail is None else one.detail.decode(),
    }
