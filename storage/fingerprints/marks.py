"""A fingerprint's marks as arrays, and by which of their bits they are looked up.

Pure. A mark is found by *keys*: 32-bit numbers of which two equal ones say that two marks may agree. A
picture has one key for each of twelve groups of 21 bits of its hash: of two hashes that differ in d bits
at random places some group is whole with near certainty for d = 10, nine times in ten for d = 20, one time
in three for d = 40; a copy has many pictures. A term of sound is its own key, and is also asked for with
each one of its bits turned. Of the terms a quarter is stored, chosen by the term alone, so that both sides
choose alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evidence.copies import FingerprintKind, Mark

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint32]
Bits = npt.NDArray[np.uint64] | npt.NDArray[np.uint32]

#: Milliseconds between pictures by which a recording can be found, and how many bits they differ in.
KEYED_EVERY_MS = 1_000
KEYED_APART_BITS = 16
#: More marks than this are not asked for: evenly chosen ones are.
MOST_ASKED = 16_384

_GROUPS = 12
_GROUP_BITS = 21
_WORD_BITS = 64
_STORED_SHARE = 4
_TERM_BITS = 32
_MIX = np.uint32(0x9E3779B1)


@dataclass(frozen=True, slots=True)
class Marks:
    """n marks: `at` in milliseconds, ascending; `bits` n by 4 words of 64 for pictures, n by 1 of 32."""

    at: Ints
    bits: Bits

    def __len__(self) -> int:
        return len(self.at)

    def chosen(self, which: Ints) -> Marks:
        """The marks at these places."""
        return Marks(self.at[which], self.bits[which])


def width(kind: FingerprintKind) -> int:
    """Bytes in one hash of this kind."""
    return 32 if kind is FingerprintKind.VIDEO else 4


def from_bytes(kind: FingerprintKind, times: bytes, hashes: bytes) -> Marks:
    """Times as little-endian 32-bit numbers, hashes as in `Mark.data`, one after another."""
    at = np.frombuffer(times, "<u4").astype(np.int64)
    if kind is FingerprintKind.VIDEO:
        return Marks(at, np.frombuffer(hashes, ">u8").astype(np.uint64).reshape(-1, 4))
    return Marks(at, np.frombuffer(hashes, ">u4").astype(np.uint32).reshape(-1, 1))


def from_marks(kind: FingerprintKind, marks: Sequence[Mark]) -> Marks:
    """The same of a fingerprint's marks; ValueError for a hash of another kind, or times that go back."""
    if any(len(mark.data) != width(kind) for mark in marks):
        raise ValueError(f"a hash of {kind} has {width(kind)} bytes")
    times = np.array([mark.at_ms for mark in marks], np.int64)
    if len(times) and (times[0] < 0 or times[-1] >= 1 << 32 or (np.diff(times) < 0).any()):
        raise ValueError("marks ascend in time")
    return from_bytes(kind, times.astype("<u4").tobytes(), b"".join(mark.data for mark in marks))


def distances(one: Bits, other: Bits) -> Ints:
    """In how many bits each row differs."""
    differ: Ints = np.bitwise_count(one ^ other).sum(axis=-1, dtype=np.int64)
    return differ


def keyed(kind: FingerprintKind, marks: Marks) -> Ints:
    """Which marks the recording can be found by. A picture that stands still counts once."""
    if kind is FingerprintKind.VIDEO:
        return _changing(marks)
    terms = marks.bits[:, 0].astype(np.uint32)
    fresh = np.ones(len(terms), bool)
    fresh[1:] = terms[1:] != terms[:-1]
    return np.flatnonzero(fresh & _is_stored(_mixed(terms)))


def _changing(marks: Marks) -> Ints:
    chosen: list[int] = []
    due = 0
    for place in range(len(marks)):
        if marks.at[place] < due:
            continue
        if chosen and distances(marks.bits[place], marks.bits[chosen[-1]]) <= KEYED_APART_BITS:
            continue
        chosen.append(place)
        due = int(marks.at[place]) + KEYED_EVERY_MS
    return np.array(chosen, np.int64)


def stored_keys(kind: FingerprintKind, bits: Bits) -> tuple[Keys, Ints]:
    """Keys, and which row each is of, for marks that `keyed` has chosen."""
    if kind is FingerprintKind.VIDEO:
        return _group_keys(bits)
    return _mixed(bits[:, 0].astype(np.uint32)), np.arange(len(bits))


def asked_keys(kind: FingerprintKind, bits: Bits) -> tuple[Keys, Ints]:
    """Keys to ask for, and which row each is of."""
    if kind is FingerprintKind.VIDEO:
        return _group_keys(bits)
    terms = bits[:, 0].astype(np.uint32)
    turned = np.concatenate([[0], np.left_shift(np.uint32(1), np.arange(_TERM_BITS, dtype=np.uint32))])
    keys = _mixed((terms[:, None] ^ turned.astype(np.uint32)[None, :]).ravel())
    rows = np.repeat(np.arange(len(terms)), len(turned))
    stored = _is_stored(keys)
    return keys[stored], rows[stored]


def asked_of(marks: Marks) -> Ints:
    """Which marks are asked for: all, or `MOST_ASKED` of them."""
    if len(marks) <= MOST_ASKED:
        return np.arange(len(marks))
    return np.linspace(0, len(marks) - 1, MOST_ASKED).astype(np.int64)


def _group_keys(bits: Bits) -> tuple[Keys, Ints]:
    """The group's number in the upper bits, what it holds in the lower ones."""
    words = bits.astype(np.uint64, copy=False)
    keys = np.empty((len(bits), _GROUPS), np.uint32)
    for group in range(_GROUPS):
        word, first = divmod(group * _GROUP_BITS, _WORD_BITS)
        held = words[:, word] << np.uint64(first)
        if first + _GROUP_BITS > _WORD_BITS:
            held |= words[:, word + 1] >> np.uint64(_WORD_BITS - first)
        keys[:, group] = (held >> np.uint64(_WORD_BITS - _GROUP_BITS)) | np.uint64(group << 28)
    return keys.ravel(), np.repeat(np.arange(len(bits)), _GROUPS)


def _mixed(terms: Keys) -> Keys:
    """Terms spread over all 32-bit numbers, one to one: neighbouring terms share most of their bits."""
    mixed = terms * _MIX
    mixed = (mixed ^ (mixed >> np.uint32(15))) * _MIX
    return mixed ^ (mixed >> np.uint32(13))


def _is_stored(keys: Keys) -> npt.NDArray[np.bool_]:
    chosen: npt.NDArray[np.bool_] = keys % np.uint32(_STORED_SHARE) == 0
    return chosen
