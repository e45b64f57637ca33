"""Audits as they are kept: one row for each item that is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from evidence.fixity import Audit, Tally
from evidence.jobs import Job


class Fixity(Protocol):
    """When what is kept was last read again. What is disposed of has no row any more."""

    def get(self, item_id: str) -> Audit | None: ...
    def due(self, now: datetime, every: timedelta | None, limit: int) -> Sequence[Audit]:
        """What `evidence.fixity.is_due`, in its order: only what is locked and at which no work goes on."""
        ...

    def latest(self, limit: int) -> Sequence[Audit]:
        """The items that were audited last, the newest first."""
        ...

    def at_work(self) -> int:
        """How many audits are queued or running."""
        ...

    def settle(self, audit: Audit) -> None:
        """Note what an audit found; nothing happens if the item was disposed of."""
        ...

    def proven(self, item_id: str, at: datetime) -> None:
        """Note a read-back; nothing happens once the item has been audited."""
        ...

    def ask(self, item_ids: Sequence[str], at: datetime) -> Sequence[str]:
        """Ask for audits of these; those that are there."""
        ...

    def ask_all(self, at: datetime) -> int:
        """Ask for a whole round: all that was last looked at before `at`; how many that are."""
        ...

    def allot(self, amount: int, rate: int, now: datetime) -> datetime:
        """When a reading may begin with `amount` bytes at `rate` bytes a second, shared by all processes."""
        ...

    def makers(self, item_id: str) -> Sequence[Job]:
        """Every job that works on the item or on what was asked of it."""
        ...

    def tally(self, now: datetime, every: timedelta | None) -> Tally:
        """Reads every row: for a person, not for each request."""
        ...

    def counts(self, now: datetime, every: timedelta | None) -> tuple[int, int]:
        """How many are due and how many are failing."""
        ...
