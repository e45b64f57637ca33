"""The server's clock goes back an hour: work goes on, permissions do not grow."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from custos.wiring import open_services
from evidence.jobs import JobState
from tests.fault.scenario import Bell, Shift, metadata, pieces, settings_for, somebody, work


async def test_a_lease_and_a_wait_from_the_future_hold_nobody_up(tmp_path: Path, clip: Path) -> None:
    data = clip.read_bytes()
    bell = Bell()
    async with open_services(settings_for(tmp_path / "data"), bell, "test") as services:
        agent = await somebody(services)
        upload = await services.uploads.open(agent, len(data), metadata(filename="a.mp4"))
        await services.uploads.receive(agent, upload.id, 0, None, pieces(data, 0), None)
        (job_id,) = bell.rung
        now = services.work._clock.now()
        claimed = await services.catalogue.write(lambda tx: tx.jobs.claim(job_id, now, upload.staging))
        assert claimed is not None
        bell.rung.clear()
        Shift.forward -= timedelta(hours=1)
        await services.sweep.run()
        assert bell.rung == [job_id]
        await work(services, bell)
        states = await services.catalogue.read(lambda tx: {job.state for job in tx.jobs.listed(None, 99)})
        assert states == {JobState.DONE}
        assert await services.uploads.receipt(agent, upload.id) is not None


async def test_a_viewing_does_not_outlive_its_five_minutes_by_an_hour(tmp_path: Path, clip: Path) -> None:
    data = clip.read_bytes()
    bell = Bell()
    async with open_services(settings_for(tmp_path / "data"), bell, "test") as services:
        agent = await somebody(services)
        upload = await services.uploads.open(agent, len(data), metadata(filename="a.mp4"))
        await services.uploads.receive(agent, upload.id, 0, None, pieces(data, 0), None)
        await work(services, bell)
        (view,) = await services.reading.items(agent, None)
        content = await services.reading.content(agent, view.item.id, "playable", None)
        first = await services.reading.enter(agent, content, (0, 10))
        await services.desk.leave(first, done=False)
        same = await services.reading.enter(agent, content, (10, 20))
        await services.desk.leave(same, done=False)
        assert same is first
        Shift.forward -= timedelta(hours=1)
        other = await services.reading.enter(agent, content, (20, 30))
        await services.desk.leave(other, done=False)
        assert other is not first
