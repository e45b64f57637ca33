"""The leaf of the custody log, version 1 (docs/formats/leaf.md).

A leaf is an event and its `chains`: for each subject, how many leaves of that subject came before and the
hash of the last one, so that an omitted access shows. The sequencer adds the chains; the event inside
stays as its emitter wrote it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from evidence.canonical import quoted
from evidence.events import parse_event
from evidence.plain_events import plain_subjects

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
    """The leaf's canonical bytes. `chains` must name the event's subjects, each once.

    Raises ValueError for what is no event, or for other chains.
    """
    ordered = sorted(chains, key=lambda link: link.subject)
    if [link.subject for link in ordered] != subjects_of(event):
        raise ValueError("chains and subjects differ")
    return leaf_around(event, chains_text(ordered))


def subjects_of(event: bytes) -> list[str]:
    """The identifiers of an event's subjects, sorted, each once; raises ValueError for what is no event."""
    if isinstance(event, bytes) and (plain := plain_subjects(event)) is not None:
        return plain
    subjects = parse_event(event)["subjects"]
    assert isinstance(subjects, list)
    return sorted({str(subject["id"]) for subject in subjects if isinstance(subject, dict)})


def chains_text(chains: Sequence[ChainLink]) -> bytes:
    """The canonical bytes of `chains`, in their order."""
    # Written by hand, in canonical order: the general encoder takes most of a step. A test holds them equal.
    links = [
        f'{{"prev":{"null" if link.prev is None else quoted(link.prev)},"seq":{link.seq}'
        f',"subject":{quoted(link.subject)}}}'
        for link in chains
    ]
    return f"[{','.join(links)}]".encode()


def leaf_around(event: bytes, chains: bytes) -> bytes:
    """The leaf of an event's bytes and its chains' bytes, both canonical and both as they were written."""
    # The members are in canonical order, so that the event's own bytes stand in the leaf as they are.
    return b'{"chains":' + chains + b',"event":' + event + b',"v":"' + LEAF_VERSION.encode() + b'"}'


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962 §2.1: SHA-256(0x00 ‖ leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()
