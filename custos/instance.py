"""One `custos serve` per data directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from evidence.errors import Invalid, Unavailable

LOCK_FILE = "custos.lock"
DISPOSER_LOCK_FILE = "dispose.lock"
WITNESS_LOCK_FILE = "witness.lock"
KEYS_LOCK_FILE = "keys.lock"


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
def using_keys(run: Path) -> Iterator[None]:
    """Hold the signing key as it is, together with others; `run` must exist.

    Raises Unavailable("keys-change") while somebody changes it.
    """
    with _keys(run, fcntl.LOCK_SH) as held:
        if not held:
            raise Unavailable("keys-change", "The keys are being changed. Try again when that is done.")
        yield


@contextmanager
def changing_keys(run: Path) -> Iterator[None]:
    """Be the only one that has the keys; `run` must exist. Raises Invalid("keys-in-use")."""
    with _keys(run, fcntl.LOCK_EX) as held:
        if not held:
            raise Invalid(
                "keys-in-use",
                "Some part of Custos is running and holds the key as it is. Stop every part of it, also "
                "those that were started one by one, and let commands end.",
            )
        yield


@contextmanager
def _keys(run: Path, how: int) -> Iterator[bool]:
    """Whether the lock could be had; the kernel drops it with the process."""
    descriptor = os.open(run / KEYS_LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


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
