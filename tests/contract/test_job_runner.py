"""How work that fails, dies or has to wait ends, over each catalogue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from custos.work import JobRunner
from evidence.errors import CustosError, StageFailed, Unavailable
from evidence.events import EventType
from evidence.ids import new_id
from evidence.jobs import LEASE, MAX_ATTEMPTS, WORKER_DIED, Job, JobState, Stage
from evidence.ports.catalogue import Transaction
from evidence.ports.work import Lease
from storage.catalogue.catalogue import SqlCatalogue
from tests.contract.test_catalogue import HERE, NOW


@dataclass
class Hands:
    """A clock put forward by hand."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def source(self) -> str:
        return "put forward by hand"


class Unheard:
    """A bell that nobody hears."""

    async def ring(self, jobs: Sequence[Job]) -> None:
        pass


@dataclass
class Trying:
    """A stage that ends as it is told to."""

    error: CustosError
    tried: int = 0
    given_up_for: list[str] = field(default_factory=list)

    async def run(self, lease: Lease) -> None:
        self.tried += 1
        raise self.error

    def given_up(self, tx: Transaction, job: Job, reason: str) -> None:
        self.given_up_for.append(reason)


class Runs:
    """One job and who does it."""

    def __init__(self, catalogue: SqlCatalogue, stage: Stage, error: CustosError) -> None:
        self.catalogue = catalogue
        self.clock = Hands()
        self.trying = Trying(error)
        self.subject = new_id(NOW)
        self.stage = stage
        self.runner = JobRunner(catalogue, self.clock, Unheard(), {stage: self.trying}, HERE)

    async def add(self) -> str:
        return await self.catalogue.write(lambda tx: tx.jobs.add(self.stage, self.subject, "u", NOW))

    async def job(self, job_id: str) -> Job:
        job = await self.catalogue.read(lambda tx: tx.jobs.get(job_id))
        assert job is not None
        return job

    async def run(self, job_id: str, times: int) -> None:
        """So often, each time when it is due."""
        for _ in range(times):
            self.clock.at = max(self.clock.at, (await self.job(job_id)).not_before)
            assert await self.runner.run(job_id)

    async def die(self, job_id: str, times: int) -> None:
        """Claim it so often and say no more of it."""
        died = 0
        while died < times:
            job = await self.job(job_id)
            now = self.clock.at = max(self.clock.at, job.lease_until or job.not_before)
            died += await self.catalogue.write(lambda tx, now=now: tx.jobs.claim(job_id, now)) is not None
        # Whoever looks next finds the last of them dead.
        now = self.clock.at = self.clock.at + LEASE
        assert await self.catalogue.write(lambda tx: tx.jobs.claim(job_id, now)) is None

    async def endings(self) -> list[EventType]:
        kept = await self.catalogue.read(lambda tx: tx.events.history(self.subject, 99))
        return [EventType(json.loads(one.data)["type"]) for one in kept]


async def test_what_is_down_costs_work_none_of_the_attempts_that_may_be_its_own_fault(
    catalogue: SqlCatalogue,
) -> None:
    runs = Runs(catalogue, Stage.DESCRIBE, Unavailable("away", "The store is away."))
    job_id = await runs.add()
    await runs.run(job_id, 3 * MAX_ATTEMPTS)
    runs.trying.error = StageFailed("bad", "It does not work.")
    await runs.run(job_id, MAX_ATTEMPTS - 1)
    assert (await runs.job(job_id)).state is JobState.QUEUED
    await runs.run(job_id, 1)
    job = await runs.job(job_id)
    assert (job.state, job.attempts, job.code) == (JobState.FAILED, 4 * MAX_ATTEMPTS, "bad")
    assert await runs.endings() == [EventType.STAGE_FAILED]


async def test_work_at_which_workers_die_is_ended_untried_and_a_person_can_begin_anew(
    catalogue: SqlCatalogue,
) -> None:
    runs = Runs(catalogue, Stage.DESCRIBE, StageFailed("bad", "It does not work.", final=True))
    job_id = await runs.add()
    await runs.die(job_id, MAX_ATTEMPTS)
    await runs.run(job_id, 1)
    job = await runs.job(job_id)
    assert (job.state, job.code) == (JobState.FAILED, WORKER_DIED)
    assert runs.trying.tried == 0
    (reason,) = runs.trying.given_up_for
    assert "memory" in reason
    assert await runs.endings() == [EventType.STAGE_FAILED]
    await runs.runner.retry(job_id, None)
    await runs.run(job_id, 1)
    assert runs.trying.tried == 1


async def test_a_commit_at_which_workers_die_is_tried_on(catalogue: SqlCatalogue) -> None:
    runs = Runs(catalogue, Stage.COMMIT, Unavailable("away", "The store is away."))
    job_id = await runs.add()
    await runs.die(job_id, 2 * MAX_ATTEMPTS)
    await runs.run(job_id, 1)
    assert runs.trying.tried == 1
    assert (await runs.job(job_id)).state is JobState.QUEUED
    held = await catalogue.read(lambda tx: tx.jobs.held_up())
    assert held is not None
    assert held.reasons == ("The store is away.",)
