"""What every `Catalogue` promises of work: claimed once, fenced, rung for, waiting for other work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from evidence.errors import Conflict, LeaseLost
from evidence.ids import new_id
from evidence.jobs import (
    LEASE,
    MAX_ATTEMPTS,
    PARTS_AT_ONCE,
    URGENCY,
    WORKER_DIED,
    Cost,
    Job,
    JobState,
    Stage,
    pause_after_death,
)
from evidence.parts import Part
from evidence.timekeeping import CLOCKS_APART
from evidence.waiting import PATIENCE
from storage.catalogue.catalogue import SqlCatalogue
from tests.contract.test_catalogue import (
    HERE,
    NOW,
    THERE,
    an_item,
    an_upload,
)


async def test_what_lies_elsewhere_is_left_alone_and_costs_no_attempt(catalogue: SqlCatalogue) -> None:
    upload = an_upload(staging=THERE)
    await catalogue.write(lambda tx: tx.uploads.add(upload))
    job_id = await catalogue.write(
        lambda tx: tx.jobs.add(Stage.COMMIT, upload.id, "u", NOW, staging=upload.staging)
    )
    other = await catalogue.write(lambda tx: tx.jobs.add(Stage.COMMIT, new_id(NOW), "u", NOW))
    rung = await catalogue.write(lambda tx: tx.jobs.to_ring(NOW, 1))
    assert {job.staging for job in rung} == {THERE, None}, "each queue has its own limit"
    for nobody in (HERE, None):
        assert await catalogue.write(lambda tx, nobody=nobody: tx.jobs.claim(job_id, NOW, nobody)) is None
    left = await catalogue.read(lambda tx: tx.jobs.get(job_id))
    assert left is not None
    assert (left.attempts, left.fence, left.state) == (0, 0, JobState.QUEUED)
    later = NOW + PATIENCE[Cost.LIGHT] + timedelta(seconds=1)
    assert await catalogue.write(lambda tx: tx.jobs.claim(other, later, HERE)) is not None
    (waiting,) = await catalogue.read(lambda tx: tx.jobs.unanswered(later))
    assert waiting.staging == THERE
    assert await catalogue.write(lambda tx: tx.jobs.claim(job_id, NOW, THERE)) is not None
    await catalogue.write(lambda tx: tx.uploads.release(upload.id))
    assert await catalogue.write(lambda tx: tx.jobs.claim(job_id, NOW + LEASE, HERE)) is not None


async def test_a_lease_of_a_host_whose_clock_is_ahead_holds(catalogue: SqlCatalogue) -> None:
    job_id = await catalogue.write(lambda tx: tx.jobs.add(Stage.DESCRIBE, new_id(NOW), "u", NOW))
    ahead = NOW + CLOCKS_APART
    assert await catalogue.write(lambda tx: tx.jobs.claim(job_id, ahead)) is not None
    assert await catalogue.write(lambda tx: tx.jobs.claim(job_id, NOW)) is None
    assert await catalogue.write(lambda tx: tx.jobs.to_ring(NOW + LEASE, 9)) == []


async def test_a_job_is_claimed_once_and_fenced(catalogue: SqlCatalogue) -> None:
    subject = new_id(NOW)
    job_id = await catalogue.write(lambda tx: tx.jobs.add(Stage.DESCRIBE, subject, "u", NOW))
    assert await catalogue.write(lambda tx: tx.jobs.add(Stage.DESCRIBE, subject, "u", NOW)) == job_id
    first = await catalogue.write(lambda tx: tx.jobs.claim(job_id, NOW))
    assert first is not None
    assert await catalogue.write(lambda tx: tx.jobs.claim(job_id, NOW)) is None
    second = await catalogue.write(lambda tx: tx.jobs.claim(job_id, NOW + LEASE))
    assert second is not None
    for late in (
        lambda tx: tx.jobs.heartbeat(job_id, first.fence, 5, NOW),
        lambda tx: tx.jobs.finish(job_id, first.fence, NOW),
        lambda tx: tx.jobs.fail(job_id, first.fence, code="c", message="m", faults=1, retry_at=None, now=NOW),
    ):
        with pytest.raises(LeaseLost):
            await catalogue.write(late)
    await catalogue.write(lambda tx: tx.jobs.heartbeat(job_id, second.fence, 500, NOW))
    await catalogue.write(lambda tx: tx.jobs.finish(job_id, second.fence, NOW))
    states = [change.state for change in await catalogue.read(lambda tx: tx.jobs.changes(0, 99))]
    assert states == [JobState.QUEUED, JobState.RUNNING, JobState.RUNNING, JobState.RUNNING, JobState.DONE]
    with pytest.raises(Conflict):
        await catalogue.write(lambda tx: tx.jobs.retry(job_id, NOW))
    await catalogue.write(lambda tx: tx.jobs.add(Stage.DESCRIBE, subject, "u", NOW, again=True))
    (job,) = await catalogue.read(lambda tx: tx.jobs.of_subjects([subject]))
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)


async def test_a_job_at_which_workers_die_is_left_alone_for_longer_each_time(catalogue: SqlCatalogue) -> None:
    job_id = await catalogue.write(lambda tx: tx.jobs.add(Stage.DESCRIBE, new_id(NOW), "u", NOW))
    now = NOW
    owned: list[tuple[int, int]] = []
    pauses: list[timedelta] = []
    while True:
        job = await catalogue.write(lambda tx, now=now: tx.jobs.claim(job_id, now))
        left = await catalogue.read(lambda tx: tx.jobs.get(job_id))
        assert left is not None
        if job is None:
            assert (left.state, left.code, left.lease_until) == (JobState.QUEUED, WORKER_DIED, None)
            pauses.append(left.not_before - now)
            assert await catalogue.write(lambda tx, at=left.not_before: tx.jobs.to_ring(at, 9)) != []
            now = left.not_before
            continue
        owned.append((job.attempts, job.faults))
        if job.faults == MAX_ATTEMPTS:
            break
        now += LEASE
    assert owned == [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4), (6, 5), (7, 6)]
    assert pauses == [pause_after_death(faults) for faults in range(3, MAX_ATTEMPTS + 1)]
    await catalogue.write(
        lambda tx: tx.jobs.fail(job_id, left.fence, code="c", message="m", faults=7, retry_at=None, now=now)
    )
    await catalogue.write(lambda tx: tx.jobs.retry(job_id, now))
    again = await catalogue.write(lambda tx: tx.jobs.claim(job_id, now))
    assert again is not None
    assert (again.attempts, again.faults) == (1, 0)


async def test_whoever_was_slow_at_a_job_that_is_left_alone_owns_it_no_more(catalogue: SqlCatalogue) -> None:
    job_id = await catalogue.write(lambda tx: tx.jobs.add(Stage.DESCRIBE, new_id(NOW), "u", NOW))
    slow = None
    for late in range(3):
        slow = await catalogue.write(lambda tx, late=late: tx.jobs.claim(job_id, NOW + late * LEASE))
    assert slow is not None
    assert await catalogue.write(lambda tx: tx.jobs.claim(job_id, NOW + 3 * LEASE)) is None
    with pytest.raises(LeaseLost):
        await catalogue.write(lambda tx: tx.jobs.finish(job_id, slow.fence, NOW))


async def test_rings_are_marked_and_repeated(catalogue: SqlCatalogue) -> None:
    job_id = await catalogue.write(lambda tx: tx.jobs.add(Stage.COMMIT, new_id(NOW), "u", NOW))
    rung = await catalogue.write(lambda tx: tx.jobs.to_ring(NOW, 9))
    assert [job.id for job in rung] == [job_id]
    assert await catalogue.write(lambda tx: tx.jobs.to_ring(NOW, 9)) == []
    again = await catalogue.write(lambda tx: tx.jobs.to_ring(NOW + timedelta(seconds=11), 9))
    assert [job.id for job in again] == [job_id]


async def test_the_most_urgent_is_rung_for_first(catalogue: SqlCatalogue) -> None:
    for stage in reversed(URGENCY):
        await catalogue.write(lambda tx, stage=stage: tx.jobs.add(stage, new_id(NOW), "u", NOW))
    rung = await catalogue.write(lambda tx: tx.jobs.to_ring(NOW, len(URGENCY)))
    assert tuple(job.stage for job in rung) == URGENCY


async def test_each_cost_is_rung_for_by_itself(catalogue: SqlCatalogue) -> None:
    for stage in (Stage.PREVIEW, Stage.PREVIEW, Stage.PREVIEW, Stage.COMMIT):
        await catalogue.write(lambda tx, stage=stage: tx.jobs.add(stage, new_id(NOW), "u", NOW))
    rung = await catalogue.write(lambda tx: tx.jobs.to_ring(NOW, 2))
    assert [job.stage for job in rung] == [Stage.COMMIT, Stage.PREVIEW, Stage.PREVIEW]


async def test_work_is_unanswered_until_somebody_does_any_like_it(catalogue: SqlCatalogue) -> None:
    for stage in (Stage.PREVIEW, Stage.PROVE):
        await catalogue.write(lambda tx, stage=stage: tx.jobs.add(stage, new_id(NOW), "u", NOW))
    later = NOW + PATIENCE[Cost.TRANSCODE] + timedelta(seconds=1)
    assert await catalogue.read(lambda tx: tx.jobs.unanswered(NOW)) == []
    (found,) = await catalogue.read(lambda tx: tx.jobs.unanswered(later))
    assert (found.cost, found.jobs, found.since) == (Cost.TRANSCODE, 2, NOW)
    (one, _) = await catalogue.write(lambda tx: tx.jobs.to_ring(later, 9))
    claimed = await catalogue.write(lambda tx: tx.jobs.claim(one.id, later))
    assert claimed is not None
    assert await catalogue.read(lambda tx: tx.jobs.unanswered(later)) == []
    await catalogue.write(lambda tx: tx.jobs.finish(one.id, claimed.fence, later))
    assert await catalogue.read(lambda tx: tx.jobs.unanswered(later)) == []
    for stage in (Stage.EXPORT, Stage.COMMIT):
        await catalogue.write(lambda tx, stage=stage: tx.jobs.add(stage, new_id(NOW), "u", NOW))
    assert [one.cost for one in await catalogue.read(lambda tx: tx.jobs.unanswered(later))] == [Cost.LIGHT]


async def test_only_so_many_parts_are_rung_for_that_the_rest_is_not_kept_waiting(
    catalogue: SqlCatalogue,
) -> None:
    for _ in range(PARTS_AT_ONCE + 2):
        await catalogue.write(lambda tx: tx.jobs.add(Stage.PART, new_id(NOW), "u", NOW))

    async def ring() -> list[Job]:
        return list(await catalogue.write(lambda tx: tx.jobs.to_ring(NOW, 99)))

    first = await ring()
    assert len(first) == PARTS_AT_ONCE
    await catalogue.write(lambda tx: tx.jobs.claim(first[0].id, NOW))
    assert await ring() == []
    await catalogue.write(lambda tx: tx.jobs.finish(first[0].id, first[0].fence + 1, NOW))
    (next_one,) = await ring()
    assert next_one.id not in {job.id for job in first}


async def test_where_there_are_workers_for_more_parts_more_are_rung_for(catalogue: SqlCatalogue) -> None:
    for _ in range(3 * PARTS_AT_ONCE):
        await catalogue.write(lambda tx: tx.jobs.add(Stage.PART, new_id(NOW), "u", NOW))
    running = 0
    while rung := await catalogue.write(lambda tx: tx.jobs.to_ring(NOW, 99)):
        assert len(rung) == (2 if running else PARTS_AT_ONCE)
        for job in rung:
            await catalogue.write(lambda tx, job=job: tx.jobs.claim(job.id, NOW))
        running += len(rung)
    assert running == 3 * PARTS_AT_ONCE


async def test_a_job_waits_for_others_and_goes_on(catalogue: SqlCatalogue) -> None:
    subject = new_id(NOW)
    job_id = await catalogue.write(lambda tx: tx.jobs.add(Stage.PLAYABLE, subject, "u", NOW))
    job = await catalogue.write(lambda tx: tx.jobs.claim(job_id, NOW))
    assert job is not None
    with pytest.raises(LeaseLost):
        await catalogue.write(lambda tx: tx.jobs.wait(job_id, job.fence + 1, NOW))
    for too_early in (
        lambda tx: tx.jobs.tell(Stage.PLAYABLE, subject, 400, NOW),
        lambda tx: tx.jobs.resume(Stage.PLAYABLE, subject, NOW),
    ):
        await catalogue.write(too_early)
        assert await catalogue.read(lambda tx: tx.jobs.get(job_id)) == job
    await catalogue.write(lambda tx: tx.jobs.wait(job_id, job.fence, NOW))
    much_later = NOW + timedelta(days=1)
    assert await catalogue.write(lambda tx: tx.jobs.to_ring(much_later, 9)) == []
    assert await catalogue.write(lambda tx: tx.jobs.claim(job_id, much_later)) is None
    await catalogue.write(lambda tx: tx.jobs.tell(Stage.PLAYABLE, subject, 400, much_later))
    await catalogue.write(lambda tx: tx.jobs.resume(Stage.PLAYABLE, subject, much_later))
    assert [job.id for job in await catalogue.write(lambda tx: tx.jobs.to_ring(much_later, 9))] == [job_id]
    again = await catalogue.write(lambda tx: tx.jobs.claim(job_id, much_later))
    assert again is not None
    assert (again.progress, again.attempts) == (400, 1)


async def test_parts_are_planned_once_and_forgotten_together(catalogue: SqlCatalogue) -> None:
    item, other = [await catalogue.write(an_item) for _ in range(2)]

    def some(item_id: str, numbers: Sequence[int]) -> list[Part]:
        return [Part(new_id(NOW), item_id, n, n * 10, n * 10 + 10, {"seek_us": None}) for n in numbers]

    planned, theirs = some(item.id, [0, 1, 2]), some(other.id, [1])
    await catalogue.write(lambda tx: tx.parts.plan(list(reversed(planned))))
    await catalogue.write(lambda tx: tx.parts.plan(some(item.id, [0, 1])))
    await catalogue.write(lambda tx: tx.parts.plan(theirs))
    assert await catalogue.read(lambda tx: tx.parts.of_item(item.id)) == planned
    await catalogue.write(lambda tx: tx.parts.made(planned[1].id, NOW))
    await catalogue.write(lambda tx: tx.parts.give_up(planned[2].id, "words"))
    assert await catalogue.read(lambda tx: tx.parts.get(planned[1].id)) == replace(planned[1], made_at=NOW)
    found = await catalogue.read(lambda tx: tx.parts.of_items([item.id, other.id, new_id(NOW)]))
    assert found == {
        item.id: [planned[0], replace(planned[1], made_at=NOW), replace(planned[2], given_up="words")],
        other.id: theirs,
    }
    await catalogue.write(lambda tx: tx.parts.forget(item.id))
    assert await catalogue.read(lambda tx: tx.parts.get(planned[0].id)) is None
    assert await catalogue.read(lambda tx: tx.parts.of_item(other.id)) == theirs
