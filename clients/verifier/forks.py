"""Checking that a log has forked, `custos/log-fork/1` (docs/formats/log.md §8), offline, and comparing heads.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clients.verifier.heads import Head, PinnedKey, decoded, sha256, verified_head
from clients.verifier.receipt import NotVerified


def verify_fork(document: Mapping[str, Any], keys: Sequence[PinnedKey]) -> str:
    """What the document proves against its log, in a sentence; raises NotVerified.

    `keys` are the pinned keys of the logs that it may speak of.
    """
    try:
        if document["v"] != "custos/log-fork/1":
            raise NotVerified("the document is not a proof of a fork of version 1")
        kept, offered = str(document["kept"]), str(document["offered"])
        proof = hashes_in(document)
    except (KeyError, TypeError, ValueError) as error:
        raise NotVerified("the document is not a proof of a fork of version 1") from error
    key = _key_of(kept, keys)
    first, second = verified_head(kept, key), verified_head(offered, key)
    if first.size == second.size:
        if first.root == second.root:
            raise NotVerified("both heads are of the same tree")
        return f"FORKED: {first.origin} signed two trees of {first.size} leaves each"
    if first.size > second.size:
        raise NotVerified("the kept head is of a larger tree than the one that was offered")
    begun = _begins_with(first.size, second, proof)
    if begun == first.root:
        raise NotVerified("the larger tree begins with the smaller one: that is no fork")
    return (
        f"FORKED: {first.origin} signed a tree of {first.size} leaves, and one of {second.size} leaves that "
        "does not begin with it"
    )


def hashes_in(document: Mapping[str, Any]) -> list[bytes]:
    """The hashes of a document's `proof`, in base64; raises NotVerified."""
    try:
        return [decoded(str(one), "a hash of the proof") for one in document["proof"]]
    except (KeyError, TypeError) as error:
        raise NotVerified("the document holds no proof") from error


def require_one_tree(one: str, other: str, proof: Sequence[bytes], key: PinnedKey) -> None:
    """Raises NotVerified unless both heads are of one tree; `proof` (RFC 6962 §2.1.2) where sizes differ."""
    smaller, larger = sorted((verified_head(one, key), verified_head(other, key)), key=lambda head: head.size)
    if smaller.size == larger.size:
        if smaller.root != larger.root:
            raise NotVerified(f"FORKED: two trees of {smaller.size} leaves each were signed")
        return
    if not smaller.size:
        return
    if not _is_beginning(smaller, larger, proof):
        raise NotVerified(
            f"it is not shown that the tree of {larger.size} leaves begins with the one of {smaller.size}"
        )


def _key_of(note: str, keys: Sequence[PinnedKey]) -> PinnedKey:
    origin = note.partition("\n")[0]
    for key in keys:
        if key.name == origin:
            return key
    raise NotVerified(f"no key of {origin} is pinned")


def _is_beginning(smaller: Head, larger: Head, proof: Sequence[bytes]) -> bool:
    # RFC 9162 §2.1.4.2: a proof from a full tree leaves out that tree's own root.
    path = [smaller.root, *proof] if smaller.size & (smaller.size - 1) == 0 else list(proof)
    return _walked(smaller.size, larger.size, path) == (smaller.root, larger.root)


def _begins_with(size: int, larger: Head, proof: Sequence[bytes]) -> bytes:
    """The root of the first `size` leaves of the larger tree; raises NotVerified where none is shown."""
    if size == 0 or size & (size - 1) == 0:
        # Such a proof takes the smaller root as given: it shows none of its own.
        raise NotVerified("between trees of these sizes a proof shows no other beginning")
    begun, root = _walked(size, larger.size, list(proof))
    if root != larger.root:
        raise NotVerified("the proof does not lead to the larger tree")
    return begun


def _walked(size: int, larger: int, path: list[bytes]) -> tuple[bytes, bytes]:
    """Both roots that a consistency proof leads to (RFC 9162 §2.1.4.2); raises NotVerified."""
    at, last = size - 1, larger - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    if not path:
        raise NotVerified("the proof is empty")
    small = large = path[0]
    for other in path[1:]:
        if last == 0:
            raise NotVerified("the proof is longer than the tree is high")
        if at & 1 or at == last:
            small, large = sha256(b"\x01", other, small), sha256(b"\x01", other, large)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            large = sha256(b"\x01", large, other)
        at, last = at >> 1, last >> 1
    if last:
        raise NotVerified("the proof is shorter than the tree is high")
    return small, large
