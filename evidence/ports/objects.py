"""The write-once store and the staging disk.

Each method says what is durable on return, whether it may be repeated, and what a crash in the middle
leaves behind. Keys are those of `evidence.keys`; instants are aware UTC.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

from evidence.errors import CustosError
from evidence.fixity import Digests

#: Lets so many bytes be read, when it is their turn.
Pace: TypeAlias = Callable[[int], Awaitable[None]]


class AlreadyStored(CustosError):
    """Other bytes lie under that key. The store never overwrites."""

    def __init__(self) -> None:
        super().__init__("already-stored", "Other bytes already lie under this key.")


class NotStored(CustosError):
    """Nothing lies under that key."""

    def __init__(self) -> None:
        super().__init__("not-stored", "The store holds nothing under this key.")


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """What the store says of one object. `version` is its own name for these bytes, "" if it has none."""

    key: str
    size: int
    version: str
    locked_until: datetime | None
    held: bool = False


class ObjectStore(Protocol):
    """WORM storage for originals, manifests and renditions.

    `version` is what `ObjectStat.version` said when the object was stored: whoever recorded it is answered
    with exactly that version, or NotStored, whatever came on top. Without one (""), what is created once
    means the version that was there first; a rendition, and what is replaced of log and journal, the newest.
    """

    async def commit(
        self, key: str, staged: Path, *, size: int, sha256: str, locked_until: datetime
    ) -> ObjectStat:
        """Take the staged file in under `key`, create-only, locked until `locked_until`.

        No process may have `staged` open for writing. On return bytes, name and lock are durable and
        the staged file is gone. May be repeated: when `key` already holds these bytes (size and
        SHA-256 are compared) it succeeds, whether or not `staged` is still there. Raises AlreadyStored
        for other bytes, Unavailable("staged-missing") when neither exists, Conflict("still-open") when
        a writer has the file open. A crash leaves the staged file, the object, or both.
        """
        ...

    async def put(self, key: str, data: bytes, *, locked_until: datetime) -> ObjectStat:
        """Store a small object create-only and locked; like `commit` in every other respect."""
        ...

    async def put_rendition(self, key: str, source: Path) -> ObjectStat:
        """Move `source` to `key`, unlocked; replaces what is there. Durable on return; repeatable."""
        ...

    async def discard_rendition(self, key: str) -> None:
        """Remove a rendition that can be made again; nothing happens if it is gone already.

        Durable on return; repeatable. Raises Conflict("locked") if it was ever locked, whatever the date:
        that one was disclosed; Conflict("held") while it is held. ValueError if the key is not a rendition's.
        """
        ...

    def open(
        self, key: str, *, version: str = "", span: tuple[int, int] | None = None
    ) -> AbstractAsyncContextManager[BinaryIO]:
        """The object's bytes as a seekable binary file; raises NotStored.

        `span` [start, end), within the object, says what will be read of it, as far as that is known: a
        store that is far away asks for it at once. Reading raises OSError or Unavailable.
        """
        ...

    def local_path(self, key: str, *, version: str = "") -> AbstractAsyncContextManager[Path]:
        """A path on this machine whose content is the object, to be read only; raises NotStored."""
        ...

    async def stat(self, key: str, *, version: str = "") -> ObjectStat:
        """Size and lock as the store enforces them now; raises NotStored."""
        ...

    async def extend_lock(self, key: str, until: datetime, *, version: str = "") -> ObjectStat:
        """Lock until `until` or later: a lock only ever extends, an earlier date changes nothing.

        Durable on return; may be repeated; a crash leaves the old or the new lock.
        """
        ...

    async def set_hold(self, key: str, held: bool, *, version: str = "") -> None:
        """Hold the object, or lift that: while it is held nothing removes it, locked or not.

        Durable on return; may be repeated; a crash leaves the old or the new. Raises NotStored.
        """
        ...

    async def read_back(self, key: str, pace: Pace | None = None, *, version: str = "") -> Digests:
        """Read every byte again, past the page cache where that can be had.

        `pace` is awaited before each piece of at most `evidence.fixity.PIECE` bytes is read, and once more
        for the end; what it raises ends the reading. Raises NotStored, Unavailable("disk-failed") where the
        medium fails, Unavailable with another code where the store does not answer.
        """
        ...

    async def covers(self, key: str, read: Digests, pace: Pace | None = None, *, version: str = "") -> int:
        """How many delete markers, and versions of other bytes, lie under `key` beside the one that is meant.

        `read` is what `read_back` gave of that one. A version of the same bytes covers nothing: where the
        store heeds no condition, two commits at once leave one. Those of the same size are read to tell, at
        `pace`. 0 where the store knows no versions. Raises what `read_back` does.
        """
        ...

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """Every key under `prefix`, in order."""
        ...

    async def sweep_unfinished(self, before: datetime) -> int:
        """Remove what interrupted writes left since before then, none of it an object; how many.

        Nothing that is being written is older. Repeatable.
        """
        ...


class StagedWriter(Protocol):
    """An open staged file. Blocking: call it off the event loop."""

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append all pieces in order; not durable until `sync`. Raises NoSpace when the disk is full."""
        ...

    def sync(self) -> None:
        """On return everything written is durable. Raises NoSpace or Unavailable."""
        ...

    def close(self) -> None:
        """Close without syncing; idempotent."""
        ...


class Asked(Enum):
    """What a claim to a turn is answered."""

    #: Nobody else writes to that upload until it is released.
    HELD = auto()
    #: An older request of the same agent has it, and knows by now that it is to end.
    WAITING = auto()
    #: Another agent's request has it.
    FOREIGN = auto()
    #: A newer request of the same agent has come meanwhile.
    OVERTAKEN = auto()


class StagedTurn(Protocol):
    """A claim to write to one upload, before every process that uses this staging. Blocking.

    What it holds ends with its process.
    """

    def ask(self) -> Asked:
        """Claim, or look whether the claim holds now. Raises NoSpace, Unavailable."""
        ...

    def is_wanted(self) -> bool:
        """Whether a newer request of the same agent waits for the holder's end."""
        ...

    def release(self) -> None:
        """Let go; repeatable."""
        ...


class Staging(Protocol):
    """The disk on which uploads wait. Blocking: call it off the event loop."""

    @property
    def tag(self) -> str:
        """Eight hexadecimal digits that tell this disk from those of other hosts; the same for ever."""
        ...

    def turn(self, upload_id: str, agent_id: str) -> StagedTurn:
        """A claim that nobody has heard of yet."""
        ...

    def create(self, upload_id: str) -> None:
        """Make an empty staged file whose name is durable; repeatable."""
        ...

    def open(self, upload_id: str, offset: int) -> StagedWriter:
        """Open for appending at `offset`, dropping whatever a crash left beyond it."""
        ...

    def path(self, upload_id: str) -> Path:
        """Where the staged file lies, whether or not it exists."""
        ...

    def digest(self, upload_id: str) -> tuple[int, str]:
        """Size and SHA-256 of what lies there now; raises Unavailable("staged-missing")."""
        ...

    def discard(self, upload_id: str) -> None:
        """Remove the staged file if it is there; repeatable."""
        ...

    def idle(self, seconds: float) -> Sequence[str]:
        """Uploads whose staged file nobody has written to for that long."""
        ...

    def free_bytes(self) -> int:
        """Free space on the staging disk."""
        ...
