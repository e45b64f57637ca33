"""The edit lists of an MP4 or QuickTime file (ISO/IEC 14496-12 §8.6.6), as written.

Reads box headers and `moov` alone. Every fault of the file is a ValueError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from transcode.boxes import Fields, body_of, children, claimed_boxes, size_of

#: An edit list of a recording has a few entries; more are counted.
MOST_ENTRIES = 100


@dataclass(frozen=True, slots=True)
class EditList:
    """One track's. Each entry is (segment duration in the movie's ticks, media time, rate × 65536)."""

    track: int
    movie_timescale: int
    entries: tuple[tuple[int, int, int], ...]
    left_out: int = 0


def edit_lists(file: BinaryIO) -> list[EditList]:
    """Every track's edit list; empty where there is no `moov` or no track has one."""
    for box in claimed_boxes(file, 0, size_of(file)):
        if box.kind == b"moov":
            return _of_movie(body_of(file, box))
    return []


def _of_movie(moov: bytes) -> list[EditList]:
    timescale = 0
    found: list[EditList] = []
    number = 0
    for kind, body in children(moov):
        if kind == b"mvhd":
            fields = Fields(body)
            version, _ = fields.version_and_flags()
            fields.take(16 if version else 8)
            timescale = fields.u32()
        elif kind == b"trak":
            number += 1
            inside = dict(children(body))
            if b"edts" in inside and (elst := dict(children(inside[b"edts"])).get(b"elst")) is not None:
                found.append(_entries(number, elst))
    return [EditList(one.track, timescale, one.entries, one.left_out) for one in found]


def _entries(track: int, elst: bytes) -> EditList:
    fields = Fields(elst)
    version, _ = fields.version_and_flags()
    count = fields.u32()
    width = 20 if version else 12
    if count * width > len(elst):
        raise ValueError("an edit list that is longer than its box")
    entries = []
    for _ in range(min(count, MOST_ENTRIES)):
        duration = fields.u64() if version else fields.u32()
        at = fields.u64() if version else fields.u32()
        top = 1 << (63 if version else 31)
        entries.append((duration, at - 2 * top if at >= top else at, fields.u32()))
    return EditList(track, 0, tuple(entries), max(0, count - MOST_ENTRIES))
