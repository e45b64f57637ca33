"""Digests with a state that can be saved."""

from __future__ import annotations

import hashlib
import zlib

from hypothesis import given
from hypothesis import strategies as st

from ingest.hashing import RunningFixity


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(0, 8))
def test_a_resumed_digest_equals_an_unbroken_one(pieces: list[bytes], cut: int) -> None:
    first = RunningFixity()
    first.update(pieces[:cut])
    second = RunningFixity(first.state(), first.crc32)
    second.update(pieces[cut:])
    data = b"".join(pieces)
    assert second.hexdigest() == hashlib.sha256(data).hexdigest() == second.hexdigest()
    assert second.crc32 == zlib.crc32(data)


def test_pieces_longer_than_one_feed() -> None:
    data = bytes(range(256)) * 10_000
    fixity = RunningFixity()
    fixity.update([data])
    assert fixity.hexdigest() == hashlib.sha256(data).hexdigest()
