"""Marks that agree have to line up along one offset, and to change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.copies import FingerprintKind, Mark
from storage.fingerprints.agreement import RULES, Agreement, agreement
from storage.fingerprints.marks import Marks, from_marks
from tests.fingerprints import EVERY_MS, copied, recording, steady

VIDEO, AUDIO = FingerprintKind.VIDEO, FingerprintKind.AUDIO
KINDS = list(FingerprintKind)


def _laid(kind: FingerprintKind, asked: Marks, found: Marks, offset_ms: int) -> Agreement | None:
    return agreement(RULES[kind], asked, found, offset_ms)


@settings(max_examples=40)
@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 10_000),
    start_s=st.floats(0, 12),
    length_s=st.floats(5, 8),
    off_by=st.integers(-100, 100),
)
def test_a_cut_copy_agrees_where_it_was_cut(
    kind: FingerprintKind, seed: int, start_s: float, length_s: float, off_by: int
) -> None:
    source = recording("", kind, seed)
    cut = from_marks(kind, copied(source, "", start_s=start_s, end_s=start_s + length_s).marks)
    found = _laid(kind, cut, from_marks(kind, source.marks), int(start_s * 1000) + off_by)
    assert found is not None
    assert found.score >= 900
    assert abs(found.at_ms - found.asked_at_ms - start_s * 1000) <= 2 * EVERY_MS[kind]
    assert found.length_ms >= 0.9 * (cut.at[-1] - cut.at[0]) - 2 * EVERY_MS[kind]


@settings(max_examples=40)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 10_000), offset_ms=st.integers(-20_000, 20_000))
def test_strangers_never_agree(kind: FingerprintKind, seed: int, offset_ms: int) -> None:
    one = from_marks(kind, recording("", kind, seed).marks)
    other = from_marks(kind, recording("", kind, seed + 20_000).marks)
    assert _laid(kind, one, other, offset_ms) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_does_not_agree_along_another_offset(kind: FingerprintKind) -> None:
    marks = from_marks(kind, recording("", kind, 1).marks)
    assert _laid(kind, marks, marks, 0) is not None
    assert _laid(kind, marks, marks, 3_000) is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_never_changes_is_no_copy(kind: FingerprintKind) -> None:
    first = recording("", kind, 4).marks[0].data
    still = from_marks(kind, [Mark(at, first) for at in range(0, 60_000, 125)])
    assert _laid(kind, still, still, 0) is None


@pytest.mark.parametrize("kind", KINDS)
def test_two_recordings_of_one_hum_are_no_copies_but_a_copy_of_it_is(kind: FingerprintKind) -> None:
    hum = steady("", kind, 1)
    other = from_marks(kind, steady("", kind, 2).marks)
    again = from_marks(kind, copied(hum, "", turned=0.005).marks)
    assert _laid(kind, other, from_marks(kind, hum.marks), 0) is None
    assert _laid(kind, again, from_marks(kind, hum.marks), 0) is not None


def test_the_stretch_ends_where_the_copy_ends() -> None:
    source = recording("", VIDEO, 5, 30)
    stranger = recording("", VIDEO, 6, 30)
    spliced = [*stranger.marks[:80], *source.marks[80:160], *stranger.marks[160:]]
    found = _laid(VIDEO, from_marks(VIDEO, spliced), from_marks(VIDEO, source.marks), 0)
    assert found == Agreement(1000, 80, 10_000, 10_000, 79 * 125)


def test_keyframes_alone_are_laid_beside_a_close_look() -> None:
    source = recording("", VIDEO, 7, 60)
    close = from_marks(VIDEO, source.marks)
    keyframes = close.chosen(np.arange(5, len(close), 33))
    for asked, found in ((close, keyframes), (keyframes, close)):
        agreed = _laid(VIDEO, asked, found, 0)
        assert agreed is not None
        assert (agreed.score, agreed.agreeing) == (1000, len(keyframes))


def test_two_rows_of_keyframes_that_never_meet_say_nothing() -> None:
    close = from_marks(VIDEO, recording("", VIDEO, 8, 60).marks)
    one, other = close.chosen(np.arange(0, len(close), 32)), close.chosen(np.arange(16, len(close), 32))
    assert _laid(VIDEO, one, other, 0) is None


def test_nothing_agrees_with_nothing() -> None:
    nothing = from_marks(VIDEO, [])
    something = from_marks(VIDEO, recording("", VIDEO, 9, 5).marks)
    assert _laid(VIDEO, nothing, something, 0) is None
    assert _laid(VIDEO, something, nothing, 0) is None
    assert _laid(VIDEO, something, something, 1_000_000) is None
