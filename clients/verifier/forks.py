"""Checking that a log has forked, `custos/log-fork/1` (docs/formats/log.md §9), offline, and comparing heads.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clients.verifier.consistency import roots_shown, verify_beginning
from clients.verifier.heads import Head, PinnedKey, decoded, verified_head
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
    try:
        verify_beginning(smaller, larger, proof, "the proof between them")
    except NotVerified as error:
        # A wrong proof shows nothing, neither one tree nor two.
        raise NotVerified(
            f"it is not shown that the tree of {larger.size} leaves begins with the one of {smaller.size}"
        ) from error


def _key_of(note: str, keys: Sequence[PinnedKey]) -> PinnedKey:
    origin = note.partition("\n")[0]
    for key in keys:
        if key.name == origin:
            return key
    raise NotVerified(f"no key of {origin} is pinned")


def _begins_with(size: int, larger: Head, proof: Sequence[bytes]) -> bytes:
    """The root of the first `size` leaves of the larger tree; raises NotVerified where none is shown."""
    if size == 0 or size & (size - 1) == 0:
        # Such a proof takes the smaller root as given: it shows none of its own.
        raise NotVerified("between trees of these sizes a proof shows no other beginning")
    begun, root = roots_shown(size, larger.size, proof, "the fork")
    if root != larger.root:
        raise NotVerified("the proof does not lead to the larger tree")
    return begun
