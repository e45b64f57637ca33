"""The few system calls on which durability rests, each with the reason for its place."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from evidence.errors import Conflict, NoSpace, Unavailable
from evidence.fixity import PIECE

#: What is read at once.
CHUNK = PIECE
_LIBC = ctypes.CDLL(None)
_SYNC_FILE_RANGE_WRITE = 2
_FS_IOC_GETFLAGS = 0x80086601
_FS_IOC_SETFLAGS = 0x40086602
_FS_IMMUTABLE_FL = 0x10


def storage_error(error: OSError) -> NoSpace | Unavailable:
    """What a full or failing disk is called, for the person at the station and the administrator."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(
            "disk-full", "The disk is full. Nothing was lost; free space or add a disk, then try again."
        )
    return Unavailable(
        "disk-failed", "The disk refused to work. Tell your administrator to look at the server's log."
    )


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def start_writeback(descriptor: int, offset: int, length: int) -> None:
    """Ask the kernel to begin writing these bytes out, without waiting (sync_file_range(2)).

    Promises nothing about durability; it only spares the later fdatasync the wait for all of it at once.
    """
    _LIBC.sync_file_range(
        ctypes.c_int(descriptor),
        ctypes.c_int64(offset),
        ctypes.c_int64(length),
        ctypes.c_uint(_SYNC_FILE_RANGE_WRITE),
    )


def make_directories(path: Path) -> None:
    """`mkdir -p`, each new name durable in its parent before anything is put inside."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)


@contextmanager
def replacing(target: Path, beside: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `target` at the end: a reader finds the old or the new.

    Durable then; `beside` is a name on the same filesystem. Whatever is raised inside leaves the old one.
    Raises NoSpace, Unavailable.
    """
    try:
        make_directories(target.parent)
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
        sync_directory(target.parent)
    except OSError as error:
        raise storage_error(error) from error
    finally:
        beside.unlink(missing_ok=True)


def has_writer(descriptor: int) -> bool:
    """Whether some process has this regular file open for writing.

    A read lease is granted only when nobody has (fcntl(2), F_SETLEASE). Where leases are not supported
    the answer is False: the order of steps is then the only guard.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


@contextmanager
def staged_file(staged: Path, size: int) -> Iterator[int]:
    """A descriptor of the staged file, which has that size, no writer, and is ours alone meanwhile.

    Raises Unavailable("staged-missing"), Conflict("still-open").
    """
    try:
        descriptor = os.open(staged, os.O_RDONLY)
    except FileNotFoundError as error:
        raise Unavailable(
            "staged-missing", "The bytes are neither in the store nor on the staging disk."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if has_writer(descriptor):
            raise Conflict("still-open", "Something still has this upload open for writing.")
        if os.fstat(descriptor).st_size != size:
            raise Unavailable("staged-missing", "The staged file does not have the right length.")
        yield descriptor
    finally:
        os.close(descriptor)


def sweep_files(directory: Path, before: datetime) -> int:
    """Remove files that nobody has written to since `before`; how many."""
    swept = 0
    for path in directory.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before.timestamp():
                path.unlink()
                swept += 1
    return swept


def set_immutable(path: Path, *, on: bool = True) -> bool:
    """Set or clear the immutable flag; False where kernel, filesystem or privileges do not allow it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        flags = struct.unpack("i", fcntl.ioctl(descriptor, _FS_IOC_GETFLAGS, struct.pack("i", 0)))[0]
        wanted = flags | _FS_IMMUTABLE_FL if on else flags & ~_FS_IMMUTABLE_FL
        if wanted != flags:
            fcntl.ioctl(descriptor, _FS_IOC_SETFLAGS, struct.pack("i", wanted))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as the page cache has it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pieces_of(path: Path) -> tuple[Iterator[memoryview], str]:
    """A file's bytes, past the page cache if the filesystem can, a mebibyte at a time; and which it was.

    The descriptor is closed at the end of the file, or when the last reference to the pieces goes: a step
    that still runs on a thread keeps its own. Raises OSError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return _read(os.open(path, os.O_RDONLY)), "cached"
    return _read(descriptor), "direct"


def _read(descriptor: int) -> Iterator[memoryview]:
    # An anonymous mapping is page-aligned, as O_DIRECT demands of buffer, offset and length. It goes when
    # the last view of it goes.
    buffer = mmap.mmap(-1, CHUNK)
    view = memoryview(buffer)
    try:
        offset = 0
        while read := os.preadv(descriptor, [buffer], offset):
            offset += read
            yield view[:read]
    finally:
        os.close(descriptor)
