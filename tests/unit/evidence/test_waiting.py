"""What each stage costs, and which work has no worker."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from evidence.ids import new_id
from evidence.jobs import LEASE, MAX_ATTEMPTS, URGENCY, Cost, Job, JobState, Stage, cost_of
from evidence.waiting import PATIENCE, held_up, long_waiting

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def job(stage: Stage, state: JobState = JobState.QUEUED, *, since: timedelta, started: bool = False) -> Job:
    """A job that is due since so long, and if it runs, runs with a lease that ends then or in time."""
    at = NOW - since
    return Job(
        new_id(at), stage, new_id(at), "u", state, 0, 0, at, at if state is JobState.RUNNING else None, 0,
        None, None, at, at if started else None,
    )  # fmt: skip


def test_each_stage_costs_something() -> None:
    assert {stage: cost_of(stage) for stage in Stage}.keys() == set(URGENCY)
    assert cost_of(Stage.COMMIT) is cost_of(Stage.READ_BACK) is Cost.LIGHT
    assert cost_of(Stage.PART) is Cost.TRANSCODE
    assert cost_of(Stage.FIXITY) is Cost.BULK


@pytest.mark.parametrize("cost", Cost)
def test_work_that_nobody_is_at_is_told_once_it_waits_too_long(cost: Cost) -> None:
    stage = next(stage for stage in Stage if cost_of(stage) is cost)
    patience = PATIENCE[cost]
    late = [job(stage, since=patience + timedelta(seconds=1)), job(stage, since=timedelta(0))]
    (found,) = long_waiting(late, NOW)
    assert (found.cost, found.jobs, found.since) == (cost, 2, NOW - patience - timedelta(seconds=1))
    assert long_waiting([job(stage, since=patience)], NOW) == []


def test_work_behind_other_work_of_its_kind_is_none() -> None:
    waiting = job(Stage.PLAYABLE, since=timedelta(hours=5))
    busy = job(Stage.PART, JobState.RUNNING, since=-LEASE)
    assert long_waiting([waiting, busy], NOW) == []
    elsewhere = job(Stage.COMMIT, JobState.RUNNING, since=-LEASE)
    assert [one.cost for one in long_waiting([waiting, elsewhere], NOW)] == [Cost.TRANSCODE]


def test_a_dead_lease_is_nobody_at_work() -> None:
    dead = job(Stage.READ_BACK, JobState.RUNNING, since=timedelta(minutes=9))
    assert [one.cost for one in long_waiting([dead], NOW)] == [Cost.LIGHT]


def test_what_fails_again_and_again_has_a_worker() -> None:
    waiting = job(Stage.COMMIT, since=timedelta(minutes=9))
    tried = job(Stage.COMMIT, since=timedelta(minutes=1), started=True)
    assert long_waiting([waiting, tried], NOW) == []


def test_what_was_tried_again_and_again_is_held_up_and_says_why() -> None:
    fresh = job(Stage.COMMIT, since=timedelta(0))
    first = replace(fresh, attempts=MAX_ATTEMPTS - 1, code="disk-full", message="The disk is full.")
    assert held_up([fresh, first]) is None
    often = replace(first, attempts=MAX_ATTEMPTS)
    trying = replace(often, state=JobState.RUNNING, code=None, message=None)
    found = held_up([fresh, often, often, trying])
    assert found is not None
    assert (found.jobs, found.reasons) == (3, ("The disk is full.",))
    assert found.words.startswith("3 jobs cannot go on: The disk is full. ")
    found = held_up([trying])
    assert found is not None
    assert found.reasons == ()
