"""Other stores that keep a copy of every original and its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from evidence.items import Item
from evidence.ports.journal import JournalStore
from evidence.ports.log import LogStore
from evidence.ports.objects import ObjectStore, Pace

#: How the store that Custos reads from is called among its replicas.
PRIMARY = "primary"


@dataclass(frozen=True, slots=True)
class Replica:
    """A store under its name, the log and the journal beside it.

    `scratch`: a directory from which it can take files in.
    """

    name: str
    store: ObjectStore
    scratch: Path
    log: LogStore
    journal: JournalStore


@dataclass(frozen=True, slots=True)
class ReplicaCopy:
    """A copy of an item's original that was proven: read again, and compared with its digest."""

    item_id: str
    replica: str
    version: str
    proven_at: datetime
    method: str


@dataclass(frozen=True, slots=True)
class Made:
    """A copy that was put where none was, from which store, and whether one had been proven there before."""

    copy: ReplicaCopy
    source: str
    was_there: bool


@dataclass
class Ensured:
    """What a run found: copies that are proven, those of them that it made, and what is wrong where.

    `manifests` are stores whose copy was there and whose manifest was put there again; `away` those that did
    not answer, each with why; `wrong` those that have other bytes; `missing` those that have none, with none
    to make it from.
    """

    proven: list[ReplicaCopy] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    manifests: list[str] = field(default_factory=list)
    away: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


class ReplicaRows(Protocol):
    """Which copies were proven."""

    def of_item(self, item_id: str) -> Mapping[str, ReplicaCopy]:
        """By the replica's name."""
        ...

    def note(self, copy: ReplicaCopy) -> None:
        """Put it in the place of what was noted before."""
        ...

    def forget(self, item_id: str, replica: str) -> None:
        """It is not what it was, or not there."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How many items each replica has, by its name."""
        ...


class Replicator(Protocol):
    """Keeps an item's copies in every store."""

    @property
    def needed(self) -> int:
        """How many copies have to be proven, the primary one included."""
        ...

    async def ensure(
        self,
        item: Item,
        manifest: bytes,
        known: Mapping[str, ReplicaCopy],
        now: datetime,
        *,
        primary: bool,
        pace: Pace | None = None,
    ) -> Ensured:
        """See to it that each store has the original and its manifest, locked as the primary one has it.

        `primary`: whether the primary copy was just proven; if not it counts as missing, and is put there
        from another. `known` are the copies that were proven before. Durable on return; repeatable. Raises
        nothing for a store that does not answer.
        """
        ...
