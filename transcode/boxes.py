"""ISO base media file format boxes, read from hostile files.

Invariants: nothing is read outside the given range, a box never claims less than its own header, and no
box body larger than `MAX_BODY` is brought into memory. Every fault is a ValueError.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

#: The largest body read whole; a `moof` of an hour of video is two orders of magnitude smaller.
MAX_BODY = 64 * 1024 * 1024
#: More boxes than this at one level is an attack.
MAX_BOXES = 2_000_000


@dataclass(frozen=True, slots=True)
class Box:
    """One box: `start` of its header, `body`, and the `end` that it claims (exclusive)."""

    kind: bytes
    start: int
    body: int
    end: int


def size_of(file: BinaryIO) -> int:
    """The length of the seekable `file`."""
    return file.seek(0, 2)


def claimed_boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes between `start` and `end`, in order, as they claim to be.

    The last one may claim to end beyond `end`; nothing follows it. Raises ValueError at a header that
    is cut off or impossible.
    """
    for _ in range(MAX_BOXES):
        if start == end:
            return
        file.seek(start)
        header = file.read(min(16, end - start))
        if len(header) < 8:
            raise ValueError(f"box header cut off at {start}")
        length, kind = struct.unpack_from(">I4s", header)
        body = start + 8
        if length == 1:
            if len(header) < 16:
                raise ValueError(f"box header cut off at {start}")
            (length,) = struct.unpack_from(">Q", header, 8)
            body = start + 16
        elif length == 0:
            length = end - start
        if start + length < body:
            raise ValueError(f"box at {start} is shorter than its header")
        box = Box(kind, start, body, start + length)
        yield box
        if box.end > end:
            return
        start = box.end
    raise ValueError("too many boxes")


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """As `claimed_boxes`, but a box that runs past `end` is a ValueError."""
    for box in claimed_boxes(file, start, end):
        if box.end > end:
            raise ValueError(f"box at {box.start} runs past its end")
        yield box


def body_of(file: BinaryIO, box: Box) -> bytes:
    """The whole body; ValueError if it is too large or cut off."""
    length = box.end - box.body
    if length > MAX_BODY:
        raise ValueError(f"box at {box.start} is too large")
    file.seek(box.body)
    data = file.read(length)
    if len(data) != length:
        raise ValueError(f"box at {box.start} is cut off")
    return data


def children(data: bytes) -> list[tuple[bytes, bytes]]:
    """(kind, body) of the boxes inside a body."""
    file = io.BytesIO(data)
    return [(box.kind, data[box.body : box.end]) for box in boxes(file, 0, len(data))]


class Fields:
    """Big-endian fields of a box body, read in order; ValueError past the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > len(self._data) - self._at:
            raise ValueError("box body cut off")
        self._at += count
        return self._data[self._at - count : self._at]

    def u32(self) -> int:
        """The next 32-bit number."""
        return int.from_bytes(self.take(4), "big")

    def u64(self) -> int:
        """The next 64-bit number."""
        return int.from_bytes(self.take(8), "big")

    def version_and_flags(self) -> tuple[int, int]:
        """The head of a full box."""
        head = self.u32()
        return head >> 24, head & 0xFFFFFF
