"""The log of marks: one file to which records are only ever appended.

A record is a header with a checksum of its own, then the times, then the hashes, then a checksum of both.
Invariants: the log ends at the first header that is cut off or wrong, and the next writer cuts the file
there; a record whose marks were damaged is passed over, not believed; of an item's records the last counts.
Writers hold the lock; readers need none, since what they have read does not move.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evidence.errors import NoSpace, Unavailable

_HEADER = struct.Struct("<4sHH16sIII")
_MAGIC = b"cFP1"
_PUT, _DROP = 1, 2
_TIME_BYTES = 4


@dataclass(frozen=True, slots=True)
class Record:
    """Where an item's marks lie, or that it was dropped (`count` is None)."""

    item_id: str
    offset: int
    end: int
    count: int | None


def storage_error(error: OSError) -> NoSpace | Unavailable:
    """What a full or failing disk is called."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace("disk-full", "The disk of the fingerprints is full. Make room, then try again.")
    return Unavailable("disk-failed", "The disk refused to work. Tell your administrator to look at the log.")


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class MarkLog:
    """The file `marks.log` in `directory`, whose hashes have `width` bytes."""

    def __init__(self, directory: Path, width: int) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._width = width
        self._descriptor = os.open(directory / "marks.log", os.O_RDWR | os.O_CREAT, 0o600)
        sync_directory(directory)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The one writer on this machine, for the length of the block. May wait."""
        descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def records(self, start: int) -> Iterator[Record]:
        """Every record from `start` on, up to the first that is not whole."""
        size = os.fstat(self._descriptor).st_size
        while True:
            header = os.pread(self._descriptor, _HEADER.size, start)
            if len(header) < _HEADER.size:
                return
            magic, kind, width, item, count, _, check = _HEADER.unpack(header)
            if magic != _MAGIC or check != zlib.crc32(header[:-4]) or width != self._width:
                return
            end = start + _HEADER.size + count * (_TIME_BYTES + width)
            if end > size:
                return
            yield Record(str(uuid.UUID(bytes=item)), start, end, None if kind == _DROP else count)
            start = end

    def append(self, end: int, item_id: str, times: bytes, hashes: bytes) -> Record:
        """Put marks at `end`, which is where the log ends; durable on return. For the lock's holder."""
        return self._append(end, _PUT, item_id, times + hashes, len(times) // _TIME_BYTES)

    def append_drop(self, end: int, item_id: str) -> Record:
        """Note that the item is dropped; durable on return. For the lock's holder."""
        return self._append(end, _DROP, item_id, b"", 0)

    def _append(self, end: int, kind: int, item_id: str, payload: bytes, count: int) -> Record:
        head = _HEADER.pack(
            _MAGIC, kind, self._width, uuid.UUID(item_id).bytes, count, zlib.crc32(payload), 0
        )[:-4]
        data = head + struct.pack("<I", zlib.crc32(head)) + payload
        os.ftruncate(self._descriptor, end)
        view, at = memoryview(data), end
        while view:
            written = os.pwrite(self._descriptor, view, at)
            view, at = view[written:], at + written
        os.fdatasync(self._descriptor)
        return Record(item_id, end, at, None if kind == _DROP else count)

    def marks(self, record: Record) -> tuple[bytes, bytes] | None:
        """The record's times and hashes; None if they are not what was written."""
        assert record.count is not None
        header = os.pread(self._descriptor, _HEADER.size, record.offset)
        length = record.end - record.offset - _HEADER.size
        payload = os.pread(self._descriptor, length, record.offset + _HEADER.size)
        if len(header) < _HEADER.size or zlib.crc32(payload) != _HEADER.unpack(header)[5]:
            return None
        times = record.count * _TIME_BYTES
        return payload[:times], payload[times:]

    def erase(self, record: Record) -> None:
        """Overwrite the record's marks with zeros; durable on return. For the lock's holder."""
        start, piece = record.offset + _HEADER.size, bytes(1 << 16)
        for at in range(start, record.end, len(piece)):
            os.pwrite(self._descriptor, piece[: record.end - at], at)
        os.fdatasync(self._descriptor)
