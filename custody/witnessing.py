"""What a witness says to a checkpoint that it is shown (c2sp.org/tlog-witness). Pure.

Invariant: of any two trees of one log to which `decide` agrees, each time from what it agreed to before, one
is the beginning of the other. Whoever keeps the state therefore has to keep it before the answer leaves, and
never to go back.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from custody.notes import (
    Note,
    VerifierKey,
    parse_base64,
    parse_checkpoint,
    parse_note,
    parse_size,
    require_signed,
)
from custody.tree import EMPTY_ROOT, HASH_BYTES, begins_with, require_consistent
from evidence.canonical import Json
from evidence.timekeeping import to_text

FORK_VERSION = "custos/log-fork/1"
#: A consistency proof has at most so many hashes.
MOST_HASHES = 63


@dataclass(frozen=True, slots=True)
class Kept:
    """The head that a witness cosigned last: the note has the log's signatures and nobody else's."""

    size: int
    root: bytes
    note: str


#: Of a log that it never cosigned.
NOTHING_KEPT = Kept(0, EMPTY_ROOT, "")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size that the witness is thought to have, the way from there, and the signed head."""

    old: int
    proof: Sequence[bytes]
    note: str

    def __str__(self) -> str:
        hashes = "".join(base64.b64encode(one).decode() + "\n" for one in self.proof)
        return f"old {self.old}\n{hashes}\n{self.note}"


def parse_request(text: str) -> AddCheckpoint:
    """The inverse; raises ValueError for what is none."""
    top, blank, note = text.partition("\n\n")
    first, *lines = top.split("\n")
    word, _, size = first.partition(" ")
    if word != "old" or not blank or len(lines) > MOST_HASHES:
        raise ValueError("not a request to add a checkpoint")
    proof = [parse_base64(line) for line in lines]
    if any(len(one) != HASH_BYTES for one in proof):
        raise ValueError("a hash of the proof is no SHA-256")
    return AddCheckpoint(parse_size(size), proof, note)


@dataclass(frozen=True, slots=True)
class Agreed:
    """The head follows from what was kept: keep this durably, then cosign `text`."""

    kept: Kept
    text: str


@dataclass(frozen=True, slots=True)
class StandsAt:
    """The witness has cosigned a tree of another size than the one that was named."""

    size: int


@dataclass(frozen=True, slots=True)
class Fork:
    """Two heads that one log has signed, of which neither begins with the other.

    Where the sizes differ `proof` leads from the offered tree to a beginning that is not the kept one.
    """

    kept: str
    offered: str
    proof: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Forked:
    """Refused, and proven: the log's own signatures tell against it."""

    fork: Fork
    stands_at: StandsAt | None


@dataclass(frozen=True, slots=True)
class Inconsistent:
    """Refused: the proof does not lead from what is kept to what is offered. It proves nothing by itself."""

    kept: Kept
    offered: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Refused: a log that this witness does not know."""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Refused: not signed by a key of that log."""


Refusal: TypeAlias = StandsAt | Forked | Inconsistent | Unknown | Unsigned


def origin_of(request: AddCheckpoint) -> str:
    """Whose head is offered; raises ValueError where it is none."""
    return parse_checkpoint(parse_note(request.note).text).origin


def kept_of(note: str, keys: Sequence[VerifierKey]) -> Kept:
    """What is kept, read again from the note; raises ValueError where the log did not sign it."""
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.text)
    signed = _only_signed_by(parsed, [key for key in keys if key.name == checkpoint.origin])
    if signed is None:
        raise ValueError("the kept head is not signed by its log")
    return Kept(checkpoint.size, checkpoint.root, signed)


def decide(request: AddCheckpoint, keys: Sequence[VerifierKey], kept: Kept) -> Agreed | Refusal:
    """What to answer, given what was kept of this log.

    `keys` are those of all logs that the witness knows. Raises ValueError for a request that is malformed,
    or whose old size is beyond its checkpoint's.
    """
    note = parse_note(request.note)
    offered = parse_checkpoint(note.text)
    own = [key for key in keys if key.name == offered.origin]
    if not own:
        return Unknown()
    signed = _only_signed_by(note, own)
    if signed is None:
        return Unsigned()
    if request.old > offered.size:
        raise ValueError("the old size is larger than the checkpoint's")
    stands_at = None if request.old == kept.size else StandsAt(kept.size)
    if offered.size == kept.size and offered.root != kept.root and kept.note:
        # A proof whatever old size was named; asked again with the right one, it is refused as a fork.
        return Forked(Fork(kept.note, signed, ()), stands_at)
    if stands_at is not None:
        return stands_at
    if offered.size == kept.size and offered.root != kept.root:
        return Inconsistent(kept, signed)
    try:
        require_consistent(kept.size, kept.root, offered.size, offered.root, request.proof)
    except ValueError:
        begun = begins_with(kept.size, offered.size, offered.root, request.proof)
        if begun is not None and begun != kept.root and kept.note:
            return Forked(Fork(kept.note, signed, request.proof), None)
        return Inconsistent(kept, signed)
    return Agreed(Kept(offered.size, offered.root, signed), note.text)


def _only_signed_by(note: Note, keys: Sequence[VerifierKey]) -> str | None:
    """The note with the signatures of these keys alone: others' could make any number of notes of one.

    None where there is none, or one of them does not hold.
    """
    found = []
    for key in keys:
        own = [one for one in note.signatures if (one.name, one.key_id) == (key.name, key.id)]
        if own:
            try:
                require_signed(note, key)
            except ValueError:
                return None
            found.append(own[0])
    return str(Note(note.text, tuple(found))) if found else None


def as_json(fork: Fork, seen_at: datetime) -> dict[str, Json]:
    """`custos/log-fork/1` (docs/formats/log.md)."""
    return {
        "v": FORK_VERSION,
        "kept": fork.kept,
        "offered": fork.offered,
        "proof": [base64.b64encode(one).decode() for one in fork.proof],
        "seen_at": to_text(seen_at),
    }
