"""The Merkle tree of RFC 6962 §2.1: hashes, and which of them make a root or a proof. Pure.

A *node* is a perfect subtree, named by its level (0: a leaf) and its number among those of the level. A
*span* of leaves is one node or several of falling size, whose hash they make together. Invariants: hashes are
SHA-256; leaves and nodes are hashed with different first bytes, so that no node passes for a leaf; a tree
only grows to the right, so a node once complete never changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

HASH_BYTES = 32
#: MTH of no leaves.
EMPTY_ROOT = hashlib.sha256(b"").digest()


class Node(NamedTuple):
    """The leaves `[number * 2**level, (number + 1) * 2**level)`."""

    level: int
    number: int


class Span(NamedTuple):
    """The leaves `[begin, end)`; `begin` is a multiple of the largest power of two below their count."""

    begin: int
    end: int


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def nodes_of(span: Span) -> list[Node]:
    """The largest perfect subtrees that make up the span, from left to right."""
    found = []
    begin = span.begin
    while begin < span.end:
        level = (span.end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        found.append(Node(level, begin >> level))
        begin += 1 << level
    return found


def joined(hashes: Sequence[bytes]) -> bytes:
    """The hash of a span from those of its nodes, left to right; the root of an empty tree from none."""
    if not hashes:
        return EMPTY_ROOT
    made = hashes[-1]
    for left in reversed(hashes[:-1]):
        made = node_hash(left, made)
    return made


def hash_of(span: Span, known: Mapping[Node, bytes]) -> bytes:
    """The hash of a span; raises KeyError for a node that is not known."""
    return joined([known[node] for node in nodes_of(span)])


def _split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def inclusion_spans(index: int, size: int) -> list[Span]:
    """PATH(index, D[size]) of RFC 6962 §2.1.1, the leaf's sibling first; raises ValueError."""
    if not 0 <= index < size:
        raise ValueError("the leaf lies outside the tree")
    found: list[Span] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            found.append(Span(middle, end))
            end = middle
        else:
            found.append(Span(begin, middle))
            begin = middle
    return found[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """PROOF(old, D[new]) of RFC 6962 §2.1.2; empty where there is nothing to prove. Raises ValueError."""
    if not 0 <= old <= new:
        raise ValueError("a tree does not shrink")
    if old in (0, new):
        return []
    found: list[Span] = []
    begin, end = 0, new
    is_whole = True
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            found.append(Span(middle, end))
            end = middle
        else:
            found.append(Span(begin, middle))
            begin, is_whole = middle, False
    if not is_whole:
        found.append(Span(begin, end))
    return found[::-1]


def root_by_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that the proof leads to from the hash of a leaf; raises ValueError for a wrong length."""
    spans = inclusion_spans(index, size)
    if len(spans) != len(proof):
        raise ValueError("the proof has another length than one of this leaf")
    made = leaf
    for span, other in zip(spans, proof, strict=True):
        made = node_hash(other, made) if span.end <= index else node_hash(made, other)
    return made


def require_consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raises ValueError unless the proof shows that the tree of `new` leaves begins with that of `old`."""
    spans = consistency_spans(old, new)
    if len(spans) != len(proof):
        raise ValueError("the proof has another length than one of these sizes")
    if old == 0:
        if old_root != EMPTY_ROOT:
            raise ValueError("an empty tree has another root")
        return
    if old == new:
        if old_root != new_root:
            raise ValueError("one size has two roots")
        return
    old_made, new_made = _roots_by(old, spans, proof, old_root)
    if old_made != old_root:
        raise ValueError("the proof does not lead to the old root")
    if new_made != new_root:
        raise ValueError("the proof does not lead to the new root")


def _roots_by(
    old: int, spans: Sequence[Span], proof: Sequence[bytes], old_root: bytes
) -> tuple[bytes, bytes]:
    """Both roots that a consistency proof leads to; where it holds no seed of its own, from `old_root`."""
    # From the bottom up: what lies left of a joint is in both, what lies right only in the new.
    path = list(zip(spans, proof, strict=True))
    if _holds_seed(old, spans):
        seed, path = proof[0], path[1:]
    else:
        seed = old_root
    old_made = new_made = seed
    for span, other in path:
        if span.begin >= old:
            new_made = node_hash(new_made, other)
        else:
            old_made, new_made = node_hash(other, old_made), node_hash(other, new_made)
    return old_made, new_made


def _holds_seed(old: int, spans: Sequence[Span]) -> bool:
    """Whether the proof begins with a part of the old tree, and not with what lies beside the whole of it."""
    first = spans[0]
    return first.end == old and (len(spans) == 1 or first.begin > 0)


def begins_with(old: int, new: int, new_root: bytes, proof: Sequence[bytes]) -> bytes | None:
    """The root of the first `old` leaves of the tree of `new` leaves, as the proof shows it.

    None where it shows none: it does not lead to the new root, or it is one that takes the old root as given.
    """
    spans = consistency_spans(old, new)
    if not spans or len(spans) != len(proof) or not _holds_seed(old, spans):
        return None
    old_made, new_made = _roots_by(old, spans, proof, b"")
    return old_made if new_made == new_root else None


@dataclass(slots=True)
class Frontier:
    """The right edge of a growing tree: all that is needed to append, and to tell the root."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> list[tuple[Node, bytes]]:
        """Take in the hash of the next leaf; the nodes that it completes, the leaf first."""
        node, made = Node(0, self.size), leaf
        completed = [(node, made)]
        while node.number & 1:
            made = node_hash(self.peaks.pop(), made)
            node = Node(node.level + 1, node.number >> 1)
            completed.append((node, made))
        self.peaks.append(made)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """MTH of all leaves so far."""
        return joined(self.peaks)
