"""One `custos serve` per data directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from evidence.errors import Invalid

LOCK_FILE = "custos.lock"
DISPOSER_LOCK_FILE = "dispose.lock"
WITNESS_LOCK_FILE = "witness.lock"


@contextmanager
def only_instance(data: Path, run: Path) -> Iterator[None]:
    """Hold the data directory for this process; see `_only`."""
    with _only(data, run, LOCK_FILE, _in_use):
        yield


@contextmanager
def only_disposer(data: Path, run: Path) -> Iterator[None]:
    """Be the one process that disposes; the server may run beside it. Raises as `only_instance` does."""
    with _only(data, run, DISPOSER_LOCK_FILE, _disposes):
        yield


@contextmanager
def only_witness(data: Path) -> Iterator[None]:
    """Be the one process that cosigns with what lies in `data`. Raises as `only_instance` does."""
    with _only(data, data, WITNESS_LOCK_FILE, _witnesses):
        yield


@contextmanager
def _only(data: Path, run: Path, name: str, words: Callable[[bytes], str]) -> Iterator[None]:
    """Hold a lock file for this process; makes `data` and `run` (mode 0700) if they are missing.

    The kernel drops the lock with the process, however it ends: a lock file that lies there says
    nothing. Raises Invalid("already-running") that names the other process, or
    Invalid("data-not-writable").
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        run.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(run / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Invalid(
            "data-not-writable",
            f"The data directory cannot be written: {error.strerror}. Check the setting `data`, and that "
            f"the account running Custos (user number {os.geteuid()}) owns that directory.",
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Invalid("already-running", words(os.pread(descriptor, 32, 0))) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _disposes(written: bytes) -> str:
    number = written.strip().decode("ascii", "replace")
    who = f"process {number}" if number.isdecimal() else "another process"
    return f"A disposal is being carried out already, by {who}. Wait until that one is done."


def _witnesses(written: bytes) -> str:
    number = written.strip().decode("ascii", "replace")
    who = f"process {number}" if number.isdecimal() else "another process"
    return f"A witness already runs on this directory, as {who}. Stop that one first."


def _in_use(written: bytes) -> str:
    number = written.strip().decode("ascii", "replace")
    who = f"process {number}" if number.isdecimal() else "another process"
    return (
        f"Custos already runs on this data directory, as {who}. Stop that one first, or give this one a "
        "data directory of its own (setting `data`)."
    )
