"""A store that does not keep its bytes: found by the read-back and by a re-submission, never passed on."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from custos.settings import Settings
from custos.wiring import Services, open_services
from evidence.agents import Agent
from evidence.errors import Invalid
from evidence.jobs import JobState, Stage
from tests.fault.scenario import Bell, metadata, pieces, settings_for, somebody, work
from tests.serving.client import statement

DATA = b"the bytes of a recording" * 1000


async def sent(services: Services, agent: Agent, bell: Bell, **more: str) -> str:
    """An upload whose commit is done and whose read-back is not."""
    upload = await services.uploads.open(agent, len(DATA), metadata(filename="a.bin", device="CAM", **more))
    await services.uploads.receive(agent, upload.id, 0, None, pieces(DATA, 0), None)
    await services.work.run(bell.rung.pop(0))
    return upload.id


def flip_a_bit(settings: Settings, key: str) -> None:
    path = settings.store / "objects" / key
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("gone", [False, True])
async def test_a_read_back_that_does_not_match_is_an_alarm_and_completes_nothing(
    tmp_path: Path, gone: bool
) -> None:
    settings, bell = settings_for(tmp_path / "data"), Bell()
    async with open_services(settings, bell, "test") as services:
        agent = await somebody(services)
        upload = await sent(services, agent, bell)
        (view,) = await services.reading.items(agent, None)
        if gone:
            (settings.store / "objects" / view.item.key).unlink()
        else:
            flip_a_bit(settings, view.item.key)
        await work(services, bell)
        jobs = await services.catalogue.read(lambda tx: tx.jobs.of_subjects([view.item.id]))
        (read_back,) = [job for job in jobs if job.stage is Stage.READ_BACK]
        assert (read_back.state, read_back.code) == (JobState.FAILED, "read-back-mismatch")
        alarms = await services.catalogue.read(lambda tx: tx.oversight.alarms())
        assert [(alarm.kind, alarm.subject) for alarm in alarms] == [("read-back-mismatch", view.item.id)]
        receipt = await services.uploads.receipt(agent, upload)
        assert receipt is not None
        assert statement(receipt)["read_back"] is None
        history = await services.reading.history(agent, view.item.id)
        assert {line.event["type"] for line in history} >= {"item.read-back", "alarm.raised", "stage.failed"}


async def test_bytes_sent_again_are_not_joined_to_a_copy_that_is_damaged(tmp_path: Path) -> None:
    settings, bell = settings_for(tmp_path / "data"), Bell()
    async with open_services(settings, bell, "test") as services:
        agent = await somebody(services)
        await sent(services, agent, bell)
        await work(services, bell)
        (first,) = await services.reading.items(agent, None)
        flip_a_bit(settings, first.item.key)
        again = await sent(services, agent, bell)
        await work(services, bell)
        items = await services.reading.items(agent, None)
        assert len(items) == 2
        upload = await services.uploads.find(agent, again)
        assert upload.item_id != first.item.id
        receipt = await services.uploads.receipt(agent, again)
        assert receipt is not None
        assert statement(receipt)["read_back"] is not None
        alarms = await services.catalogue.read(lambda tx: tx.oversight.alarms())
        assert [alarm.kind for alarm in alarms] == ["stored-copy-wrong"]


async def test_a_staging_disk_that_changes_bytes_is_named(tmp_path: Path) -> None:

    settings = settings_for(tmp_path / "data")
    async with open_services(settings, Bell(), "test") as services:
        agent = await somebody(services)
        wrong = sha256(b"something else").hexdigest()
        upload = await services.uploads.open(agent, len(DATA), metadata(filename="a.bin", sha256=wrong))
        await services.uploads.receive(agent, upload.id, 0, None, pieces(DATA[:500], 0), None)
        staged = settings.staging / f"{upload.id}.part"
        staged.write_bytes(b"x" + staged.read_bytes()[1:])
        with pytest.raises(Invalid) as error:
            await services.uploads.receive(agent, upload.id, 500, None, pieces(DATA, 500), None)
        assert error.value.code == "staging-mismatch"
