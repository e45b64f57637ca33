"""What the tests of uploads have in common."""

from __future__ import annotations

import random
from pathlib import Path

from tests.serving.inside import Inside

BLOCK = 4 * 1024 * 1024


def some_bytes(size: int, seed: int = 1) -> bytes:
    """Bytes that no compression or coincidence makes equal."""
    return random.Random(seed).randbytes(size)


def staged(inside: Inside, upload: str) -> Path:
    """The staged file of an upload."""
    (found,) = (inside.data / "staging").rglob(upload.rpartition("/")[2] + ".part")
    return found
