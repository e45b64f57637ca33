"""What every `Catalogue` promises: groups, savepoints, frozen events, fenced jobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy.exc import DatabaseError

from evidence.access import Viewer
from evidence.agents import Agent, AgentKind, Role
from evidence.errors import Conflict, LeaseLost, Unavailable
from evidence.events import EventDraft, EventType, Subject, parse_event
from evidence.ids import new_id, new_pseudonym
from evidence.items import Item, Rendition, Still, Submission, Upload, UploadState
from evidence.jobs import LEASE, PARTS_AT_ONCE, URGENCY, Cost, Job, JobState, Stage
from evidence.keys import original_key
from evidence.parts import Part
from evidence.ports.catalogue import Alarm, Transaction
from evidence.timekeeping import CLOCKS_APART
from evidence.waiting import PATIENCE
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from tests.catalogues import ask

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
HERE, THERE = "0a0a0a0a", "0b0b0b0b"
AGENT = Agent(new_pseudonym(), AgentKind.PERSON, "li", "李", Role.OFFICER, "一大队")


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def source(self) -> str:
        return "a fixed clock"


@pytest.fixture
async def catalogue(where: Where) -> AsyncIterator[SqlCatalogue]:
    async with open_catalogue(where, FixedClock(), "test") as opened:
        await opened.write(lambda tx: tx.agents.add(AGENT, None, NOW))
        yield opened


def draft(subject: str) -> EventDraft:
    return EventDraft(EventType.ITEM_SHOWN, AGENT.id, NOW, (Subject("item", subject),), detail={"k": "值"})


def an_upload(**changes: object) -> Upload:
    upload = Upload(
        new_id(NOW), AGENT.id, AGENT.unit, 10, 0, UploadState.RECEIVING, Submission("a.mp4"), NOW, NOW
    )
    return replace(upload, **changes)  # type: ignore[arg-type]


def an_item(tx: Transaction, **changes: object) -> Item:
    upload = an_upload()
    tx.uploads.add(upload)
    item_id = new_id(NOW)
    item = Item(
        item_id, upload.id, AGENT.unit, AGENT.id, Submission("a.mp4", device="CAM"), "video", "video/mp4",
        10, "ab" * 32, 1, original_key(item_id, "ab" * 32, NOW), NOW, NOW,
    )  # fmt: skip
    item = replace(item, **changes)  # type: ignore[arg-type]
    tx.items.add(item)
    return item


def a_rendition(item: Item, kind: str) -> Rendition:
    return Rendition(
        new_id(NOW), item.id, kind, f"renditions/{item.id}/{kind}", "video/mp4", 1, "ab" * 32, NOW, {}, {}
    )


async def test_events_recorded_together_are_numbered_without_a_hole(catalogue: SqlCatalogue) -> None:
    subject = new_pseudonym()
    sealed = await asyncio.gather(*(catalogue.record(draft(subject)) for _ in range(300)))
    numbers = sorted(int(str(parse_event(event.data)["n"])) for event in sealed)
    assert numbers == list(range(numbers[0], numbers[0] + 300))
    history = await catalogue.read(lambda tx: tx.events.history(subject, 1000))
    assert [entry.data for entry in history] == [event.data for event in sealed]
    assert json.loads(history[0].detail or b"") == {"k": "值"}


async def test_work_that_raises_undoes_itself_and_nothing_else(catalogue: SqlCatalogue) -> None:
    subject = new_pseudonym()

    def bad(tx: Transaction) -> None:
        tx.events.append(draft(subject))
        raise Conflict("no", "no")

    results = await asyncio.gather(
        catalogue.record(draft(subject)),
        catalogue.write(bad),
        catalogue.record(draft(subject)),
        catalogue.write(lambda tx: tx.events.append(draft(subject))),
        return_exceptions=True,
    )
    assert [isinstance(result, Conflict) for result in results] == [False, True, False, False]
    history = await catalogue.read(lambda tx: tx.events.history(subject, 9))
    numbers = sorted(int(str(parse_event(entry.data)["n"])) for entry in history)
    assert len(numbers) == 3
    assert numbers == list(range(numbers[0], numbers[0] + 3))


async def test_a_row_that_breaks_a_rule_harms_nobody_else(catalogue: SqlCatalogue) -> None:
    upload = an_upload()
    await catalogue.write(lambda tx: tx.uploads.add(upload))
    results = await asyncio.gather(
        catalogue.record(draft("x")),
        catalogue.write(lambda tx: tx.uploads.add(upload)),
        catalogue.record(draft("x")),
        return_exceptions=True,
    )
    assert [isinstance(result, Unavailable) for result in results] == [False, True, False]


async def test_an_event_without_a_canonical_form_is_the_callers_error_alone(catalogue: SqlCatalogue) -> None:
    bad = EventDraft(EventType.ITEM_SHOWN, None, NOW, detail={"x": "\ud800"})
    results = await asyncio.gather(
        catalogue.record(bad), catalogue.record(draft("x")), return_exceptions=True
    )
    assert isinstance(results[0], ValueError)
    assert not isinstance(results[1], BaseException)


@pytest.mark.parametrize("statement", ["UPDATE events SET at = 0", "DELETE FROM events"])
async def test_events_are_frozen_in_the_database_too(
    catalogue: SqlCatalogue, where: Where, statement: str
) -> None:
    with pytest.raises(DatabaseError, match=r"append-only|permission denied"):
        catalogue._writer._connection.exec_driver_sql(statement)
    with pytest.raises((sqlite.IntegrityError, psycopg.IntegrityError), match="append-only"):
        await asyncio.to_thread(ask, where, statement)


async def test_a_read_can_write_nothing(catalogue: SqlCatalogue) -> None:
    with pytest.raises(Unavailable):
        await catalogue.read(lambda tx: tx.uploads.add(an_upload()))


async def test_an_emitter_says_when_it_starts_and_stops(where: Where) -> None:
    async with open_catalogue(where, FixedClock(), "first") as first:
        emitter = first.emitter
    async with open_catalogue(where, FixedClock(), "second") as second:
        assert second.emitter != emitter
        history = await second.read(lambda tx: tx.events.history(emitter, 9))
    assert [parse_event(entry.data)["type"] for entry in history] == ["emitter.started", "emitter.stopped"]


async def test_a_newer_catalogue_is_refused(where: Where) -> None:
    async with open_catalogue(where, FixedClock(), "x"):
        pass
    ask(where, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable) as error:
        async with open_catalogue(where, FixedClock(), "x"):
            pass
    assert error.value.code == "newer-catalogue"


async def test_uploads_advance_only_while_they_receive(catalogue: SqlCatalogue) -> None:
    upload = an_upload()
    await catalogue.write(lambda tx: tx.uploads.add(upload))
    assert await catalogue.read(lambda tx: tx.uploads.get(upload.id)) == upload
    assert await catalogue.read(lambda tx: tx.uploads.outstanding_bytes(HERE)) == 10

    def advance(tx: Transaction) -> None:
        tx.uploads.advance(upload.id, offset=10, hash_state=b"s", crc32=7, at=NOW)

    await catalogue.write(advance)
    assert [
        found.id
        for found in await catalogue.read(lambda tx: tx.uploads.complete_unaccepted(NOW + LEASE, HERE))
    ] == [upload.id]
    await catalogue.write(lambda tx: tx.uploads.settle(upload.id, UploadState.REFUSED, at=NOW, code="c"))
    assert await catalogue.read(lambda tx: tx.uploads.unit_bytes(AGENT.unit)) == 10
    with pytest.raises(Conflict):
        await catalogue.write(advance)


async def test_each_host_sees_to_what_lies_on_its_own_disk(catalogue: SqlCatalogue) -> None:
    here, there, old = (an_upload(staging=staging) for staging in (HERE, THERE, None))
    for upload in (here, there, old):
        await catalogue.write(lambda tx, upload=upload: tx.uploads.add(upload))
    assert await catalogue.read(lambda tx: tx.uploads.get(here.id)) == here
    assert await catalogue.read(lambda tx: tx.uploads.outstanding_bytes(HERE)) == 20
    stale = await catalogue.read(lambda tx: tx.uploads.stale(NOW + LEASE, HERE))
    assert {found.id for found in stale} == {here.id, old.id}
    await catalogue.write(
        lambda tx: tx.uploads.advance(there.id, offset=10, hash_state=b"s", crc32=7, at=NOW)
    )
    assert await catalogue.read(lambda tx: tx.uploads.complete_unaccepted(NOW + LEASE, HERE)) == []
    assert await catalogue.read(lambda tx: tx.uploads.stagings()) == {
        HERE: {UploadState.RECEIVING: 1},
        THERE: {UploadState.RECEIVING: 1},
    }
    await catalogue.write(lambda tx: tx.uploads.settle(there.id, UploadState.COMMITTED, at=NOW))
    assert await catalogue.read(lambda tx: tx.uploads.left_on(THERE)) == []
    assert [found.id for found in await catalogue.read(lambda tx: tx.uploads.left_on(HERE))] == [here.id]


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


async def test_the_same_acquisition_is_same_device_unit_and_bytes_and_never_empty(
    catalogue: SqlCatalogue,
) -> None:
    item = await catalogue.write(an_item)
    await catalogue.write(lambda tx: an_item(tx, size=0, sha256="00" * 32))

    async def same(unit: str, device: str, sha256: str) -> str | None:
        found = await catalogue.read(
            lambda tx: tx.items.same_acquisition(unit=unit, device=device, sha256=sha256)
        )
        return None if found is None else found.id

    assert await same(AGENT.unit, "CAM", "ab" * 32) == item.id
    assert await same("other", "CAM", "ab" * 32) is None
    assert await same(AGENT.unit, "CAM2", "ab" * 32) is None
    assert await same(AGENT.unit, "CAM", "00" * 32) is None


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
        lambda tx: tx.jobs.fail(job_id, first.fence, code="c", message="m", retry_at=None, now=NOW),
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


async def test_recordings_are_joined_once_their_copy_is_there(catalogue: SqlCatalogue) -> None:
    items = [await catalogue.write(an_item) for _ in range(3)]
    for item in items[:2]:
        part = Part(new_id(NOW), item.id, 1, 0, 10, {})
        await catalogue.write(lambda tx, part=part: tx.parts.plan([part]))
    made = a_rendition(items[0], "playable")
    await catalogue.write(lambda tx: tx.items.put_rendition(made))
    await catalogue.write(lambda tx: tx.items.put_rendition(a_rendition(items[1], "part-1")))
    await catalogue.write(lambda tx: tx.items.put_rendition(a_rendition(items[2], "playable")))

    async def joined(before: datetime) -> list[str]:
        return list(await catalogue.read(lambda tx: tx.parts.joined(before, 9)))

    assert await joined(NOW) == []
    assert await joined(NOW + timedelta(seconds=1)) == [items[0].id]
    await catalogue.write(lambda tx: tx.items.drop_rendition(made.id))
    assert await joined(NOW + timedelta(seconds=1)) == []


async def test_pages_follow_each_other_within_unit_and_owner(catalogue: SqlCatalogue) -> None:
    items = [await catalogue.write(an_item) for _ in range(5)]
    ids = sorted((item.id for item in items), reverse=True)

    async def page(before: str | None, unit: str | None = AGENT.unit, owner: str | None = None) -> list[str]:
        viewer = Viewer(owner or AGENT.id, unit, owner is not None, NOW)
        found = await catalogue.read(lambda tx: tx.items.page(viewer, before=before, limit=2))
        return [item.id for item in found]

    assert await page(None) == ids[:2]
    assert await page(ids[1]) == ids[2:4]
    assert await page(ids[3]) == ids[4:]
    assert await page(None, unit="other") == []
    assert await page(None, owner=new_pseudonym()) == []


async def test_an_alarm_stands_once_until_it_is_cleared(catalogue: SqlCatalogue) -> None:
    alarm = Alarm("k", "s", "words", NOW)
    assert await catalogue.write(lambda tx: tx.oversight.raise_alarm(alarm))
    assert not await catalogue.write(lambda tx: tx.oversight.raise_alarm(alarm))
    assert await catalogue.read(lambda tx: tx.oversight.alarms()) == [alarm]
    await catalogue.write(lambda tx: tx.oversight.clear_alarm("k", "s", NOW))
    assert await catalogue.read(lambda tx: tx.oversight.alarms()) == []
    assert await catalogue.write(lambda tx: tx.oversight.raise_alarm(alarm))


async def test_a_still_is_asked_for_once(catalogue: SqlCatalogue) -> None:
    def ask(tx: Transaction) -> Still:
        still = Still(new_id(NOW), an_item(tx).id, AGENT.id, 40_000, NOW)
        tx.items.add_still(still)
        tx.items.add_still(replace(still, shown_us=80_000))
        return still

    still = await catalogue.write(ask)
    assert await catalogue.read(lambda tx: tx.items.still(still.id)) == still
    assert await catalogue.read(lambda tx: tx.items.still(new_id(NOW))) is None
