"""A full disk: nothing is lost, nobody is told a lie, and with room again everything ends by itself."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from custos.wiring import open_services
from evidence.errors import NoSpace
from evidence.items import UploadState
from evidence.jobs import MAX_ATTEMPTS, JobState
from evidence.waiting import WORK_HELD_UP
from tests.fault.scenario import Bell, Shift, metadata, pieces, settings_for, somebody, work


def fill(data: Path, *, leaving: int) -> Path:
    """Take the room on the disk but for `leaving` bytes."""
    filler = data / "filler"
    room = os.statvfs(data)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - leaving)
    return filler


async def test_the_disk_fills_while_bytes_arrive(small_disk: Path, clip: Path) -> None:
    data = clip.read_bytes()
    bell = Bell()
    async with open_services(settings_for(small_disk), bell, "test") as services:
        agent = await somebody(services)
        upload = await services.uploads.open(agent, len(data), metadata(filename="a.mp4"))
        filler = fill(small_disk, leaving=6 << 20)
        with pytest.raises(NoSpace) as refused:
            await services.uploads.receive(agent, upload.id, 0, None, pieces(data, 0), None)
        assert refused.value.code == "disk-full"
        stood = await services.uploads.standing(agent, upload.id)
        assert 0 < stood.offset <= 6 << 20
        filler.unlink()
        done = await services.uploads.receive(
            agent, upload.id, stood.offset, None, pieces(data, stood.offset), None
        )
        assert done.state is UploadState.ACCEPTED
        await work(services, bell)
        assert await services.uploads.receipt(agent, upload.id) is not None
        (view,) = await services.reading.items(agent, None)
        async with services.store.open(view.item.key) as file:
            assert file.read() == data


async def test_on_a_full_disk_an_upload_can_be_asked_for_and_ended(small_disk: Path, clip: Path) -> None:
    data = clip.read_bytes()
    async with open_services(settings_for(small_disk), Bell(), "test") as services:
        agent = await somebody(services)
        upload = await services.uploads.open(agent, len(data), metadata(filename="a.mp4"))
        half = len(data) // 2
        await services.uploads.receive(agent, upload.id, 0, None, pieces(data[:half], 0), None)
        fill(small_disk, leaving=0)
        assert (await services.uploads.standing(agent, upload.id)).offset == half
        await services.uploads.terminate(agent, upload.id)
        assert not list((small_disk / "staging").glob("*.*"))


async def test_the_disk_is_full_when_the_commit_comes(small_disk: Path, clip: Path) -> None:
    data = clip.read_bytes()
    bell = Bell()
    async with open_services(settings_for(small_disk), bell, "test") as services:
        agent = await somebody(services)
        upload = await services.uploads.open(agent, len(data), metadata(filename="a.mp4"))
        await services.uploads.receive(agent, upload.id, 0, None, pieces(data, 0), None)
        filler = fill(small_disk, leaving=0)
        await services.work.run(bell.rung.pop(0))
        jobs = await services.catalogue.read(lambda tx: tx.jobs.of_subjects([upload.id]))
        assert [job.code for job in jobs] == ["disk-full"]
        assert await services.uploads.receipt(agent, upload.id) is None
        filler.unlink()
        Shift.forward += timedelta(minutes=1)
        await work(services, bell)
        assert await services.uploads.receipt(agent, upload.id) is not None
        (view,) = await services.reading.items(agent, None)
        async with services.store.open(view.item.key) as file:
            assert file.read() == data


async def test_a_disk_that_stays_full_is_an_alarm_and_costs_no_work(small_disk: Path, clip: Path) -> None:
    data = clip.read_bytes()
    bell = Bell()
    async with open_services(settings_for(small_disk), bell, "test") as services:
        agent = await somebody(services)
        upload = await services.uploads.open(agent, len(data), metadata(filename="a.mp4"))
        await services.uploads.receive(agent, upload.id, 0, None, pieces(data, 0), None)
        filler = fill(small_disk, leaving=0)
        (commit,) = bell.rung

        async def told() -> list[str]:
            await services.sweep.run()
            alarms = await services.catalogue.read(lambda tx: tx.oversight.alarms())
            return [alarm.message for alarm in alarms if alarm.kind == WORK_HELD_UP]

        for attempts in range(MAX_ATTEMPTS + 2):
            assert bool(await told()) == (attempts >= MAX_ATTEMPTS)
            assert await services.work.run(commit)
            # Past the pause, and past when the alarms were looked at.
            Shift.forward += timedelta(minutes=6)
        (message,) = await told()
        assert message.startswith("1 jobs cannot go on: ")
        (job,) = await services.catalogue.read(lambda tx: tx.jobs.of_subjects([upload.id]))
        assert (job.state, job.code) == (JobState.QUEUED, "disk-full")
        filler.unlink()
        await work(services, bell)
        assert await services.uploads.receipt(agent, upload.id) is not None
        Shift.forward += timedelta(minutes=6)
        assert await told() == []


async def test_no_upload_is_opened_that_would_touch_the_reserve(small_disk: Path) -> None:
    settings = settings_for(small_disk)
    kept = settings.model_copy(
        update={"ingest": settings.ingest.model_copy(update={"reserve_bytes": 20 << 20})}
    )
    async with open_services(kept, Bell(), "test") as services:
        agent = await somebody(services)
        await services.uploads.open(agent, 2 << 20, metadata(filename="a.mp4"))
        with pytest.raises(NoSpace) as refused:
            await services.uploads.open(agent, 3 << 20, metadata(filename="b.mp4"))
        assert refused.value.code == "reserve"
