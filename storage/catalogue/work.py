"""Background work as rows (`evidence.jobs` holds the rules)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from evidence.errors import Conflict, LeaseLost
from evidence.ids import new_id
from evidence.jobs import (
    LEASE,
    MAX_ATTEMPTS,
    URGENCY,
    WORKER_DIED,
    WORKER_DIED_WORDS,
    Cost,
    Job,
    JobState,
    Stage,
    cost_of,
    is_answered,
    is_claimable,
    most_at_once,
    needs_ringing,
    pause_after_death,
)
from evidence.ports.catalogue import JobChange
from evidence.timekeeping import to_micros
from evidence.waiting import PATIENCE, HeldUp, Waiting, held_up, long_waiting
from storage.catalogue import codec
from storage.catalogue.tables import job_changes, jobs

_UNFINISHED = (JobState.QUEUED.value, JobState.RUNNING.value)
_ENDED = (JobState.DONE.value, JobState.FAILED.value, JobState.WAITING.value)
_KEEP_CHANGES = timedelta(days=2)


class SqlJobs:
    """`evidence.ports.catalogue.Jobs` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _set(self, job_id: str, now: datetime, **values: Any) -> None:
        self._connection.execute(
            update(jobs).where(jobs.c.id == job_id).values(updated_at=to_micros(now), **values)
        )
        self._note(job_id)

    def _note(self, job_id: str) -> None:
        row = self._connection.execute(select(jobs).where(jobs.c.id == job_id)).mappings().one()
        self._connection.execute(
            insert(job_changes).values(
                job_id=row["id"],
                stage=row["stage"],
                subject=row["subject"],
                unit=row["unit"],
                state=row["state"],
                progress=row["progress"],
                message=row["message"],
                at=row["updated_at"],
            )
        )

    def add(
        self,
        stage: Stage,
        subject: str,
        unit: str,
        now: datetime,
        *,
        again: bool = False,
        staging: str | None = None,
    ) -> str:
        """The job of this stage and subject, made if there is none."""
        found = self._connection.execute(
            select(jobs.c.id, jobs.c.state).where(jobs.c.subject == subject, jobs.c.stage == stage.value)
        ).first()
        if found is not None:
            if again and found.state == JobState.DONE.value:
                self._queue(found.id, now)
            return str(found.id)
        job_id = new_id(now)
        self._connection.execute(
            insert(jobs).values(
                id=job_id,
                stage=stage.value,
                subject=subject,
                unit=unit,
                state=JobState.QUEUED.value,
                attempts=0,
                fence=0,
                not_before=to_micros(now),
                progress=0,
                updated_at=to_micros(now),
                staging=staging,
            )
        )
        self._note(job_id)
        return job_id

    def get(self, job_id: str) -> Job | None:
        """The job of that identifier."""
        row = self._connection.execute(select(jobs).where(jobs.c.id == job_id)).mappings().first()
        return None if row is None else codec.job(row)

    def of_subjects(self, subjects: Sequence[str]) -> Sequence[Job]:
        """Jobs of these uploads or items."""
        rows = self._connection.execute(
            select(jobs).where(jobs.c.subject.in_(subjects)).order_by(jobs.c.id)
        ).mappings()
        return [codec.job(row) for row in rows]

    def listed(self, state: JobState | None, limit: int) -> Sequence[Job]:
        """Jobs in one state or any, latest change first."""
        query = select(jobs).order_by(jobs.c.updated_at.desc()).limit(limit)
        if state is not None:
            query = query.where(jobs.c.state == state.value)
        return [codec.job(row) for row in self._connection.execute(query).mappings()]

    def claim(self, job_id: str, now: datetime, staging: str | None = None) -> Job | None:
        """Take the job, a new fence, a new lease, one more attempt; or leave it alone for a while."""
        job = self.get(job_id)
        if job is None or job.staging not in (None, staging):
            return None
        if not is_claimable(job.state, job.not_before, job.lease_until, now):
            return None
        faults = job.faults
        if job.state is JobState.RUNNING:
            faults += 1
            pause = pause_after_death(faults)
            if pause is not None:
                self._leave(job, faults, now, now + pause)
                return None
        self._set(
            job_id,
            now,
            state=JobState.RUNNING.value,
            faults=faults,
            fence=job.fence + 1,
            attempts=job.attempts + 1,
            lease_until=to_micros(now + LEASE),
            started_at=to_micros(now),
            # What a killed attempt had done is not known; what others did for a waiting job is.
            progress=job.progress if job.state is JobState.QUEUED else 0,
            code=None,
            message=None,
        )
        return self.get(job_id)

    def _leave(self, job: Job, faults: int, now: datetime, until: datetime) -> None:
        self._set(
            job.id,
            now,
            state=JobState.QUEUED.value,
            # Whoever was at it, and is not dead but was slow, owns it no more.
            fence=job.fence + 1,
            faults=faults,
            lease_until=None,
            rung_at=None,
            progress=0,
            not_before=to_micros(until),
            code=WORKER_DIED,
            message=WORKER_DIED_WORDS,
        )

    def guard(self, job_id: str, fence: int) -> None:
        """Raise LeaseLost unless the fence still owns the job."""
        owned = self._connection.execute(
            select(func.count())
            .select_from(jobs)
            .where(jobs.c.id == job_id, jobs.c.fence == fence, jobs.c.state == JobState.RUNNING.value)
        ).scalar_one()
        if not owned:
            raise LeaseLost

    def heartbeat(self, job_id: str, fence: int, progress: int, now: datetime) -> None:
        """Extend the lease and note the progress (0..1000)."""
        self.guard(job_id, fence)
        self._set(job_id, now, lease_until=to_micros(now + LEASE), progress=progress)

    def wait(self, job_id: str, fence: int, now: datetime) -> None:
        """Let the job wait for others."""
        self.guard(job_id, fence)
        self._set(job_id, now, state=JobState.WAITING.value, lease_until=None)

    def tell(self, stage: Stage, subject: str, progress: int, now: datetime) -> None:
        """Note how far a waiting job's others are."""
        job_id = self._waiting(stage, subject)
        if job_id is not None:
            self._set(job_id, now, progress=progress)

    def waiting(self, stage: Stage, limit: int) -> Sequence[str]:
        """What jobs of that stage are about that wait for others, the oldest first."""
        query = select(jobs.c.subject).where(
            jobs.c.stage == stage.value, jobs.c.state == JobState.WAITING.value
        )
        return self._connection.execute(query.order_by(jobs.c.id).limit(limit)).scalars().all()

    def resume(self, stage: Stage, subject: str, now: datetime) -> None:
        """Queue a waiting job, its attempts counted from zero."""
        job_id = self._waiting(stage, subject)
        if job_id is not None:
            self._set(
                job_id,
                now,
                state=JobState.QUEUED.value,
                attempts=0,
                faults=0,
                not_before=to_micros(now),
                rung_at=None,
            )

    def _waiting(self, stage: Stage, subject: str) -> str | None:
        return self._connection.execute(
            select(jobs.c.id).where(
                jobs.c.subject == subject,
                jobs.c.stage == stage.value,
                jobs.c.state == JobState.WAITING.value,
            )
        ).scalar()

    def finish(self, job_id: str, fence: int, now: datetime) -> None:
        """The stage's result is in this transaction."""
        self.guard(job_id, fence)
        self._set(job_id, now, state=JobState.DONE.value, lease_until=None, progress=1000)

    def fail(
        self,
        job_id: str,
        fence: int,
        *,
        code: str,
        message: str,
        faults: int,
        retry_at: datetime | None,
        now: datetime,
    ) -> None:
        """Queue again at `retry_at`, or fail for good."""
        self.guard(job_id, fence)
        state = JobState.FAILED if retry_at is None else JobState.QUEUED
        self._set(
            job_id,
            now,
            state=state.value,
            lease_until=None,
            rung_at=None,
            progress=0,
            not_before=to_micros(retry_at or now),
            faults=faults,
            code=code,
            message=message,
        )

    def retry(self, job_id: str, now: datetime) -> None:
        """Queue a failed job again."""
        job = self.get(job_id)
        if job is None or job.state is not JobState.FAILED:
            raise Conflict("not-failed", "Only a job that has failed can be tried again by hand.")
        self._queue(job_id, now)

    def _queue(self, job_id: str, now: datetime) -> None:
        self._set(
            job_id,
            now,
            state=JobState.QUEUED.value,
            attempts=0,
            faults=0,
            progress=0,
            not_before=to_micros(now),
            rung_at=None,
            code=None,
            message=None,
        )

    def to_ring(self, now: datetime, limit: int) -> Sequence[Job]:
        """Jobs that nobody answered, marked as rung now."""
        rows = self._connection.execute(
            select(jobs).where(jobs.c.state.in_(_UNFINISHED)).order_by(jobs.c.id)
        ).mappings()
        waiting = [(codec.job(row), codec.maybe_time(row["rung_at"])) for row in rows]
        answered = [
            job
            for job, rung_at in waiting
            if is_answered(job.state, job.not_before, job.lease_until, rung_at, now)
        ]
        few = Counter(job.stage for job in answered)
        running = Counter(job.stage for job in answered if job.state is JobState.RUNNING)
        due: list[Job] = []
        rung: Counter[tuple[Cost, str | None]] = Counter()
        for job, rung_at in waiting:
            queue = (cost_of(job.stage), job.staging)
            if rung[queue] == limit:
                continue
            if not needs_ringing(job.state, job.not_before, job.lease_until, rung_at, now):
                continue
            most = most_at_once(job.stage, running[job.stage])
            if most is not None and few[job.stage] >= most:
                continue
            few[job.stage] += 1
            due.append(job)
            rung[queue] += 1
        self._connection.execute(
            update(jobs).where(jobs.c.id.in_([job.id for job in due])).values(rung_at=to_micros(now))
        )
        return sorted(due, key=lambda job: URGENCY.index(job.stage))

    def unanswered(self, now: datetime) -> Sequence[Waiting]:
        """What waits, and nobody has been at any like it."""
        rows = self._connection.execute(select(jobs).where(jobs.c.state.in_(_UNFINISHED))).mappings()
        return [one for one in long_waiting(map(codec.job, rows), now) if not self._was_done(one, now)]

    def held_up(self) -> HeldUp | None:
        """What cannot go on for long."""
        rows = self._connection.execute(
            select(jobs).where(jobs.c.state.in_(_UNFINISHED), jobs.c.attempts >= MAX_ATTEMPTS)
        ).mappings()
        return held_up(map(codec.job, rows))

    def _was_done(self, waiting: Waiting, now: datetime) -> bool:
        """Whether work of that queue has ended of late, however it ended."""
        found = self._connection.execute(
            select(jobs.c.id)
            .where(
                jobs.c.state.in_(_ENDED),
                jobs.c.updated_at > to_micros(now - PATIENCE[waiting.cost]),
                jobs.c.stage.in_([stage.value for stage in Stage if cost_of(stage) is waiting.cost]),
                jobs.c.staging.is_not_distinct_from(waiting.staging),
            )
            .limit(1)
        )
        return found.first() is not None

    def changes(self, after: int, limit: int) -> Sequence[JobChange]:
        """Changes later than `after`, oldest first."""
        rows = self._connection.execute(
            select(job_changes).where(job_changes.c.seq > after).order_by(job_changes.c.seq).limit(limit)
        ).mappings()
        return [codec.job_change(row) for row in rows]

    def last_change(self) -> int:
        """The newest change's number, 0 if there is none."""
        return int(
            self._connection.execute(select(func.coalesce(func.max(job_changes.c.seq), 0))).scalar_one()
        )

    def prune_changes(self, now: datetime) -> None:
        """Drop changes that no listener can still want."""
        self._connection.execute(delete(job_changes).where(job_changes.c.at < to_micros(now - _KEEP_CHANGES)))
