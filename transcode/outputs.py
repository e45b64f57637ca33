"""What tools leave behind: taken only from an empty directory of their own, and only if it is a plain file.

A tool gone wrong may have left a link or a pipe where its output should be; nothing here follows the one or
waits for the other.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

_OPEN_PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_JPEG_HEAD = 64 * 1024
#: The markers that begin a frame and so hold its size: SOF0 to SOF15 without DHT, JPG and DAC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def fresh(workdir: Path) -> Path:
    """A new, empty directory below `workdir`, for one run of one tool."""
    return Path(tempfile.mkdtemp(prefix="made-", dir=workdir.resolve(strict=True)))


def opened_plain(path: Path) -> int | None:
    """A descriptor of `path` if it is a plain file, else None."""
    try:
        descriptor = os.open(path, _OPEN_PLAIN)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return descriptor


def is_plain(path: Path) -> bool:
    """Whether `path` is a plain file, whatever lies behind it if it is a link."""
    descriptor = opened_plain(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None


def jpeg_size(path: Path) -> tuple[int, int] | None:
    """Width and height of the JPEG at `path` from its headers; None if it is none. Decodes nothing."""
    descriptor = opened_plain(path)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return size_in(file.read(_JPEG_HEAD))


def size_in(head: bytes) -> tuple[int, int] | None:
    """Width and height in the first bytes of a JPEG, None if they are not those of one."""
    if head[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        if head[at + 1] in _FRAMES:
            height, width = (int.from_bytes(head[at + side : at + side + 2], "big") for side in (5, 7))
            return (width, height) if width and height else None
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None
