"""Made-up fingerprints: seeded recordings in which a moment is like the one before it and like no other."""

from __future__ import annotations

import numpy as np

from evidence.copies import Fingerprint, FingerprintKind, Mark

BYTES = {FingerprintKind.VIDEO: 32, FingerprintKind.AUDIO: 4}
EVERY_MS = {FingerprintKind.VIDEO: 125, FingerprintKind.AUDIO: 124}


def recording(item_id: str, kind: FingerprintKind, seed: int, seconds: float = 20.0) -> Fingerprint:
    """Each mark turns a twelfth of the bits of the one before it."""
    draw = np.random.default_rng(seed)
    count = int(seconds * 1000 / EVERY_MS[kind])
    bits = BYTES[kind] * 8
    first = draw.random((1, bits)) < 0.5
    turns = draw.random((count - 1, bits)) < 1 / 12
    rows = np.logical_xor.accumulate(np.concatenate([first, turns]), axis=0)
    hashes = np.packbits(rows, axis=1)
    marks = [Mark(number * EVERY_MS[kind], row.tobytes()) for number, row in enumerate(hashes)]
    return Fingerprint(item_id, kind, marks)


def steady(item_id: str, kind: FingerprintKind, seed: int, seconds: float = 20.0) -> Fingerprint:
    """One place and time of an everlasting hum: of each mark a tenth of the bits is turned."""
    draw = np.random.default_rng(seed)
    bits = BYTES[kind] * 8
    place = np.random.default_rng(0).random(bits) < 0.5
    rows = place[None, :] ^ (draw.random((int(seconds * 1000 / EVERY_MS[kind]), bits)) < 1 / 10)
    hashes = np.packbits(rows, axis=1)
    marks = [Mark(number * EVERY_MS[kind], row.tobytes()) for number, row in enumerate(hashes)]
    return Fingerprint(item_id, kind, marks)


def copied(
    source: Fingerprint, item_id: str, *, start_s: float = 0, end_s: float = 1e9, turned: float = 0.03
) -> Fingerprint:
    """A stretch of `source` that begins at 0, with a share of all its bits turned, as re-encoding does."""
    draw = np.random.default_rng(len(source.marks))
    start_ms = start_s * 1000
    marks = []
    for mark in source.marks:
        if start_ms <= mark.at_ms < end_s * 1000:
            bits = np.unpackbits(np.frombuffer(mark.data, np.uint8))
            bits ^= draw.random(len(bits)) < turned
            marks.append(Mark(int(mark.at_ms - start_ms), np.packbits(bits).tobytes()))
    return Fingerprint(item_id, source.kind, marks)
