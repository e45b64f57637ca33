"""The custody log: its rows in the catalogue, and its files in the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from evidence.proofs import Stamp


@dataclass(frozen=True, slots=True)
class LogHead:
    """The tree as far as it is sequenced, and as far as it is published.

    `peaks` are the hashes of the largest perfect subtrees, left to right; `checkpoint` is the signed note
    of the first `published` leaves, "" before the first.
    """

    origin: str
    size: int
    peaks: tuple[bytes, ...]
    published: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Queued:
    """An event that is not in the log yet; `seq` is its place in the queue."""

    seq: int
    event_id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class LeafRow:
    """A leaf as it is kept: with the event's bytes, `chains` are the whole of it."""

    number: int
    event_id: str
    chains: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Sequenced:
    """What one step adds: leaves, roots of tiles that they fill, and each subject's last leaf.

    `taken` are places in the queue; a root has its level and number.
    """

    taken: Sequence[int]
    leaves: Sequence[LeafRow]
    nodes: Sequence[tuple[int, int, bytes]]
    subjects: Mapping[str, tuple[int, bytes]]
    peaks: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Logged:
    """A leaf at its place, and what its event's detail commits to, where that is kept."""

    number: int
    leaf: bytes
    salt: bytes | None
    detail: bytes | None


@dataclass(frozen=True, slots=True)
class Body:
    """What an event's detail commits to: salt and detail, as they were made."""

    salt: bytes
    detail: bytes


@dataclass(frozen=True, slots=True)
class Replayed:
    """An event that is read back from the log: its bytes, what searches need of it, its detail if known."""

    event_id: str
    data: bytes
    at: datetime
    subjects: tuple[str, ...]
    body: Body | None = None


@dataclass(frozen=True, slots=True)
class WitnessState:
    """How far a witness is, by its key: the head that it cosigned last, as far as this log knows.

    `checkpoint` is the note with the log's signatures and the witness' own, `at` what the latter states;
    "" and None before the first. `silent_since` is None while it answers.
    """

    key: str
    size: int
    checkpoint: str
    at: datetime | None
    silent_since: datetime | None


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The newest head that as many witnesses have cosigned as are needed, with their signatures."""

    size: int
    checkpoint: str


class CustodyLog(Protocol):
    """The log's rows. Leaves count from 0 without a hole and never change."""

    def head(self) -> LogHead | None:
        """None before `begin`."""
        ...

    def begin(self, origin: str) -> LogHead:
        """The head of the log, made empty if there is none."""
        ...

    def queued(self, limit: int) -> Sequence[Queued]:
        """The first that wait, in the order in which they were committed."""
        ...

    def last_of(self, subjects: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        """Place and hash of the last leaf of each subject; those without one left out."""
        ...

    def append(self, size: int, found: Sequenced) -> bool:
        """Add to a log of `size` leaves; False, and nothing added, if it has another size by now."""
        ...

    def publish(self, published: int, checkpoint: str) -> None:
        """Note what was published last."""
        ...

    def add_stamp(self, stamp: Stamp) -> None:
        """Keep it, a self-asserted one apart from all others; repeatable."""
        ...

    def last_stamp(self, *, self_asserted: bool = False) -> Stamp | None:
        """The one of the largest tree: by time authorities, or only the self-asserted ones."""
        ...

    def stamps(self, limit: int, *, self_asserted: bool = False) -> Sequence[Stamp]:
        """The same, the largest trees first."""
        ...

    def stamps_after(self, size: int, limit: int, *, self_asserted: bool = False) -> Sequence[Stamp]:
        """The same of trees that are larger than that, the smallest first."""
        ...

    def first_stamp_of(self, number: int, *, self_asserted: bool = False) -> Stamp | None:
        """The same of the smallest tree that holds the leaf of that number."""
        ...

    def witnesses(self) -> Mapping[str, WitnessState]:
        """Every witness that was ever asked, by its key."""
        ...

    def keep_witness(self, state: WitnessState) -> None:
        """Put it in the place of what was kept of that witness."""
        ...

    def witnessed(self) -> Witnessed | None:
        """None before the first."""
        ...

    def keep_witnessed(self, found: Witnessed) -> None:
        """Put it in the place of the one before."""
        ...

    def add_key_statement(self, seq: int, note: str) -> None:
        """Keep a signed statement about the log's keys."""
        ...

    def key_statements(self) -> Sequence[str]:
        """Every one of them, oldest first."""
        ...

    def entries(self, begin: int, end: int) -> Sequence[bytes]:
        """The leaves' bytes from `begin` up to before `end`."""
        ...

    def bodies(self, begin: int, end: int) -> Sequence[Body | None]:
        """Of the same leaves what their details commit to; None where that is not kept."""
        ...

    def hashes(self, level: int, begin: int, end: int) -> Sequence[bytes]:
        """Hashes of leaves (level 0), or roots of full tiles, from `begin` up to before `end`."""
        ...

    def replay(self, rows: Sequence[Replayed]) -> Mapping[str, int]:
        """Put back those events that are not there; the queue's places of those in it."""
        ...

    def of_subject(self, subject: str, size: int, limit: int) -> Sequence[Logged]:
        """The latest `limit` leaves about the subject among the first `size`, oldest first."""
        ...

    def waiting(self, subject: str, size: int) -> int:
        """How many events about the subject are not among the first `size` leaves."""
        ...

    def place_of(self, event_id: str) -> int | None:
        """Its leaf's number; None if it is not in the log yet."""
        ...


class LogStore(Protocol):
    """The log's files, under the paths of tlog-tiles. The store never changes a locked one."""

    async def put(self, path: str, data: bytes, locked_until: datetime) -> None:
        """Keep for ever what is full: durable and locked on return. Repeatable; raises AlreadyStored."""
        ...

    async def replace(self, path: str, data: bytes) -> None:
        """Keep what is not full yet, unlocked; durable on return, whole or not at all. Repeatable."""
        ...

    async def read(self, path: str) -> bytes | None:
        """The bytes of what is replaced; None if there are none."""
        ...

    async def read_kept(self, path: str) -> bytes | None:
        """The bytes that were `put` there, whatever somebody laid over them; None if there are none."""
        ...

    async def drop(self, path: str) -> None:
        """Remove what was replaced at `path`, or all of it below: it ends in `.p` or `.part`. Repeatable."""
        ...

    async def swap(self, expected: bytes | None, checkpoint: bytes) -> bytes | None:
        """Put `checkpoint` in the place of `expected` (None: of nothing), and return `checkpoint`.

        If something else lies there, change nothing and return that. Durable on return; of several that
        swap at once one succeeds.
        """
        ...
