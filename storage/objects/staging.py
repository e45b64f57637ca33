"""The disk on which uploads wait: one file per upload, named by its identifier and by nothing else."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from evidence.errors import Unavailable
from evidence.ids import is_id
from storage.objects.disk import sha256_of, start_writeback, storage_error, sync_directory
from storage.objects.turn_files import TurnFile

_IOV_MAX = 1024
_PART = ".part"
_TURN = ".turn"
_TAG = "tag"
#: Left to itself the kernel waits for gigabytes of unwritten data, and the last PATCH pays for all of it.
_WRITEBACK_BYTES = 8 << 20


class StagedFile:
    """`evidence.ports.objects.StagedWriter` on a local file."""

    def __init__(self, descriptor: int, offset: int) -> None:
        self._descriptor: int | None = descriptor
        self._written = offset
        self._writing_back = offset

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append all pieces, without joining them first."""
        assert self._descriptor is not None
        try:
            for start in range(0, len(pieces), _IOV_MAX):
                group = pieces[start : start + _IOV_MAX]
                written = os.writev(self._descriptor, group)
                if written < sum(map(len, group)):
                    self._write_rest(b"".join(group)[written:])
            self._written += sum(map(len, pieces))
            if self._written - self._writing_back >= _WRITEBACK_BYTES:
                start_writeback(self._descriptor, self._writing_back, self._written - self._writing_back)
                self._writing_back = self._written
        except OSError as error:
            raise storage_error(error) from error

    def _write_rest(self, data: bytes) -> None:
        assert self._descriptor is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def sync(self) -> None:
        """fdatasync: bytes and size, which is all that a resume needs."""
        assert self._descriptor is not None
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise storage_error(error) from error

    def close(self) -> None:
        """Close; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class StagingDirectory:
    """`evidence.ports.objects.Staging` in one directory."""

    def __init__(self, root: Path) -> None:
        """Make the directory, and its tag, if they are not there. Raises NoSpace, Unavailable."""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root = root
        self._tag = _tag_of(root)

    @property
    def tag(self) -> str:
        """What tells this disk from those of other hosts."""
        return self._tag

    def path(self, upload_id: str) -> Path:
        """Where the upload's bytes lie."""
        if not is_id(upload_id):
            raise ValueError("not an upload identifier")
        return self._root / f"{upload_id}{_PART}"

    def turn(self, upload_id: str, agent_id: str) -> TurnFile:
        """A claim that nobody has heard of yet."""
        return TurnFile(self.path(upload_id).with_suffix(_TURN), agent_id)

    def create(self, upload_id: str) -> None:
        """An empty file with a durable name."""
        try:
            os.close(os.open(self.path(upload_id), os.O_WRONLY | os.O_CREAT, 0o600))
            sync_directory(self._root)
        except OSError as error:
            raise storage_error(error) from error

    def open(self, upload_id: str, offset: int) -> StagedFile:
        """Open at `offset`; bytes beyond it were never acknowledged and are dropped."""
        try:
            descriptor = os.open(self.path(upload_id), os.O_WRONLY)
        except FileNotFoundError as error:
            raise _missing() from error
        except OSError as error:
            raise storage_error(error) from error
        if os.fstat(descriptor).st_size < offset:
            os.close(descriptor)
            raise _missing()
        os.ftruncate(descriptor, offset)
        os.lseek(descriptor, offset, os.SEEK_SET)
        return StagedFile(descriptor, offset)

    def digest(self, upload_id: str) -> tuple[int, str]:
        """Size and SHA-256 of what lies there now."""
        path = self.path(upload_id)
        try:
            return path.stat().st_size, sha256_of(path)
        except FileNotFoundError as error:
            raise _missing() from error

    def discard(self, upload_id: str) -> None:
        """Remove the file if it is there, and what a killed process left of a turn."""
        self.path(upload_id).unlink(missing_ok=True)
        self.path(upload_id).with_suffix(_TURN).unlink(missing_ok=True)
        sync_directory(self._root)

    def idle(self, seconds: float) -> Sequence[str]:
        """Uploads whose staged file has been still for that long."""
        before = time.time() - seconds
        idle = []
        for path in self._root.iterdir():
            # A turn that ends meanwhile takes its file away.
            with suppress(FileNotFoundError):
                if path.suffix in (_PART, _TURN) and is_id(path.stem) and path.stat().st_mtime < before:
                    idle.append(path.stem)
        return sorted(set(idle))

    def free_bytes(self) -> int:
        """Space that an unprivileged process may still use."""
        found = os.statvfs(self._root)
        return found.f_bavail * found.f_frsize


def tag_in(root: Path) -> str | None:
    """The tag of the staging directory there, for whoever only looks; None where there is none to be read."""
    try:
        return (root / _TAG).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _tag_of(root: Path) -> str:
    """The tag, drawn by whichever process comes first."""
    path = root / _TAG
    try:
        if not path.exists():
            drawn = root / f"{_TAG}.{secrets.token_hex(8)}"
            with drawn.open("x") as file:
                file.write(secrets.token_hex(4) + "\n")
                file.flush()
                os.fsync(file.fileno())
            # Another process may have been quicker, and have tidied up.
            with suppress(FileExistsError, FileNotFoundError):
                os.link(drawn, path)
            sync_directory(root)
        for drawn in root.glob(f"{_TAG}.*"):
            drawn.unlink(missing_ok=True)
        return path.read_text().strip()
    except OSError as error:
        raise storage_error(error) from error


def _missing() -> Unavailable:
    return Unavailable(
        "staged-missing",
        "The bytes of this upload are not on the staging disk. Send the file again from the start.",
    )
