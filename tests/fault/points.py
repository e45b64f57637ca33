"""Dying at a chosen point: before or after the n-th durable step of this process.

A step is a system call on which durability rests or a catalogue commit. They are counted by wrapping the
functions, so that production code knows nothing of it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

_CALLS = (
    "link",
    "unlink",
    "rename",
    "replace",
    "fsync",
    "fdatasync",
    "fchmod",
    "writev",
    "ftruncate",
    "mkdir",
    "rmdir",
)


class Points:
    """Counts steps; kills this process at `at` (counted from 1), before or after the step."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at = at
        self.after = after
        self.count = 0
        self.names: list[str] = []

    def install(self) -> None:
        """Wrap the calls."""
        for name in _CALLS:
            setattr(os, name, self._wrapped(name, getattr(os, name)))
        original = Connection.exec_driver_sql

        def exec_driver_sql(connection: Connection, statement: str, *args: Any, **kwargs: Any) -> Any:
            if statement != "COMMIT":
                return original(connection, statement, *args, **kwargs)
            return self._step("commit", lambda: original(connection, statement, *args, **kwargs))

        Connection.exec_driver_sql = exec_driver_sql  # type: ignore[method-assign]

    def _wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: self._step(name, lambda: call(*args, **kwargs))

    def _step(self, name: str, call: Callable[[], Any]) -> Any:
        self.count += 1
        self.names.append(name)
        mine = self.count == self.at
        if mine and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return call()
        finally:
            # Also behind a call that failed, such as the unlink of a file that is not there.
            if mine and self.after:
                os.kill(os.getpid(), signal.SIGKILL)
