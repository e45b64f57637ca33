"""Running one job: claim, heartbeat, stage, result; every write names the fence.

A broker message only says "look at this row". Whoever cannot claim the row leaves it alone, so that a
message delivered twice, late or never changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from evidence.errors import Conflict, CustosError, LeaseLost, StageFailed
from evidence.events import EventDraft, EventType, Outcome, Subject
from evidence.jobs import (
    HEARTBEAT,
    RINGS,
    WORKER_DIED,
    WORKER_DIED_WORDS,
    Job,
    Stage,
    is_spent,
    retry_after,
)
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.doorbell import Doorbell
from evidence.ports.work import GivesUp, StageWork
from evidence.projection import refresh_state

_log = logging.getLogger(__name__)
T = TypeVar("T")
#: What a stage's subject is called in events, where it is not an item.
_SUBJECTS = {
    Stage.COMMIT: "upload",
    Stage.STILL: "still",
    Stage.RECOVER: "recovery",
    Stage.CLIP: "clip",
    Stage.EXPORT: "export",
    Stage.PART: "part",
}


class JobLease:
    """`evidence.ports.work.Lease` on a claimed row."""

    def __init__(self, catalogue: Catalogue, clock: Clock, job: Job) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self.job = job
        self._progress = job.progress

    def progress(self, permille: int) -> None:
        """Note progress for the next heartbeat."""
        self._progress = min(max(permille, 0), 1000)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a snapshot."""
        return await self._catalogue.read(work)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` while this attempt owns the row."""

        def fenced(tx: Transaction) -> T:
            tx.jobs.guard(self.job.id, self.job.fence)
            return work(tx)

        return await self._catalogue.write(fenced)

    async def finish(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` and mark the job done."""

        def fenced(tx: Transaction) -> T:
            tx.jobs.guard(self.job.id, self.job.fence)
            result = work(tx)
            tx.jobs.finish(self.job.id, self.job.fence, self._clock.now())
            refresh_state(tx, self.job.subject)
            return result

        return await self._catalogue.write(fenced)

    async def wait(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` and let the job wait."""

        def fenced(tx: Transaction) -> T:
            tx.jobs.guard(self.job.id, self.job.fence)
            tx.jobs.wait(self.job.id, self.job.fence, self._clock.now())
            # Last: it may find that there is nothing left to wait for.
            return work(tx)

        return await self._catalogue.write(fenced)

    async def keep(self) -> None:
        """Heartbeat until cancelled; raises LeaseLost when another worker has taken over."""
        while True:
            await asyncio.sleep(HEARTBEAT.total_seconds())
            await self._catalogue.write(
                lambda tx: tx.jobs.heartbeat(self.job.id, self.job.fence, self._progress, self._clock.now())
            )


class JobRunner:
    """The use case that a worker calls with a job's identifier."""

    def __init__(
        self,
        catalogue: Catalogue,
        clock: Clock,
        doorbell: Doorbell,
        stages: Mapping[Stage, StageWork],
        staging: str,
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._doorbell = doorbell
        self._stages = stages
        self._staging = staging

    async def run(self, job_id: str) -> bool:
        """Do the job if it can be claimed; whether it was. Never raises for what the stage did."""
        job = await self._catalogue.write(lambda tx: tx.jobs.claim(job_id, self._clock.now(), self._staging))
        if job is None:
            return False
        lease = JobLease(self._catalogue, self._clock, job)
        if is_spent(job.stage, job.faults):
            await self._failed(job, StageFailed(WORKER_DIED, WORKER_DIED_WORDS, final=True))
            return True
        try:
            await self._attempt(lease)
        except LeaseLost:
            _log.warning("job %s (%s) was taken over by another worker", job.id, job.stage)
        except CustosError as error:
            await self._failed(job, error)
        except Exception as error:  # noqa: BLE001  a defect in a stage must end as a row, not as silence
            _log.exception("job %s (%s) failed unexpectedly", job.id, job.stage)
            await self._failed(job, StageFailed("defect", _defect(error)))
        await self.ring()
        return True

    async def ring(self) -> None:
        """Ring for every row that waits and was not rung for a moment ago."""
        now = self._clock.now()
        await self._doorbell.ring(await self._catalogue.write(lambda tx: tx.jobs.to_ring(now, RINGS)))

    async def retry(self, job_id: str, agent_id: str | None) -> None:
        """Queue a failed job again, on record; raises Conflict("not-failed")."""
        now = self._clock.now()

        def queue(tx: Transaction) -> None:
            job = tx.jobs.get(job_id)
            if job is None:
                raise Conflict("not-failed", "There is no such job.")
            tx.jobs.retry(job_id, now)
            refresh_state(tx, job.subject)
            tx.events.append(
                EventDraft(
                    EventType.STAGE_RETRIED,
                    agent_id,
                    now,
                    (_subject(job),),
                    detail={"stage": job.stage.value, "job": job.id},
                )
            )

        await self._catalogue.write(queue)
        await self.ring()

    async def _attempt(self, lease: JobLease) -> None:
        working = asyncio.ensure_future(self._stages[lease.job.stage].run(lease))
        keeping = asyncio.ensure_future(lease.keep())
        try:
            await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                working.cancel()
                with suppress(asyncio.CancelledError):
                    await working
                keeping.result()
            working.result()
        finally:
            for task in (working, keeping):
                task.cancel()
            await asyncio.gather(working, keeping, return_exceptions=True)

    async def _failed(self, job: Job, error: CustosError) -> None:
        now = self._clock.now()
        faults = job.faults + (not error.passes)
        pause = retry_after(job.attempts, faults, error)
        final, retry_at = pause is None, None if pause is None else now + pause
        _log.warning(
            "job %s (%s) attempt %d: %s%s", job.id, job.stage, job.attempts, error, ", final" if final else ""
        )

        stage = self._stages[job.stage]

        def note(tx: Transaction) -> None:
            tx.jobs.fail(
                job.id,
                job.fence,
                code=error.code,
                message=error.message,
                faults=faults,
                retry_at=retry_at,
                now=now,
            )
            if final:
                refresh_state(tx, job.subject)
                tx.events.append(
                    EventDraft(
                        EventType.STAGE_FAILED,
                        None,
                        now,
                        (_subject(job),),
                        Outcome.FAILURE,
                        detail={"stage": job.stage.value, "code": error.code, "message": error.message},
                    )
                )
                if isinstance(stage, GivesUp):
                    stage.given_up(tx, job, error.message)

        with suppress(LeaseLost):
            await self._catalogue.write(note)


def _subject(job: Job) -> Subject:
    return Subject(
        _SUBJECTS.get(job.stage, "item"),
        job.subject,
    )


def _defect(error: Exception) -> str:
    return (
        f"Custos itself failed here ({type(error).__name__}). Send the server's log to whoever maintains it."
    )
