"""Marks as arrays, and the keys that they are found by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.copies import FingerprintKind, Mark
from storage.fingerprints.marks import (
    KEYED_EVERY_MS,
    asked_keys,
    distances,
    from_marks,
    keyed,
    stored_keys,
    width,
)
from tests.fingerprints import copied, recording

KINDS = list(FingerprintKind)


@given(
    kind=st.sampled_from(KINDS),
    marks=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(min_size=32, max_size=32)), max_size=20),
)
def test_every_bit_counts_once_in_a_distance(kind: FingerprintKind, marks: list[tuple[int, bytes]]) -> None:
    rows = [Mark(at, data[: width(kind)]) for at, data in sorted(marks)]
    found = from_marks(kind, rows)
    assert found.at.tolist() == [mark.at_ms for mark in rows]
    for number, mark in enumerate(rows):
        expected = int.from_bytes(mark.data).bit_count()
        assert distances(found.bits[number], np.zeros_like(found.bits[number])) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "marks", [[Mark(0, b"xyz")], [Mark(5, bytes(32)), Mark(4, bytes(32))], [Mark(-1, bytes(32))]]
)
def test_what_is_no_fingerprint_is_refused(kind: FingerprintKind, marks: list[Mark]) -> None:
    rows = [Mark(mark.at_ms, mark.data[: width(kind)]) for mark in marks]
    with pytest.raises(ValueError):
        from_marks(kind, rows)


@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 10_000))
def test_a_mark_is_found_by_its_own_keys(kind: FingerprintKind, seed: int) -> None:
    marks = from_marks(kind, recording("", kind, seed, 5).marks)
    chosen = marks.chosen(keyed(kind, marks))
    keys, _ = stored_keys(kind, chosen.bits)
    asked, _ = asked_keys(kind, marks.bits)
    assert set(keys.tolist()) <= set(asked.tolist())


def test_a_term_is_found_although_one_bit_was_turned() -> None:
    marks = from_marks(FingerprintKind.AUDIO, recording("", FingerprintKind.AUDIO, 1).marks)
    chosen = marks.chosen(keyed(FingerprintKind.AUDIO, marks))
    assert len(chosen) > 5
    keys, _ = stored_keys(FingerprintKind.AUDIO, chosen.bits)
    for bit in range(32):
        turned = chosen.bits ^ np.uint32(1 << bit)
        asked, rows = asked_keys(FingerprintKind.AUDIO, turned)
        found = set(zip(asked.tolist(), rows.tolist(), strict=True))
        assert set(zip(keys.tolist(), range(len(keys)), strict=True)) <= found


def test_most_pictures_are_found_although_twenty_bits_were_turned() -> None:
    source = recording("", FingerprintKind.VIDEO, 2, 60)
    stored = from_marks(FingerprintKind.VIDEO, source.marks)
    asked = from_marks(FingerprintKind.VIDEO, copied(source, "", turned=20 / 256).marks)
    keys, rows = stored_keys(FingerprintKind.VIDEO, stored.bits)
    others, other_rows = asked_keys(FingerprintKind.VIDEO, asked.bits)
    have = set(zip(keys.tolist(), rows.tolist(), strict=True))
    met = {row for key, row in zip(others.tolist(), other_rows.tolist(), strict=True) if (key, row) in have}
    assert len(met) > 0.8 * len(stored)


def test_a_still_picture_and_silence_are_kept_once() -> None:
    still = from_marks(FingerprintKind.VIDEO, [Mark(at, bytes(32)) for at in range(0, 100_000, 125)])
    assert keyed(FingerprintKind.VIDEO, still).tolist() == [0]
    silence = from_marks(FingerprintKind.AUDIO, [Mark(at, b"\0\0\0\0") for at in range(0, 100_000, 124)])
    assert len(keyed(FingerprintKind.AUDIO, silence)) <= 1


def test_a_moving_picture_is_kept_once_a_second() -> None:
    marks = from_marks(FingerprintKind.VIDEO, recording("", FingerprintKind.VIDEO, 3, 30).marks)
    chosen = keyed(FingerprintKind.VIDEO, marks)
    assert 25 <= len(chosen) <= 30
    assert np.diff(marks.at[chosen]).min() >= KEYED_EVERY_MS
