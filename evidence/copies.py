"""Fingerprints that survive re-encoding, and what comparing them gives.

A fingerprint is a row of marks along a recording's own time. A video mark is the 256-bit PDQ hash of a
picture, an audio mark a 32-bit term of chromaprint. A match is never proof of identity, only a reason to
look: it says how much of which stretch agrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class FingerprintKind(StrEnum):
    """What was listened to or looked at, and by which method; a changed method is a new kind."""

    VIDEO = "video-pdq-1"
    AUDIO = "audio-chromaprint-1"


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment: milliseconds from the recording's start, and its hash (32 or 4 bytes, big endian)."""

    at_ms: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The marks of one item, ascending in time."""

    item_id: str
    kind: FingerprintKind
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class CopyMatch:
    """A stretch of `item_id` that agrees with a stretch of what was asked about.

    `score` is 0..1000: how many of the marks that could be compared within the stretch agree. `at_ms` is
    where the stretch begins in the found item, `asked_at_ms` where in the asked one, `length_ms` how long
    it is. A score is about the stretch, not about the whole of either recording.
    """

    item_id: str
    kind: FingerprintKind
    score: int
    at_ms: int
    asked_at_ms: int
    length_ms: int
