"""`evidence.ports.objects.StagedTurn` as a file beside the staged one, for every process of this machine.

Whose turn it is, the kernel knows: whoever holds the file's lock (flock), which ends with its process. What
stands in the file is the newest claim. A holder that reads another's claim there is wanted to end; one that
waits and reads another's has been overtaken itself.

The holder unlinks the file before it lets go. So a lock counts only on the file that has the name still:
whoever got the lock of one that was unlinked opens the new one and begins anew.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path

from evidence.ports.objects import Asked
from storage.objects.disk import storage_error

_LONGEST = 256


class TurnFile:
    """One request's claim."""

    def __init__(self, path: Path, agent_id: str) -> None:
        self._path = path
        self._agent_id = agent_id
        self._claim = f"{secrets.token_hex(16)} {agent_id}\n".encode()
        self._descriptor: int | None = None
        self._is_claimed = False
        self._is_held = False

    def ask(self) -> Asked:
        """Claim the turn, and say whether it is this claim's now; to be asked again while it waits."""
        try:
            return self._ask()
        except OSError as error:
            raise storage_error(error) from error

    def _ask(self) -> Asked:
        while True:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._is_claimed = False
            is_held = _lock(self._descriptor)
            newest = os.pread(self._descriptor, _LONGEST, 0)
            if self._is_claimed and newest != self._claim:
                return Asked.OVERTAKEN
            if not is_held:
                return self._wait(self._descriptor, newest)
            if not self._has_name(self._descriptor):
                self._close()
                continue
            self._write(self._descriptor)
            self._is_held = True
            return Asked.HELD

    def _wait(self, descriptor: int, newest: bytes) -> Asked:
        """Somebody else holds it; of the same agent it is told to end. Empty: it has only just begun."""
        if newest and not self._is_claimed:
            if newest.split()[1:] != [self._agent_id.encode()]:
                return Asked.FOREIGN
            self._write(descriptor)
        return Asked.WAITING

    def _write(self, descriptor: int) -> None:
        """Claim, where the disk has room for a claim.

        Without it nobody is told to end, and whoever waits is told that it is busy; but the lock holds, so
        that a full disk keeps nobody from asking where an upload stands, or from ending it.
        """
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, self._claim, 0)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        else:
            self._is_claimed = True

    def _has_name(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def is_wanted(self) -> bool:
        """Whether a newer claim stands there; only for the holder."""
        try:
            newest = self._path.read_bytes()
        except OSError:
            return False
        return bool(newest) and newest != self._claim

    def release(self) -> None:
        """Let go, or stop waiting; repeatable."""
        if self._is_held:
            self._is_held = False
            with suppress(OSError):
                self._path.unlink()
        self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
