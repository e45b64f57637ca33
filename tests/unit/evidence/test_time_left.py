"""How long work still takes, from the pace so far."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evidence.jobs import Job, JobState, Stage, time_left

BEGAN = datetime(2026, 11, 24, 8, tzinfo=UTC)


def _job(progress: int, seconds: float, state: JobState = JobState.RUNNING, **more: object) -> Job:
    now = BEGAN + timedelta(seconds=seconds)
    given = {"started_at": BEGAN, **more}
    return Job(
        "j",
        Stage.PLAYABLE,
        "s",
        "u",
        state,
        1,
        1,
        BEGAN,
        None,
        progress,
        None,
        None,
        now,
        **given,  # type: ignore[arg-type]
    )


def test_half_done_takes_as_long_again() -> None:
    assert time_left(_job(500, 60)) == timedelta(seconds=60)
    assert time_left(_job(900, 90)) == timedelta(seconds=10)
    assert time_left(_job(1000, 90)) == timedelta(0)


@pytest.mark.parametrize(
    "job",
    [
        _job(0, 60),
        _job(19, 60),
        _job(500, 0),
        _job(500, -5),
        _job(500, 60, JobState.QUEUED),
        _job(1000, 60, JobState.DONE),
        _job(500, 60, started_at=None),
    ],
)
def test_nothing_is_said_where_nothing_is_known(job: Job) -> None:
    assert time_left(job) is None
