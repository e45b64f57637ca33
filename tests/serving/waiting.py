"""Waiting for what another process or thread does, without measuring how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

#: No test measures time: this long only stops one that would wait for ever.
PATIENCE_SECONDS = 120.0

T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str, *, seconds: float = PATIENCE_SECONDS) -> T:
    """The first answer of `look` that is neither None nor False; fails when none comes."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"{what}: still not so after {seconds:g} s"
        time.sleep(0.05)
