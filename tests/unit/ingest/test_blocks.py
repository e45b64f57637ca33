"""How much of each upload is held in memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.receiving import block_bytes


@given(st.integers(1, 128))
def test_all_blocks_together_stay_within_their_budget(uploads: int) -> None:
    assert 256 << 10 <= block_bytes(uploads) <= 4 << 20
    assert block_bytes(uploads) * uploads <= max(16 << 20, uploads * (256 << 10))


def test_an_upload_that_is_alone_gets_large_blocks() -> None:
    assert block_bytes(1) == 4 << 20
