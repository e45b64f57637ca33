"""The leaf of the custody log, version 1 (docs/formats/leaf.md).

A leaf is an event and its `chains`: for each subject, how many leaves of that subject came before and the
hash of the last one, so that an omitted access shows. The sequencer adds the chains; the event inside
stays as its emitter wrote it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from evidence.canonical import canonical
from evidence.events import parse_event

LEAF_VERSION = "custos/leaf/1"


@dataclass(frozen=True, slots=True)
class ChainLink:
    """Place of a leaf among those of one subject: `seq` counts from 0, `prev` is the last leaf's hash."""

    subject: str
    seq: int
    prev: str | None

    def __post_init__(self) -> None:
        if self.seq < 0 or (self.seq == 0) != (self.prev is None):
            raise ValueError("the first leaf of a subject, and only it, has no previous one")


def encode_leaf(event: bytes, chains: Sequence[ChainLink]) -> bytes:
    """The leaf's canonical bytes. `chains` must name the event's subjects, each once."""
    parsed = parse_event(event)
    subjects = parsed["subjects"]
    assert isinstance(subjects, list)
    named = sorted(str(subject["id"]) for subject in subjects if isinstance(subject, dict))
    ordered = sorted(chains, key=lambda link: link.subject)
    if [link.subject for link in ordered] != named:
        raise ValueError("chains and subjects differ")
    return canonical(
        {
            "v": LEAF_VERSION,
            "event": parsed,
            "chains": [{"subject": link.subject, "seq": link.seq, "prev": link.prev} for link in ordered],
        }
    )


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962 §2.1: SHA-256(0x00 ‖ leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()
