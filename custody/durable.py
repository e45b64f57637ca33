"""Small files that are whole or not there, and stay after a power cut: keys, and what a witness keeps."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_once(path: Path, data: bytes, mode: int) -> bool:
    """Write what is not there yet; whoever comes first wins, and nobody sees half a file.

    Durable on return, whoever wrote it; False if it was there. Raises OSError.
    """
    with _beside(path, data, mode) as beside:
        try:
            os.link(beside, path)
            written = True
        except FileExistsError:
            written = False
    sync_directory(path.parent)
    return written


def replace(path: Path, data: bytes, mode: int) -> None:
    """Put `data` in the place of what is there: a reader finds the old or the new. Durable on return.

    After a crash in the middle, or an OSError, one of the two lies there.
    """
    with _beside(path, data, mode) as beside:
        beside.replace(path)
    sync_directory(path.parent)


@contextmanager
def _beside(path: Path, data: bytes, mode: int) -> Iterator[Path]:
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def sync_directory(path: Path) -> None:
    """Make durable what was made, linked or renamed in a directory. Raises OSError."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
