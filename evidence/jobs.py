"""Background work as rows: states, leases, fencing and retries, as pure rules.

The catalogue is the truth about work, the broker only a doorbell (promise 6 of docs/architecture.md).
A job is claimed by raising its fence; every later write of that attempt names the fence, so that a
worker that slept through its lease can write nothing. A lease that lies further ahead than one can be
granted, by clocks as far apart as they may be, was written under another clock and counts as expired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from evidence.errors import CustosError, StageFailed
from evidence.timekeeping import CLOCKS_APART, is_live

LEASE = timedelta(seconds=30)
HEARTBEAT = timedelta(seconds=5)
#: Failures that may lie in the work itself end it after so many attempts.
MAX_ATTEMPTS = 6
#: A worker that dies once or twice at a job was killed by something else; from here on the job may kill it.
_DEATHS_BELIEVED = 3
_FIRST_DELAY = timedelta(seconds=2)
_LONGEST_DELAY = timedelta(minutes=5)
#: What may be back by now: somebody is standing before the docking station.
_LOOKED_AGAIN = timedelta(minutes=1)
#: Permille from which on the pace says something.
_TELLING = 20
#: A rung job that nobody claimed is rung again after this long.
ANSWER_WITHIN = timedelta(seconds=10)
#: How many waiting rows of one queue are rung for at once.
RINGS = 200
#: How many parts of long recordings are rung for at once: what is short must not stand behind them. Where
#: more are being made already there are workers enough, and so many more are rung for.
PARTS_AT_ONCE = 4
_PARTS_AHEAD = 2
#: How many audits are done at once: one is enough for the rate, and leaves the workers to others.
AUDITS_AT_ONCE = 1


class Stage(StrEnum):
    """One task per stage; each may run twice."""

    COMMIT = "commit"
    READ_BACK = "read-back"
    DESCRIBE = "describe"
    PLAYABLE = "playable"
    PREVIEW = "preview"
    PROVE = "prove"
    FINGERPRINT = "fingerprint"
    STILL = "still"
    RECOVER = "recover"
    CLIP = "clip"
    EXPORT = "export"
    PART = "part"
    TRACKS = "tracks"
    FIXITY = "fixity"


#: What is rung for first when several wait: somebody is standing before the docking station.
URGENCY = (
    Stage.COMMIT,
    Stage.STILL,
    Stage.CLIP,
    Stage.EXPORT,
    Stage.DESCRIBE,
    Stage.PLAYABLE,
    Stage.READ_BACK,
    Stage.PREVIEW,
    Stage.PART,
    Stage.TRACKS,
    Stage.RECOVER,
    Stage.PROVE,
    Stage.FINGERPRINT,
    Stage.FIXITY,
)


class Cost(StrEnum):
    """What work takes, and who waits for it. Each has workers of its own where there are enough."""

    #: Seconds, and a person stands before the docking station or sits at a desk.
    LIGHT = "light"
    #: Minutes of encoding, until something can be watched.
    TRANSCODE = "transcode"
    #: Hours perhaps, and nobody watches.
    BULK = "bulk"


_COSTS: Mapping[Stage, Cost] = {
    Stage.COMMIT: Cost.LIGHT,
    Stage.READ_BACK: Cost.LIGHT,
    Stage.DESCRIBE: Cost.LIGHT,
    Stage.STILL: Cost.LIGHT,
    Stage.PLAYABLE: Cost.TRANSCODE,
    Stage.PREVIEW: Cost.TRANSCODE,
    Stage.CLIP: Cost.TRANSCODE,
    Stage.PART: Cost.TRANSCODE,
    Stage.TRACKS: Cost.TRANSCODE,
    Stage.RECOVER: Cost.TRANSCODE,
    Stage.PROVE: Cost.TRANSCODE,
    Stage.EXPORT: Cost.BULK,
    Stage.FINGERPRINT: Cost.BULK,
    Stage.FIXITY: Cost.BULK,
}


def cost_of(stage: Stage) -> Cost:
    """What a stage's work takes."""
    return _COSTS[stage]


#: Work that only looks: no item is at work or has failed by it, and no disposal waits for it.
ASIDE = frozenset({Stage.FIXITY})


class JobState(StrEnum):
    """queued → running → done | queued again | failed | waiting; failed → queued by a person's retry.

    A waiting job has handed its work to others; the last of them queues it again.
    """

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One stage of one subject.

    For COMMIT that is an upload, for STILL, RECOVER, CLIP and EXPORT what was asked, for PART the part, else
    an item.
    """

    id: str
    stage: Stage
    subject: str
    unit: str
    state: JobState
    attempts: int
    fence: int
    not_before: datetime
    lease_until: datetime | None
    progress: int
    code: str | None
    message: str | None
    updated_at: datetime
    #: When the attempt that runs, or the last one, began.
    started_at: datetime | None = None
    #: The staging disk on which its bytes lie: only workers of that host can do it. None: any can.
    staging: str | None = None
    #: Of its attempts, those whose end may lie in the work itself: it failed, or its worker died at it.
    faults: int = 0


def time_left(job: Job) -> timedelta | None:
    """How long a job still takes if it goes on as it did; None while that cannot be said."""
    at_work = job.state in (JobState.RUNNING, JobState.WAITING)
    if not at_work or job.started_at is None or job.progress < _TELLING:
        return None
    taken = job.updated_at - job.started_at
    return taken * (1000 - job.progress) / job.progress if taken > timedelta(0) else None


def backoff(attempts: int) -> timedelta:
    """How long to wait after the `attempts`-th failed attempt (1, 2, …): doubling, capped."""
    doubled: timedelta = _FIRST_DELAY * 2 ** min(max(attempts, 1) - 1, 16)
    return min(doubled, _LONGEST_DELAY)


def retry_after(attempts: int, faults: int, error: CustosError) -> timedelta | None:
    """How long to wait after the `attempts`-th attempt ended so; None: it is not tried again by itself.

    `faults` are those of the attempts, this one among them, whose end may lie in the work itself. What is
    down or full is not the work's fault, and comes back: it is tried for as long as that takes.
    """
    if error.passes:
        return min(backoff(attempts), _LOOKED_AGAIN)
    is_final = isinstance(error, StageFailed) and error.final
    return None if is_final or faults >= MAX_ATTEMPTS else backoff(faults)


def pause_after_death(faults: int) -> timedelta | None:
    """How long a job is left alone whose worker died at it, as the last of `faults`; None: not at all.

    A worker that takes over at once loses nothing to a power cut; one that dies of the job, all that it
    was at each time.
    """
    return None if faults < _DEATHS_BELIEVED else min(backoff(faults), _LOOKED_AGAIN)


def is_spent(stage: Stage, faults: int) -> bool:
    """Whether a claimed job is to be ended untried, because its workers died at it.

    A commit never is: what was accepted must not wait for a person.
    """
    return faults >= MAX_ATTEMPTS and stage is not Stage.COMMIT


#: Of a job whose workers died at it.
WORKER_DIED = "worker-died"
WORKER_DIED_WORDS = (
    "The process that did this ended again and again before it could say why: it may have run out of memory, "
    "or have been killed. See the host's log and its free memory."
)


def is_claimable(state: JobState, not_before: datetime, lease_until: datetime | None, now: datetime) -> bool:
    """Whether a worker may take the job now: due and queued, or running with a dead lease."""
    if state is JobState.QUEUED:
        return not is_live(not_before, now, _LONGEST_DELAY)
    if state is JobState.RUNNING:
        return lease_until is None or not is_live(lease_until, now, LEASE + CLOCKS_APART)
    return False


def most_at_once(stage: Stage, running: int) -> int | None:
    """How many of a stage may be running or rung for, while so many run; None: any number."""
    if stage is Stage.PART:
        return max(PARTS_AT_ONCE, running + _PARTS_AHEAD)
    return AUDITS_AT_ONCE if stage is Stage.FIXITY else None


def needs_ringing(
    state: JobState,
    not_before: datetime,
    lease_until: datetime | None,
    rung_at: datetime | None,
    now: datetime,
) -> bool:
    """Whether the sweep rings for this row: claimable, and not rung a moment ago."""
    return is_claimable(state, not_before, lease_until, now) and (
        rung_at is None or not is_live(rung_at + ANSWER_WITHIN, now, ANSWER_WITHIN)
    )


def is_answered(
    state: JobState,
    not_before: datetime,
    lease_until: datetime | None,
    rung_at: datetime | None,
    now: datetime,
) -> bool:
    """Whether somebody is at it, or was rung for it a moment ago."""
    if state is JobState.RUNNING:
        return not is_claimable(state, not_before, lease_until, now)
    return (
        state is JobState.QUEUED
        and rung_at is not None
        and is_live(rung_at + ANSWER_WITHIN, now, ANSWER_WITHIN)
    )
