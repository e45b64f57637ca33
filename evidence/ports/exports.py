"""Exports: rows of what was taken away, and what of the log goes with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from evidence.canonical import Json
from evidence.exports import Export, MadeExport
from evidence.ports.log import LogHead
from evidence.proofs import CaseProof, ItemProof, Proof, Stamp
from evidence.revocation import KeptList


@dataclass(frozen=True, slots=True)
class DatedHead:
    """A stamped checkpoint, and the proof (RFC 6962 §2.1.2) that a later tree begins with its tree."""

    stamp: Stamp
    consistency: Sequence[bytes]
    #: Revocation lists and answers from around its time, of the certificates in its token.
    lists: tuple[KeptList, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking the proofs of an item or a case: the head that they lead to, and what does not.

    `root` is in base64; `cosigned` counts the signatures of others; `failed` the events that do
    not lead to the root. `unbroken`: each event names the one before it, without a hole.
    """

    origin: str
    size: int
    root: str
    cosigned: int
    key: str
    failed: int
    unbroken: bool


class Exports(Protocol):
    """What was asked for stays; what was made of it goes when it was kept long enough."""

    def add(self, export: Export) -> None: ...
    def get(self, export_id: str) -> Export | None: ...
    def page(self, unit: str | None, *, before: str | None, limit: int) -> Sequence[Export]:
        """The unit's, all for None, newest first."""
        ...

    def made(self, export_id: str, made: MadeExport) -> None:
        """Note what was made; once."""
        ...

    def with_items(self, item_ids: Collection[str]) -> Sequence[Export]:
        """Those that hold something of one of the items and whose files are there, oldest first."""
        ...

    def outdated(self, before: datetime, limit: int) -> Sequence[Export]:
        """Those made before then whose files are there, oldest first."""
        ...

    def gone(self, export_id: str, at: datetime) -> None:
        """Note that its files are gone; repeatable."""
        ...


class LogExtracts(Protocol):
    """Proofs to one head of the custody log."""

    async def head_with(self, event_id: str) -> LogHead:
        """A head that has that event, cosigned where witnesses are configured.

        After ten seconds the published one as it is, if it has the event; else raises
        Unavailable("log-behind").
        """
        ...

    def key(self, head: LogHead) -> str:
        """The log's key as it is pinned."""
        ...

    async def keys(self, head: LogHead) -> Mapping[str, Json]:
        """How the log's keys took over from each other: `custos/log-keys/1`."""
        ...

    async def of_item(self, item_id: str, head: LogHead) -> ItemProof:
        """The item's latest events (at most MOST_EVENTS) in the tree of that head."""
        ...

    async def of_case(self, case_id: str, head: LogHead) -> CaseProof:
        """The case's own events, as many, all of them open."""
        ...

    async def head(self) -> LogHead | None:
        """What is published now; None before the first."""
        ...

    async def checked(self, proof: Proof) -> Checked:
        """The proof, checked by the key that it names; off the loop.

        Of a head that this key has not signed, every event counts as failed.
        """
        ...

    async def dated(self, numbers: Sequence[int], head: LogHead) -> Sequence[DatedHead]:
        """For each leaf the smallest stamped tree that holds it and is a beginning of the head's.

        A self-asserted one only where no time authority stamped such a tree.
        """
        ...
