"""What a stage of background work is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

from evidence.jobs import Job
from evidence.ports.catalogue import Transaction

T = TypeVar("T")


class Lease(Protocol):
    """An attempt at a job. Every write names its fence; LeaseLost ends the attempt."""

    @property
    def job(self) -> Job:
        """The job as claimed."""
        ...

    def progress(self, permille: int) -> None:
        """Note 0..1000; from any thread; written with the next heartbeat."""
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a snapshot."""
        ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction that this attempt still owns."""
        ...

    async def finish(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` and mark the job done, in one transaction."""
        ...

    async def wait(self, work: Callable[[Transaction], T]) -> T:
        """Let the job wait for what `work`, run in the same transaction, hands on to others."""
        ...


@runtime_checkable
class GivesUp(Protocol):
    """A stage that has something to put right when its job has failed for good."""

    def given_up(self, tx: Transaction, job: Job, reason: str) -> None:
        """In the transaction that notes the failure; `reason` is for a person."""
        ...


class StageWork(Protocol):
    """One stage. Safe to run twice: it may have been killed after any of its steps."""

    async def run(self, lease: Lease) -> None:
        """Do the work and call `lease.finish`. Raises StageFailed, Unavailable, NoSpace, LeaseLost."""
        ...
