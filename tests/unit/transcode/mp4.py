"""Builds small fragmented MP4 files, box by box."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box with a 32-bit length."""
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def track(number: int, kind: bytes, timescale: int) -> bytes:
    """A `trak` with the little that is read of it."""
    return box(
        b"trak",
        box(b"tkhd", bytes(12), struct.pack(">I", number), bytes(8)),
        box(
            b"mdia",
            box(b"mdhd", bytes(12), struct.pack(">II", timescale, 0), bytes(4)),
            box(b"hdlr", bytes(8), kind, bytes(12)),
        ),
    )


def header(*tracks: bytes, default_durations: Sequence[tuple[int, int]] = ()) -> bytes:
    """`ftyp` and `moov`."""
    trexes = [box(b"trex", bytes(4), struct.pack(">IIIII", n, 1, d, 0, 0)) for n, d in default_durations]
    return box(b"ftyp", b"isom", bytes(4)) + box(b"moov", *tracks, box(b"mvex", *trexes))


def run(number: int, start: int | None, durations: Sequence[int]) -> bytes:
    """A `traf` with a duration for every sample."""
    parts = [box(b"tfhd", bytes(4), struct.pack(">I", number))]
    if start is not None:
        parts.append(box(b"tfdt", b"\1\0\0\0", struct.pack(">Q", start)))
    table = b"".join(struct.pack(">II", duration, 1) for duration in durations)
    parts.append(box(b"trun", struct.pack(">II", 0x300, len(durations)), table))
    return box(b"traf", *parts)


def default_run(number: int, start: int, samples: int) -> bytes:
    """A `traf` whose samples all last as long as the defaults say."""
    return box(
        b"traf",
        box(b"tfhd", bytes(4), struct.pack(">I", number)),
        box(b"tfdt", bytes(4), struct.pack(">I", start)),
        box(b"trun", struct.pack(">II", 0, samples)),
    )


def fragment(*runs: bytes, payload: int = 10) -> bytes:
    """`moof` and `mdat`."""
    return box(b"moof", box(b"mfhd", bytes(8)), *runs) + box(b"mdat", bytes(payload))
