"""Where every byte of a ZIP lies before any is written: stored entries, ZIP64 where it is needed. Pure.

Where sizes and CRC-32s are known beforehand an archive has one possible form here (PKWARE APPNOTE 6.3.9 §4.3:
method 0, no data descriptors, UTF-8 names, no comments). Any byte of it can so be made at any time, by any
process, and a download goes on where it broke off. Libraries that stream ZIPs write from the first byte to
the last: none can begin in the middle.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

_LIMIT32 = 0xFFFFFFFF
_LIMIT16 = 0xFFFF
_PLAIN, _ZIP64 = 20, 45
_UTF8 = 0x0800
#: Made on UNIX, by what speaks version 4.5.
_MADE_BY = 3 << 8 | _ZIP64
_REGULAR_FILE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """A file of the archive: a relative path with `/`, its bytes counted and summed."""

    name: str
    size: int
    crc32: int


@dataclass(frozen=True, slots=True)
class FromEntry:
    """The bytes [start, end) of the entry of that number."""

    entry: int
    start: int
    end: int


Piece: TypeAlias = bytes | FromEntry


@dataclass(frozen=True, slots=True)
class ZipLayout:
    """The whole archive: `pieces` follow each other, the piece of number i begins at `starts[i]`."""

    pieces: tuple[Piece, ...]
    starts: tuple[int, ...]
    size: int

    def between(self, start: int, end: int) -> Iterator[Piece]:
        """What the bytes [start, end) are made of; ValueError outside the archive."""
        if not 0 <= start <= end <= self.size:
            raise ValueError("outside the archive")
        number = bisect_right(self.starts, start) - 1
        while start < end:
            piece, begins = self.pieces[number], self.starts[number]
            stop = min(end, begins + _length(piece))
            if stop > start:
                if isinstance(piece, bytes):
                    yield piece[start - begins : stop - begins]
                else:
                    yield FromEntry(piece.entry, start - begins, stop - begins)
            start, number = stop, number + 1


def lay_out(entries: Sequence[ZipEntry], at: datetime) -> ZipLayout:
    """The archive of these entries in their order, all dated `at` (UTC, to two seconds).

    ValueError for a name that is no relative path or appears twice, and for a year that ZIP cannot write.
    """
    _check(entries)
    date, time = _dos_time(at)
    pieces: list[Piece] = []
    offset = 0
    central: list[bytes] = []
    for number, entry in enumerate(entries):
        name = entry.name.encode()
        header = _local_header(entry, name, date, time)
        central.append(_central_header(entry, name, date, time, offset))
        pieces += [header, FromEntry(number, 0, entry.size)]
        offset += len(header) + entry.size
    directory = b"".join(central)
    pieces.append(directory + _end(len(entries), len(directory), offset))
    starts, total = [], 0
    for piece in pieces:
        starts.append(total)
        total += _length(piece)
    return ZipLayout(tuple(pieces), tuple(starts), total)


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.end - piece.start


def _check(entries: Sequence[ZipEntry]) -> None:
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise ValueError("two entries of one name")
    for name in names:
        if (
            not name
            or len(name.encode()) > _LIMIT16
            or any(part in ("", ".", "..") for part in name.split("/"))
        ):
            raise ValueError("an entry's name is no relative path")


def _dos_time(at: datetime) -> tuple[int, int]:
    moment = at.astimezone(UTC)
    if not 1980 <= moment.year <= 2107:
        raise ValueError("a ZIP knows the years 1980 to 2107")
    date = (moment.year - 1980) << 9 | moment.month << 5 | moment.day
    return date, moment.hour << 11 | moment.minute << 5 | moment.second // 2


def _local_header(entry: ZipEntry, name: bytes, date: int, time: int) -> bytes:
    large = entry.size >= _LIMIT32
    extra = struct.pack("<HHQQ", 1, 16, entry.size, entry.size) if large else b""
    size = _LIMIT32 if large else entry.size
    fixed = struct.pack(
        "<4sHHHHHIIIHH",
        b"PK\x03\x04", _ZIP64 if large else _PLAIN, _UTF8, 0, time, date, entry.crc32, size, size,
        len(name), len(extra),
    )  # fmt: skip
    return fixed + name + extra


def _central_header(entry: ZipEntry, name: bytes, date: int, time: int, offset: int) -> bytes:
    large, far = entry.size >= _LIMIT32, offset >= _LIMIT32
    values = [entry.size, entry.size] * large + [offset] * far
    extra = struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""
    size = _LIMIT32 if large else entry.size
    fixed = struct.pack(
        "<4sHHHHHHIIIHHHHHII",
        b"PK\x01\x02", _MADE_BY, _ZIP64 if values else _PLAIN, _UTF8, 0, time, date, entry.crc32, size, size,
        len(name), len(extra), 0, 0, 0, _REGULAR_FILE, _LIMIT32 if far else offset,
    )  # fmt: skip
    return fixed + name + extra


def _end(count: int, size: int, offset: int) -> bytes:
    zip64 = b""
    if count >= _LIMIT16 or size >= _LIMIT32 or offset >= _LIMIT32:
        zip64 = struct.pack(
            "<4sQHHIIQQQQ4sIQI",
            b"PK\x06\x06", 44, _MADE_BY, _ZIP64, 0, 0, count, count, size, offset,
            b"PK\x06\x07", 0, offset + size, 1,
        )  # fmt: skip
    small = min(count, _LIMIT16)
    return zip64 + struct.pack(
        "<4sHHHHIIH", b"PK\x05\x06", 0, 0, small, small, min(size, _LIMIT32), min(offset, _LIMIT32), 0
    )
