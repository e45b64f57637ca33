"""Work that nobody takes up, and work that cannot go on: what is to be said of them, as pure rules.

A queue whose workers are busy is none of those: somebody has been at work of its cost. Bulk work stands
behind everything else on a small machine, so that for it half a day says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.jobs import MAX_ATTEMPTS, Cost, Job, JobState, cost_of, is_claimable

#: How long due work of a cost may wait, while nobody is at any of it, before somebody is told.
PATIENCE: Mapping[Cost, timedelta] = {
    Cost.LIGHT: timedelta(minutes=5),
    Cost.TRANSCODE: timedelta(minutes=30),
    Cost.BULK: timedelta(hours=12),
}
#: Of the alarms.
WORK_WAITS = "work-waits"
WORK_HELD_UP = "work-held-up"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Work of one queue that is due: how many jobs, and since when the longest of them.

    `staging`: only workers beside that staging disk can do it.
    """

    cost: Cost
    jobs: int
    since: datetime
    staging: str | None = None

    @property
    def subject(self) -> str:
        """Of the alarm."""
        return self.cost if self.staging is None else f"{self.cost} at {self.staging}"

    @property
    def problem(self) -> str:
        """What `custos doctor` calls it."""
        return f"work-{self.cost}"

    @property
    def words(self) -> str:
        """What is to be said of it, and what to do."""
        if self.staging is not None:
            return (
                f"{self.jobs} accepted uploads wait for the host on whose disk they lie, whose uploads end "
                f"in {self.staging}, and no worker for {self.cost} work has been at any there for long. "
                "Start one there, or the host. If its disk is lost, see `custos staging lost`."
            )
        return (
            f"{self.jobs} jobs wait that only a worker for {self.cost} work does, and none has been at such "
            "work for a long time. Start one: `custos serve` with this in `work.queues`, or `custos worker "
            f"--queues {self.cost}`."
        )


def long_waiting(unfinished: Iterable[Job], now: datetime) -> list[Waiting]:
    """What waits longer than its cost allows, by what is unfinished: nobody is at it, or was of late."""
    due: dict[tuple[Cost, str | None], list[datetime]] = {}
    tended: set[tuple[Cost, str | None]] = set()
    for job in unfinished:
        queue = (cost_of(job.stage), job.staging)
        if is_claimable(job.state, job.not_before, job.lease_until, now):
            due.setdefault(queue, []).append(_due_since(job))
        elif job.state is JobState.RUNNING:
            tended.add(queue)
        if job.started_at is not None and job.started_at > now - PATIENCE[queue[0]]:
            tended.add(queue)
    return [
        Waiting(queue[0], len(times), min(times), queue[1])
        for queue, times in due.items()
        if queue not in tended and now - min(times) > PATIENCE[queue[0]]
    ]


def _due_since(job: Job) -> datetime:
    if job.state is JobState.RUNNING and job.lease_until is not None:
        return job.lease_until
    return job.not_before


@dataclass(frozen=True, slots=True)
class HeldUp:
    """Jobs that were tried again and again, as something that they need is down or full; and why, in words.

    `reasons` is empty while all of them are being tried again.
    """

    jobs: int
    reasons: tuple[str, ...]

    @property
    def problem(self) -> str:
        """What `custos doctor` calls it."""
        return WORK_HELD_UP

    @property
    def words(self) -> str:
        """What is to be said of it, and what to do."""
        return (
            f"{self.jobs} jobs cannot go on: {' '.join(self.reasons)} They are tried again every "
            "minute, and go on by themselves once that is mended."
        )


def held_up(unfinished: Iterable[Job]) -> HeldUp | None:
    """What cannot go on for long, by what is unfinished; None where that is nothing."""
    tried = [job for job in unfinished if job.attempts >= MAX_ATTEMPTS]
    reasons = sorted({job.message for job in tried if job.message})
    return HeldUp(len(tried), tuple(reasons)) if tried else None
