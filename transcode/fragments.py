"""Where the fragments of a fragmented MP4 lie and how long they last.

Invariants: offsets are half-open, ascending, disjoint and inside the file; durations come from the
sample tables of one guide track (video, else audio), never from what a header claims; the segment
durations sum to the layout's exactly. Every fault of the file is a ValueError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from evidence.canonical import Json
from transcode.boxes import Box, Fields, body_of, boxes, children, size_of

SEGMENT_US = 4_000_000
_MAX_TICKS = 2**53 - 1

_TFHD_BASE, _TFHD_DESCRIPTION, _TFHD_DURATION = 0x1, 0x2, 0x8
_TRUN_OFFSET, _TRUN_FIRST_FLAGS, _TRUN_DURATION = 0x1, 0x4, 0x100
_TRUN_PER_SAMPLE = (0x100, 0x200, 0x400, 0x800)


@dataclass(slots=True)
class Track:
    """What `moov` says of a track; `kind` is "vide", "soun" or another handler."""

    number: int
    kind: str
    timescale: int
    default_duration: int = 0


@dataclass(frozen=True, slots=True)
class Fragment:
    """One `moof` with its `mdat`; `times` maps a track number to (start, duration) in its timescale."""

    start: int
    end: int
    times: Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Fragmented:
    """A whole fragmented file. `init` covers `ftyp` and `moov`."""

    init: tuple[int, int]
    tracks: Mapping[int, Track]
    fragments: Sequence[Fragment]

    def guide(self) -> Track:
        """The first video track, else the first audio track; ValueError if there is neither."""
        for kind in ("vide", "soun"):
            for track in self.tracks.values():
                if track.kind == kind:
                    return track
        raise ValueError("no video and no audio track")

    def measured_us(self) -> int:
        """From the first sample to the end of the last one, over all tracks."""
        longest = 0
        for number, track in self.tracks.items():
            times = [fragment.times[number] for fragment in self.fragments if number in fragment.times]
            if times and track.kind in ("vide", "soun"):
                ticks = max(start + length for start, length in times) - min(start for start, _ in times)
                longest = max(longest, ticks * 1_000_000 // track.timescale)
        return longest


def parse(file: BinaryIO) -> Fragmented:
    """All tracks and fragments of the seekable `file`; ValueError if it is not whole and well-formed."""
    init_start: int | None = None
    init_end = 0
    tracks: dict[int, Track] = {}
    fragments: list[Fragment] = []
    pending: Box | None = None
    clocks: dict[int, int] = {}
    for box in boxes(file, 0, size_of(file)):
        if box.kind == b"ftyp" and init_start is None:
            init_start = box.start
        elif box.kind == b"moov":
            if tracks:
                raise ValueError("two moov boxes")
            tracks = _tracks(body_of(file, box))
            init_end = box.end
        elif box.kind == b"moof":
            pending = box
        elif box.kind == b"mdat" and pending is not None:
            times = _times(body_of(file, pending), tracks, clocks)
            fragments.append(Fragment(pending.start, box.end, times))
            pending = None
    if init_start is None or not tracks or init_end <= init_start:
        raise ValueError("no ftyp and moov at the beginning")
    if not fragments or fragments[0].start < init_end:
        raise ValueError("no fragment after moov")
    return Fragmented((init_start, init_end), tracks, fragments)


def _child(data: bytes, *path: bytes) -> bytes:
    for kind in path:
        for found, body in children(data):
            if found == kind:
                data = body
                break
        else:
            raise ValueError(f"no {kind.decode('latin-1')} box")
    return data


def _tracks(moov: bytes) -> dict[int, Track]:
    tracks: dict[int, Track] = {}
    for kind, body in children(moov):
        if kind != b"trak":
            continue
        header = Fields(_child(body, b"tkhd"))
        version, _ = header.version_and_flags()
        header.take(16 if version else 8)
        number = header.u32()
        media = Fields(_child(body, b"mdia", b"mdhd"))
        version, _ = media.version_and_flags()
        media.take(16 if version else 8)
        timescale = media.u32()
        handler = _child(body, b"mdia", b"hdlr")[8:12].decode("latin-1")
        if not timescale or not number or number in tracks:
            raise ValueError("a track without a timescale or with a number used twice")
        tracks[number] = Track(number, handler, timescale)
    for kind, body in children(moov):
        if kind != b"mvex":
            continue
        for inner, defaults in children(body):
            if inner == b"trex":
                fields = Fields(defaults)
                fields.take(4)
                number = fields.u32()
                fields.take(4)
                if number in tracks:
                    tracks[number].default_duration = fields.u32()
    return tracks


@dataclass(slots=True)
class _Run:
    track: int = 0
    default_duration: int = 0
    start: int | None = None
    ticks: int = 0
    seen: bool = False


def _times(moof: bytes, tracks: Mapping[int, Track], clocks: dict[int, int]) -> dict[int, tuple[int, int]]:
    """(start, duration) per track of one `moof`; `clocks` carries each track's end to the next one."""
    times: dict[int, tuple[int, int]] = {}
    for kind, body in children(moof):
        if kind != b"traf":
            continue
        run = _track_run(body, tracks)
        if not run.seen:
            continue
        start = clocks.get(run.track, 0) if run.start is None else run.start
        end = start + run.ticks
        if end > _MAX_TICKS:
            raise ValueError("impossible time")
        first = min(start, times.get(run.track, (start, 0))[0])
        times[run.track] = (first, end - first)
        clocks[run.track] = end
    return times


def _track_run(traf: bytes, tracks: Mapping[int, Track]) -> _Run:
    run = _Run()
    for kind, body in children(traf):
        fields = Fields(body)
        if kind == b"tfhd":
            _, flags = fields.version_and_flags()
            run.track = fields.u32()
            if run.track not in tracks:
                raise ValueError("a fragment of an unknown track")
            run.default_duration = tracks[run.track].default_duration
            fields.take((8 if flags & _TFHD_BASE else 0) + (4 if flags & _TFHD_DESCRIPTION else 0))
            if flags & _TFHD_DURATION:
                run.default_duration = fields.u32()
        elif kind == b"tfdt":
            version, _ = fields.version_and_flags()
            run.start = fields.u64() if version else fields.u32()
        elif kind == b"trun":
            if not run.track:
                raise ValueError("trun before tfhd")
            run.ticks += _run_ticks(fields, run.default_duration)
            run.seen = True
    return run


def _run_ticks(fields: Fields, default_duration: int) -> int:
    _, flags = fields.version_and_flags()
    samples = fields.u32()
    fields.take((4 if flags & _TRUN_OFFSET else 0) + (4 if flags & _TRUN_FIRST_FLAGS else 0))
    width = 4 * sum(bool(flags & flag) for flag in _TRUN_PER_SAMPLE)
    table = fields.take(samples * width)
    if not flags & _TRUN_DURATION:
        return samples * default_duration
    return sum(int.from_bytes(table[at : at + 4], "big") for at in range(0, len(table), width))


def layout(parsed: Fragmented, segment_us: int = SEGMENT_US) -> dict[str, Json]:
    """What serving needs, as `Made.layout` documents it: segments of at least `segment_us`.

    Only the last segment may be shorter. Raises ValueError if the guide track's time does not ascend.
    """
    guide = parsed.guide()
    starts: list[tuple[Fragment, int]] = []
    end_ticks = 0
    for fragment in parsed.fragments:
        if guide.number in fragment.times:
            start, ticks = fragment.times[guide.number]
            if starts and start < end_ticks:
                raise ValueError("time goes backwards")
            end_ticks = start + ticks
            starts.append((fragment, start))
    if not starts:
        raise ValueError("no fragment holds the guide track")
    origin = starts[0][1]

    def micros(ticks: int) -> int:
        return (ticks - origin) * 1_000_000 // guide.timescale

    total = micros(end_ticks)
    # A fragment without the guide track belongs to the segment before it, the very first to the first.
    cuts = [(parsed.fragments[0].start, 0)]
    cuts += [(fragment.start, micros(ticks)) for fragment, ticks in starts[1:]]
    segments: list[Json] = []
    opened, opened_at = cuts[0]
    for offset, at in cuts[1:]:
        if opened_at + segment_us <= at < total:
            segments.append({"start": opened, "end": offset, "duration_us": at - opened_at})
            opened, opened_at = offset, at
    last_end = parsed.fragments[-1].end
    segments.append({"start": opened, "end": last_end, "duration_us": total - opened_at})
    kinds = {parsed.tracks[number].kind for fragment in parsed.fragments for number in fragment.times}
    return {
        "init": [*parsed.init],
        "segments": segments,
        "duration_us": total,
        "video": "vide" in kinds,
        "audio": "soun" in kinds,
    }
