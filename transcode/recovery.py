"""The pictures of a recording that lost its index, told apart by what a sibling says of the camera.

Pure. H.264 in MP4 has lengths where a stream has start codes, so that without an index its units can only be
known by what they must be: a length, a header, the head of a slice that the sibling's parameter sets allow,
no bytes that H.264 forbids, a place in the order of pictures. Sound has no such marks and is left out.

Invariants: memory is bounded; every byte is looked at a bounded number of times, whatever it is; nothing is
written that was not in the file, except start codes and the sibling's parameter sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from transcode import avc
from transcode.boxes import claimed_boxes, size_of
from transcode.siblings import Parameters

START_CODE = b"\x00\x00\x00\x01"
#: An hour of sound has some ten thousand places that look like a unit at first sight.
MOST_TRIES = 5_000_000
#: No unit is longer, whatever the sibling's longest picture was.
_LONGEST_UNIT = (1 << 24) - 1
_LONGEST_MESSAGE = 1 << 16
#: How many times the sibling's longest picture a unit may be, and what is always allowed.
_LONGER, _ALLOWED = 8, 1 << 20
_PIECE = 1 << 20
#: Units that may stand before the slices of a picture.
_MOST_LEADING = 64
_LAST_MESSAGE_TYPE = 205
_FORBIDDEN = re.compile(rb"\x00\x00[\x00-\x02]")
_HEADERS = rb"[\x01\x21\x41\x61\x25\x45\x65\x06\x09\x27\x47\x67\x28\x48\x68]"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found. `breaks`: how often the order of pictures shows that some are missing.
    `reordered`: they may have to be shown in another order than they are stored.

    `bytes_passed_over` lie after the beginning of the media data and were not used: sound, mostly, and what
    is damaged. `whole` is False if the search was given up before the end of the file.
    """

    pictures: int
    keyframes: int
    breaks: int
    reordered: bool
    bytes_used: int
    bytes_passed_over: int
    whole: bool


def recover(
    file: BinaryIO, known: Parameters, out: BinaryIO, told: Callable[[int], None] = lambda _: None
) -> Recovered:
    """Write the H.264 of the seekable `file` to `out` with start codes, as far as it can be told.

    It begins at the first `mdat`, or with the file where there is none, and goes on to the end of the file:
    a length that was never filled in says nothing. Nothing is used before the first keyframe; before each
    one stand the sibling's parameter sets, but never so often that the stream is twice as long. `told` hears
    0..1000.
    """
    return _Search(file, known, out, told).run()


def _beginning(file: BinaryIO, size: int) -> int:
    try:
        for box in claimed_boxes(file, 0, size):
            if box.kind == b"mdat":
                return box.body
    except ValueError:
        return 0
    return 0


class _Source:
    """The file in pieces: where the next unit may begin, and what H.264 forbids inside of one.

    Both are asked in ascending order, so that the file is gone through once for each.
    """

    def __init__(self, file: BinaryIO, length_size: int) -> None:
        self._file = file
        self.size = size_of(file)
        self._width = length_size + 1
        # No unit is so long that the first byte of a length of four is not zero.
        lengths = rb"\x00[\x00-\xff]{3}" if length_size == 4 else rb"[\x00-\xff]{%d}" % length_size
        self._pattern = re.compile(lengths + _HEADERS)
        self._start, self._piece = 0, b""
        self._looked_to, self._fault = 0, -1

    def next_unit(self, at: int) -> int | None:
        """The first place from `at` on that looks like a unit."""
        while True:
            if not self._start <= at <= self._start + len(self._piece) - self._width:
                self._file.seek(at)
                self._start, self._piece = at, self._file.read(_PIECE)
                if len(self._piece) < self._width:
                    return None
            found = self._pattern.search(self._piece, at - self._start)
            if found is not None:
                return self._start + found.start()
            at = self._start + len(self._piece) - self._width + 1

    def read(self, at: int, count: int) -> bytes:
        """`count` bytes from `at` on, fewer at the end of the file."""
        within = at - self._start
        if within >= 0 and within + count <= len(self._piece):
            return self._piece[within : within + count]
        self._file.seek(at)
        return self._file.read(count)

    def is_clean(self, start: int, end: int) -> bool:
        """Whether nothing from `start` to `end` is forbidden inside of a unit, nor a zero at its end."""
        if self._fault < start:
            at = max(start, self._looked_to)
            while at + 3 <= end:
                piece = self.read(at, min(_PIECE, end - at))
                found = _FORBIDDEN.search(piece)
                if found is not None:
                    self._fault = at + found.start()
                    self._looked_to = self._fault + 1
                    break
                # The last two bytes may begin what the next piece ends.
                at += max(1, len(piece) - 2)
                self._looked_to = at
        return not start <= self._fault <= end - 3 and self.read(end - 1, 1) != b"\0"

    def copy(self, start: int, end: int, out: BinaryIO) -> None:
        """Write what lies between `start` and `end`."""
        for at in range(start, end, _PIECE):
            out.write(self.read(at, min(_PIECE, end - at)))


@dataclass(frozen=True, slots=True)
class _Unit:
    kind: int
    start: int
    body: int
    end: int


class _Search:
    def __init__(self, file: BinaryIO, known: Parameters, out: BinaryIO, told: Callable[[int], None]) -> None:
        self._source = _Source(file, known.length_size)
        self._begins = _beginning(file, self._source.size)
        self._known = known
        self._sets = avc.pictures_of(known.sequences, known.pictures)
        self._longest = min(_LONGEST_UNIT, max(_ALLOWED, known.longest_sample * _LONGER))
        self._out = out
        self._told = told
        self._leading: list[_Unit] = []
        self._last: avc.Slice | None = None
        self._doubted: avc.Slice | None = None
        self._sets_at: int | None = None
        self._reordered = False
        self._pictures = self._keyframes = self._breaks = self._used = 0

    def run(self) -> Recovered:
        at, tries = self._begins, 0
        while tries < MOST_TRIES and (place := self._source.next_unit(at)) is not None:
            end = self._taken(place)
            if end is None:
                tries += 1
            at = place + 1 if end is None else end
        total = self._source.size - self._begins
        return Recovered(
            self._pictures,
            self._keyframes,
            self._breaks,
            self._reordered,
            self._used,
            total - self._used,
            tries < MOST_TRIES,
        )

    def _taken(self, at: int) -> int | None:
        """The end of the unit at `at`, written or kept for the slice that it leads; None if it is none."""
        width = self._known.length_size
        head = self._source.read(at, width + avc.HEAD_BYTES)
        body = at + width
        end = body + int.from_bytes(head[:width], "big")
        if not body + 2 <= end <= min(self._source.size, body + self._longest):
            return None
        unit = _Unit(head[width] & 0x1F, at, body, end)
        if self._leading and self._leading[-1].end != at:
            self._leading.clear()
        if unit.kind in (avc.SLICE, avc.IDR):
            return self._slice(unit, head[width : width + unit.end - unit.body])
        if len(self._leading) == _MOST_LEADING or not self._leads(unit, head[width:]):
            return None
        self._leading.append(unit)
        return end

    def _leads(self, unit: _Unit, head: bytes) -> bool:
        length = unit.end - unit.body
        if unit.kind == avc.DELIMITER:
            return length == 2 and head[1] & 0x1F == 0x10
        if unit.kind in (avc.SEQUENCE, avc.PICTURE):
            own = self._known.sequences if unit.kind == avc.SEQUENCE else self._known.pictures
            return length <= max(map(len, own)) and self._source.read(unit.body, length) in own
        return (
            4 <= length <= _LONGEST_MESSAGE
            and head[1] <= _LAST_MESSAGE_TYPE
            and (head[2] == 0xFF or head[2] + 3 < length)
            and self._source.read(unit.end - 1, 1) == b"\x80"
            and self._source.is_clean(unit.body, unit.end)
        )

    def _slice(self, unit: _Unit, head: bytes) -> int | None:
        try:
            found = avc.slice_head(head, self._sets)
        except ValueError:
            return None
        leads = any(one.kind == avc.DELIMITER for one in self._leading)
        if self._known.delimited and not leads and not found.first_macroblock:
            return None
        if not self._source.is_clean(unit.body, unit.end) or not self._fits(found):
            return None
        self._reordered |= found.both_ways
        self._write(unit, begins_anew=found.idr and not found.first_macroblock)
        self._told(unit.end * 1000 // self._source.size)
        return unit.end

    def _fits(self, found: avc.Slice) -> bool:
        """Whether the slice has its place after those before it; if so it is counted."""
        last = self._last
        if found.first_macroblock:
            if last is None or not found.continues(last):
                return False
            self._last = found
            return True
        if found.idr:
            self._keyframes += 1
        elif last is None:
            return False
        elif not found.follows(last):
            # Where pictures are missing, two that follow each other begin the order anew. One alone may be
            # a piece of sound that looks like a slice.
            if self._doubted is None or not found.follows(self._doubted):
                self._doubted = found
                return False
            self._breaks += 1
        self._pictures += 1
        self._last, self._doubted = found, None
        return True

    def _write(self, unit: _Unit, *, begins_anew: bool) -> None:
        """The slice after what leads it, in the order that H.264 asks for (§7.4.1.2.3)."""
        delimiters = [one for one in self._leading if one.kind == avc.DELIMITER]
        messages = [one for one in self._leading if one.kind == avc.SEI]
        for one in delimiters:
            self._copy(one)
        if begins_anew:
            self._write_sets()
        for one in (*messages, unit):
            self._copy(one)
        self._used += sum(one.end - one.start for one in (*self._leading, unit))
        self._leading.clear()

    def _write_sets(self) -> None:
        """The sibling's parameter sets, unless they would be more than what came since the last ones."""
        sets = b"".join(START_CODE + one for one in (*self._known.sequences, *self._known.pictures))
        if self._sets_at is None or self._used - self._sets_at >= len(sets):
            self._out.write(sets)
            self._sets_at = self._used

    def _copy(self, unit: _Unit) -> None:
        self._out.write(START_CODE)
        self._source.copy(unit.body, unit.end, self._out)
