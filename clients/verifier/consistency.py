"""That a tree begins with a smaller one (RFC 6962 §2.1.2, checked as RFC 9162 §2.1.4.2 says).

Written from the RFCs; shares no code with the server.
"""

from __future__ import annotations

from collections.abc import Sequence

from clients.verifier.heads import Head, sha256
from clients.verifier.receipt import NotVerified


def verify_beginning(old: Head, new: Head, path: Sequence[bytes], where: str) -> None:
    """Return if the tree of `new` begins with that of `old`; raises NotVerified that names `where`."""
    if not 0 < old.size <= new.size:
        raise NotVerified(f"{where}: a proof of other sizes")
    if old.size == new.size:
        if path or old.root != new.root:
            raise NotVerified(f"{where}: two trees of one size")
        return
    # A perfect smaller tree stands in the larger one as it is: its root begins the proof, and is left out.
    hashes = [old.root, *path] if old.size & (old.size - 1) == 0 else list(path)
    if roots_shown(old.size, new.size, hashes, where) != (old.root, new.root):
        raise NotVerified(f"{where}: the larger tree does not begin with the smaller one, a fork")


def roots_shown(old: int, new: int, hashes: Sequence[bytes], where: str) -> tuple[bytes, bytes]:
    """The roots of the first `old` and of all `new` leaves to which the hashes lead; raises NotVerified.

    Where `old` is a power of two the first of them is taken for the smaller root.
    """
    if not hashes:
        raise NotVerified(f"{where}: the proof is too short")
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            raise NotVerified(f"{where}: the proof is too long")
        if place & 1 or place == last:
            before, after = sha256(b"\x01", other, before), sha256(b"\x01", other, after)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            after = sha256(b"\x01", after, other)
        place, last = place >> 1, last >> 1
    if last:
        raise NotVerified(f"{where}: the proof is too short")
    return before, after
