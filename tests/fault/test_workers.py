"""Workers by cost: what is slow holds up nothing that somebody waits for, and what dies is taken over."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from clients.verifier.receipt import verify_receipt
from custos.parts import answers, valkey
from custos.sections import BrokerSettings
from custos.settings import Settings
from custos.wiring import open_services
from evidence.agents import Role
from evidence.ids import new_id
from evidence.jobs import RINGS, Cost, Job, JobState, Stage
from evidence.waiting import PATIENCE, WORK_WAITS
from storage.catalogue.queues import standing_in
from tests.catalogues import ask
from tests.fault.killing import a_tree
from tests.fault.scenario import Bell, Shift, metadata, pieces, settings_for, somebody, work
from tests.fault.traffic import receipt_of
from tests.media import ffmpeg
from tests.serving.client import Client
from tests.serving.hosts import process
from tests.serving.settings import custos_environment
from tests.serving.tree import Tree
from tests.serving.waiting import eventually
from workers.app import make_app, queue_of
from workers.doorbell import MOST_RINGS, CeleryDoorbell

NOW = datetime(2026, 11, 29, tzinfo=UTC)
LIGHT_ONLY = {"CUSTOS_WORK__QUEUES": '["light"]'}


def has_to_be_encoded(path: Path) -> bytes:
    """MPEG-4 part 2, which no browser plays; encoding it takes seconds."""
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=duration=8:size=640x360:rate=25", "-c:v", "mpeg4", "-q:v", "4"),
        str(path),
    )
    return path.read_bytes()


def workers_environment(tree: Tree) -> dict[str, str]:
    """What a worker of another host would be told, with the same catalogue, store and broker."""
    return custos_environment(
        tree.data,
        CUSTOS_BROKER__URL=f"unix://{tree.data / 'run' / 'valkey.sock'}",
        CUSTOS_LOG__LEVEL="error",
        CUSTOS_WORK__CONCURRENCY="1",
    )


def the_job(client: Client, item: str, stage: Stage) -> dict[str, Any] | None:
    """The item's job of that stage, if there is one yet."""
    jobs = client.get(f"/items/{item}").json()["jobs"]
    return next((job for job in jobs if job["stage"] == stage), None)


def in_state(client: Client, item: str, stage: Stage, state: JobState) -> None:
    """Wait until the item's job is so."""
    eventually(
        lambda: (job := the_job(client, item, stage)) is not None and job["state"] == state,
        f"{stage} is {state}",
    )


def taken_over(base: Path, *, frozen: bool) -> None:
    """A worker stops in a transcode: light work goes on, and another worker does it, once."""
    film = has_to_be_encoded(base / "film.avi")
    with a_tree(base, **LIGHT_ONLY) as (tree, _):
        client = tree.client(Role.SUPERVISOR)
        environment = workers_environment(tree)
        with process(environment, base / "one.log", "worker", "--queues", "transcode") as one:
            item = client.kept(film, "film.avi")
            in_state(client, item, Stage.PLAYABLE, JobState.RUNNING)
            one.freeze()
            later = base / "later.bin"
            later.write_bytes(b"somebody stands before the docking station")
            upload = client.send(later.read_bytes(), "later.bin")
            assert verify_receipt(later, receipt_of(client, upload), tree.public_key).read_back
            in_state(client, item, Stage.PLAYABLE, JobState.RUNNING)
            if frozen:
                # As if half a minute had passed: nobody else writes to a row that is claimed.
                ask(
                    tree.data / "catalogue" / "custos.db",
                    "UPDATE jobs SET lease_until = 0, rung_at = NULL WHERE state = 'running'",
                )
            else:
                one.kill()
            with process(environment, base / "two.log", "worker", "--queues", "transcode") as two:
                in_state(client, item, Stage.PLAYABLE, JobState.DONE)
                ((attempts,),) = ask(
                    tree.data / "catalogue" / "custos.db",
                    f"SELECT attempts FROM jobs WHERE stage = 'playable' AND subject = '{item}'",
                )
                assert attempts == 2
                if frozen:
                    one.thaw()
                    one.stop()
                two.stop()
        shown = client.get(f"/items/{item}").json()
        assert [one["kind"] for one in shown["renditions"]].count("playable") == 1
        stored = list((tree.data / "store" / "objects" / "renditions" / item).rglob("*.mp4"))
        assert len(stored) == len({path.parent for path in stored}), stored


@pytest.mark.long
def test_a_worker_that_stands_still_in_a_transcode_holds_up_nobody(tmp_path: Path) -> None:
    taken_over(tmp_path, frozen=True)


@pytest.mark.long
def test_a_worker_that_is_killed_in_a_transcode_is_followed_by_another(tmp_path: Path) -> None:
    taken_over(tmp_path, frozen=False)


async def test_work_without_a_worker_is_an_alarm_until_it_has_one(tmp_path: Path, clip: Path) -> None:
    data, bell = clip.read_bytes(), Bell()
    settings = settings_for(tmp_path / "data")
    async with open_services(settings, bell, "test") as services:

        async def alarms() -> list[tuple[str, str]]:
            await services.sweep.run()
            standing = await services.catalogue.read(lambda tx: tx.oversight.alarms())
            return [(alarm.kind, alarm.subject) for alarm in standing]

        agent = await somebody(services)
        upload = await services.uploads.open(agent, len(data), metadata(filename="a.mp4"))
        await services.uploads.receive(agent, upload.id, 0, None, pieces(data, 0), None)
        assert await alarms() == []
        Shift.forward += PATIENCE[Cost.LIGHT]
        assert await alarms() == []
        assert await alarms() == [], "it is looked at once a minute"
        Shift.forward += PATIENCE[Cost.LIGHT]
        assert await alarms() == [(WORK_WAITS, f"light at {upload.staging}")]
        now = services.work._clock.now()
        assert [one.cost for one in standing_in(settings.catalogue_file, now)] == [Cost.LIGHT]
        await work(services, bell)
        Shift.forward += PATIENCE[Cost.LIGHT]
        assert await alarms() == []


def test_whoever_only_looks_makes_no_catalogue(tmp_path: Path) -> None:
    assert standing_in(tmp_path / "custos.db", NOW) == ()
    assert list(tmp_path.iterdir()) == []


@contextmanager
def a_broker(run: Path) -> Iterator[Path]:
    """The embedded broker alone; its socket."""
    socket = run / "s"
    child = subprocess.Popen(valkey(run, socket).argv)
    try:
        eventually(lambda: asyncio.run(answers(socket)), "the broker answers")
        yield socket
    finally:
        child.terminate()
        child.wait()


def test_a_queue_without_a_worker_does_not_fill_the_broker(tmp_path: Path) -> None:
    def jobs(stage: Stage, count: int) -> list[Job]:
        return [
            Job(new_id(NOW), stage, new_id(NOW), "u", JobState.QUEUED, 0, 0, NOW, None, 0, None, None, NOW)
            for _ in range(count)
        ]

    with a_broker(tmp_path) as socket, redis.Redis(unix_socket_path=str(socket)) as broker:
        bell = CeleryDoorbell(
            make_app(Settings(data=tmp_path, broker=BrokerSettings(url=f"unix://{socket}")))
        )

        async def ring() -> None:
            for _ in range(5):
                await bell.ring(jobs(Stage.PREVIEW, RINGS))
            await bell.ring([*jobs(Stage.PREVIEW, 1), *jobs(Stage.COMMIT, 1)])

        asyncio.run(ring())
        bell.close()
        assert broker.llen(queue_of(Cost.TRANSCODE)) == MOST_RINGS
        assert broker.llen(queue_of(Cost.LIGHT)) == 1
