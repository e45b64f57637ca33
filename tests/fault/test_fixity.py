"""What is kept is read again: every damage is found, named, on record, and cleared when it is mended."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from custody.auditing import FixityStage
from custos.settings import Settings
from custos.wiring import Services, open_services
from evidence.agents import Agent
from evidence.errors import Conflict
from evidence.fixity import IN_A_ROW, Audit, Finding
from evidence.ids import new_id
from evidence.items import Item, Rendition, Submission, Upload, UploadState
from evidence.jobs import JobState, Stage
from evidence.keys import manifest_key, original_key
from evidence.ports.catalogue import Transaction
from evidence.projection import refresh
from retrieval.reading import views_of
from tests.fault.scenario import Bell, Shift, metadata, pieces, settings_for, somebody, work

DATA = b"the bytes of a recording" * 1000


@dataclass
class Kept:
    """One item that is committed, read back and described."""

    settings: Settings
    services: Services
    bell: Bell
    agent: Agent
    item: Item

    def path(self, key: str) -> Path:
        return self.settings.store / "objects" / key

    async def audit(self) -> Audit:
        await self.services.audits.ask([self.item.id], None)
        await work(self.services, self.bell)
        return await self.standing()

    async def standing(self) -> Audit:
        found = await self.services.catalogue.read(lambda tx: tx.fixity.get(self.item.id))
        assert found is not None
        return found

    async def alarms(self) -> dict[str, str]:
        found = await self.services.catalogue.read(lambda tx: tx.oversight.alarms())
        assert {one.subject for one in found} <= {self.item.id}
        return {one.kind: one.message for one in found}

    async def events(self, kind: str = "item.audited") -> list[tuple[str, Any]]:
        lines = await self.services.reading.history(self.agent, self.item.id)
        return [(line.event["outcome"], line.detail) for line in lines if line.event["type"] == kind]


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory once the item is in it: each test has a copy of its own."""
    data = tmp_path_factory.mktemp("fixity") / "data"

    async def take_in() -> None:
        bell = Bell()
        async with open_services(settings_for(data), bell, "test") as services:
            agent = await somebody(services)
            upload = await services.uploads.open(agent, len(DATA), metadata(filename="a.bin", device="CAM"))
            await services.uploads.receive(agent, upload.id, 0, None, pieces(DATA, 0), None)
            await work(services, bell)

    asyncio.run(take_in())
    return data


@pytest.fixture
async def kept(taken_in: Path, tmp_path: Path) -> AsyncIterator[Kept]:
    shutil.copytree(taken_in, tmp_path / "data")
    settings, bell = settings_for(tmp_path / "data"), Bell()
    async with open_services(settings, bell, "test") as services:
        agent = await somebody(services)
        (view,) = await services.reading.items(agent, None)
        yield Kept(settings, services, bell, agent, view.item)


def flip(path: Path) -> None:
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0")


def lose(path: Path) -> None:
    path.unlink()


def refuse(path: Path) -> None:
    """What opens and cannot be read."""
    path.unlink()
    path.mkdir()


async def test_what_is_intact_is_on_record_as_that(kept: Kept) -> None:
    before = await kept.standing()
    assert (before.audited_at, before.outcome) == (None, None)
    assert before.seen_at > kept.item.committed_at
    after = await kept.audit()
    assert (after.outcome, after.failing, after.asked_at) == (Finding.INTACT, (), None)
    assert after.proven_at == after.audited_at
    assert after.method in ("direct", "cached")
    ((outcome, detail),) = await kept.events()
    assert outcome == "success"
    assert (detail["objects"], detail["findings"]) == (2, [])
    assert await kept.alarms() == {}


DAMAGE: tuple[tuple[Callable[[Path], None], Finding], ...] = (
    (flip, Finding.MISMATCH),
    (cut, Finding.MISMATCH),
    (grow, Finding.MISMATCH),
    (lose, Finding.MISSING),
    (refuse, Finding.UNREADABLE),
)


@pytest.mark.parametrize("what", ["original", "manifest"])
async def test_damage_is_found_named_and_cleared_when_it_is_mended(kept: Kept, what: str) -> None:
    path = kept.path(kept.item.key if what == "original" else manifest_key(kept.item.key))
    sound = path.read_bytes()
    for damage, finding in DAMAGE:
        damage(path)
        found = await kept.audit()
        assert (found.outcome, found.failing) == (finding, (what,)), damage
        assert found.proven_at < found.seen_at
        outcome, detail = (await kept.events())[-1]
        assert outcome == "failure"
        (named,) = detail["findings"]
        assert (named["what"], named["finding"], named["expected"]["size"]) == (what, finding, len(sound))
        assert (named["found"] is None) == (finding is not Finding.MISMATCH)
        alarms = await kept.alarms()
        assert list(alarms) == [f"fixity-{finding}"]
        assert what in alarms[f"fixity-{finding}"]
        if path.is_dir():
            path.rmdir()
        path.write_bytes(sound)
        mended = await kept.audit()
        assert (mended.outcome, mended.failing) == (Finding.INTACT, ())
        assert await kept.alarms() == {}
        assert (await kept.events())[-1][1]["cleared"] == [f"fixity-{finding}"]
    assert [outcome for outcome, _ in await kept.events()] == ["failure", "success"] * len(DAMAGE)


async def test_damage_of_another_kind_is_another_alarm(kept: Kept) -> None:
    path = kept.path(kept.item.key)
    flip(path)
    await kept.audit()
    lose(path)
    lose(kept.path(manifest_key(kept.item.key)))
    found = await kept.audit()
    assert (found.outcome, found.failing) == (Finding.MISSING, ("original", "manifest"))
    alarms = await kept.alarms()
    assert list(alarms) == ["fixity-missing"]
    assert "original and the manifest" in alarms["fixity-missing"]


async def test_what_is_due_comes_by_itself_and_what_failed_comes_sooner(kept: Kept) -> None:
    Shift.forward += timedelta(days=364)
    await work(kept.services, kept.bell)
    assert (await kept.standing()).audited_at is None
    Shift.forward += timedelta(days=2)
    await work(kept.services, kept.bell)
    assert len(await kept.events()) == 1
    flip(kept.path(kept.item.key))
    Shift.forward += timedelta(days=366)
    await work(kept.services, kept.bell)
    assert [outcome for outcome, _ in await kept.events()] == ["success", "failure"]
    Shift.forward += timedelta(days=8)
    await work(kept.services, kept.bell)
    assert [outcome for outcome, _ in await kept.events()] == ["success", "failure", "failure"]
    assert len(await kept.events("alarm.raised")) == 1


async def test_what_is_discarded_while_it_is_read_is_no_finding(kept: Kept) -> None:
    now = kept.services.work._clock.now()
    key = f"renditions/{kept.item.id}/{new_id(now)}/poster.jpg"
    made = Rendition(new_id(now), kept.item.id, "poster", key, "image/jpeg", 1, "ab" * 32, now)
    write = kept.services.catalogue.write
    await write(lambda tx: tx.items.put_rendition(made))
    assert (await kept.audit()).failing == ("poster",)
    assert list(await kept.alarms()) == ["fixity-rendition"]

    async def discard(_: float) -> None:
        await write(lambda tx: tx.items.drop_rendition(made.id))

    stage = kept.services.work._stages[Stage.FIXITY]
    assert isinstance(stage, FixityStage)
    stage._sleep = discard
    assert (await kept.audit()).failing == ()
    assert await kept.alarms() == {}


async def test_an_audit_changes_nothing_of_what_is_said_of_the_item(kept: Kept) -> None:
    """It is neither at work nor has failed because its audit waits, or could not be done."""

    def state(tx: Transaction) -> tuple[str, list[Stage]]:
        refresh(tx, kept.item.id)
        rows = tx.connection.exec_driver_sql("SELECT state FROM search_rows")  # type: ignore[attr-defined]
        (view,) = views_of(tx, [kept.item])
        return rows.scalar_one(), [job.stage for job in view.jobs]

    services = kept.services
    before = await services.catalogue.write(state)
    await services.audits.ask([kept.item.id], None)
    await services.audits.plan()
    assert await services.catalogue.write(state) == before
    assert await services.catalogue.read(lambda tx: tx.disposals.busy([kept.item.id])) == set()
    await services.catalogue.write(
        lambda tx: tx.connection.exec_driver_sql("UPDATE jobs SET state = 'failed' WHERE stage = 'fixity'")
    )
    assert await services.catalogue.write(state) == before
    # And it is not forgotten for having failed once.
    await work(services, kept.bell)
    assert (await kept.standing()).outcome is Finding.INTACT


async def test_a_round_or_an_item_is_asked_for_once(kept: Kept) -> None:
    assert await kept.services.audits.ask_all(None) == 1
    for _ in range(2):
        await work(kept.services, kept.bell)
    assert len(await kept.events()) == 1
    with pytest.raises(Conflict) as error:
        await kept.services.audits.ask([kept.item.id, "nothing"], None)
    assert error.value.code == "not-kept"
    assert (await kept.standing()).asked_at is None


async def test_an_audit_that_died_is_done_again(kept: Kept) -> None:
    await kept.services.audits.ask([kept.item.id], None)
    await kept.services.audits.plan()
    (job,) = await kept.services.catalogue.read(lambda tx: tx.jobs.listed(JobState.QUEUED, 9))
    assert job.stage is Stage.FIXITY
    # A worker that claimed it and was killed: nobody holds the lease.
    now = kept.services.work._clock.now()
    assert await kept.services.catalogue.write(lambda tx: tx.jobs.claim(job.id, now)) is not None
    assert not await kept.services.work.run(job.id)
    await work(kept.services, kept.bell)
    assert (await kept.standing()).outcome is Finding.INTACT
    assert len(await kept.events()) == 1


async def test_a_store_that_is_gone_is_one_alarm_and_not_one_for_each_item(kept: Kept) -> None:
    """A disk that is not mounted: what is said of items is said for ever, so not much is said."""
    services, now = kept.services, kept.services.work._clock.now()

    def elsewhere(tx: Transaction) -> None:
        for _ in range(IN_A_ROW):
            item = another_item(tx, kept.agent)
            tx.items.set_lock(item, now)
            tx.fixity.settle(Audit(item, now, now, now, None, Finding.MISSING, ("original", "manifest")))

    await services.catalogue.write(elsewhere)
    await services.audits.ask_all(None)
    for _ in range(2):
        await services.audits.plan()
    assert list((await stopped(services)).values()) == ["store"]
    assert await services.catalogue.read(lambda tx: tx.fixity.at_work()) == 0
    # What somebody asks for is audited all the same, and once it is found the rest follows.
    await services.audits.ask([kept.item.id], None)
    await services.audits.plan()
    (job,) = await services.catalogue.read(lambda tx: tx.jobs.listed(JobState.QUEUED, 9))
    assert await services.work.run(job.id)
    assert (await kept.standing()).outcome is Finding.INTACT
    await services.audits.plan()
    assert await stopped(services) == {}
    assert await services.catalogue.read(lambda tx: tx.fixity.at_work()) > 0


async def stopped(services: Services) -> dict[str, str]:
    found = await services.catalogue.read(lambda tx: tx.oversight.alarms())
    return {one.kind: one.subject for one in found if one.kind == "fixity-stopped"}


def another_item(tx: Transaction, agent: Agent) -> str:
    """Another item, of which only the row is there."""
    now = datetime(2026, 11, 29, tzinfo=UTC)
    upload = Upload(
        new_id(now), agent.id, agent.unit, 1, 1, UploadState.COMMITTED, Submission("b.bin"), now, now
    )
    tx.uploads.add(upload)
    item_id = new_id(now)
    tx.items.add(
        Item(
            item_id, upload.id, agent.unit, agent.id, Submission("b.bin"), "document", "x/y", 1, "ab" * 32, 1,
            original_key(item_id, "ab" * 32, now), now, now,
        )
    )  # fmt: skip
    return item_id


async def test_a_disk_that_refuses_once_is_asked_again(kept: Kept) -> None:
    path = kept.path(kept.item.key)
    sound = path.read_bytes()
    refuse(path)
    await kept.services.audits.ask([kept.item.id], None)
    await kept.services.audits.plan()
    (job,) = await kept.services.catalogue.read(lambda tx: tx.jobs.listed(JobState.QUEUED, 9))
    assert await kept.services.work.run(job.id)
    assert await kept.events() == []
    path.rmdir()
    path.write_bytes(sound)
    await work(kept.services, kept.bell)
    assert [outcome for outcome, _ in await kept.events()] == ["success"]


async def test_what_an_audit_cannot_finish_is_unreadable_and_not_asked_for_again_at_once(kept: Kept) -> None:
    """A defect in the stage, or a catalogue that lost a row: it must not be forgotten, nor go round."""
    await kept.services.audits.ask([kept.item.id], None)
    await kept.services.catalogue.write(
        lambda tx: tx.connection.exec_driver_sql("UPDATE intents SET event_id = event_id || '?'")
    )
    await work(kept.services, kept.bell)
    found = await kept.standing()
    assert (found.outcome, found.asked_at) == (Finding.UNREADABLE, None)
    assert list(await kept.alarms()) == ["fixity-unreadable"]
    await kept.services.catalogue.write(
        lambda tx: tx.connection.exec_driver_sql("UPDATE intents SET event_id = rtrim(event_id, '?')")
    )
    assert (await kept.audit()).outcome is Finding.INTACT
    assert await kept.alarms() == {}
