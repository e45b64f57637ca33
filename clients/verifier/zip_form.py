"""The one form that an export's archive has (docs/formats/export.md §1): no byte of it is left unchecked.

A ZIP can say the same thing twice, and differently, in headers that programs skip. Here every header is
written again from the names, sizes and checksums in the directory, and has to be there byte for byte;
what lies between the headers are the files, which the manifests check.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from typing import BinaryIO

from clients.verifier.receipt import NotVerified

_LIMIT32, _LIMIT16 = 0xFFFFFFFF, 0xFFFF
_MADE_BY, _FILE = 0x032D, 0o100644 << 16


def verify_form(file: BinaryIO, entries: Sequence[zipfile.ZipInfo]) -> None:
    """Return if `file` is the archive of these entries and nothing else; raises NotVerified, OSError."""
    at, directory = 0, b""
    dates = {entry.date_time for entry in entries}
    if len(dates) != 1:
        raise NotVerified("the archive's entries are not all of one date: its directory was changed")
    date, time = _dos(dates.pop())
    for entry in entries:
        name = entry.filename.encode()
        local = _local(entry, name, date, time)
        _expect(file, at, local, f"the header of {entry.filename}")
        directory += _central(entry, name, date, time, at)
        at += len(local) + entry.file_size
    _expect(file, at, directory + _end(len(entries), len(directory), at), "the archive's directory")
    if file.read(1):
        raise NotVerified("something was added behind the archive's end")


def _expect(file: BinaryIO, at: int, wanted: bytes, what: str) -> None:
    file.seek(at)
    if file.read(len(wanted)) != wanted:
        raise NotVerified(f"{what} was changed, or something was put before it")


def _dos(date: tuple[int, int, int, int, int, int]) -> tuple[int, int]:
    year, month, day, hour, minute, second = date
    return (year - 1980) << 9 | month << 5 | day, hour << 11 | minute << 5 | second // 2


def _local(entry: zipfile.ZipInfo, name: bytes, date: int, time: int) -> bytes:
    large = entry.file_size >= _LIMIT32
    extra = struct.pack("<HHQQ", 1, 16, entry.file_size, entry.file_size) if large else b""
    size = _LIMIT32 if large else entry.file_size
    numbers = (45 if large else 20, 0x0800, 0, time, date, entry.CRC, size, size, len(name), len(extra))
    return b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", *numbers) + name + extra


def _central(entry: zipfile.ZipInfo, name: bytes, date: int, time: int, at: int) -> bytes:
    large, far = entry.file_size >= _LIMIT32, at >= _LIMIT32
    wide = [entry.file_size] * 2 * large + [at] * far
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    size = _LIMIT32 if large else entry.file_size
    numbers = (
        _MADE_BY, 45 if wide else 20, 0x0800, 0, time, date, entry.CRC, size, size, len(name), len(extra),
        0, 0, 0, _FILE, _LIMIT32 if far else at,
    )  # fmt: skip
    return b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", *numbers) + name + extra


def _end(count: int, size: int, at: int) -> bytes:
    wide = b""
    if count >= _LIMIT16 or size >= _LIMIT32 or at >= _LIMIT32:
        wide = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, _MADE_BY, 45, 0, 0, count, count, size, at)
        wide += b"PK\x06\x07" + struct.pack("<IQI", 0, at + size, 1)
    few = min(count, _LIMIT16)
    small = (0, 0, few, few, min(size, _LIMIT32), min(at, _LIMIT32), 0)
    return wide + b"PK\x05\x06" + struct.pack("<HHHHIIH", *small)
