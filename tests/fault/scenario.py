"""One recording's life in one process, and what must hold after it died anywhere in it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from clients.verifier.export import verify_export
from clients.verifier.heads import pinned
from clients.verifier.receipt import verify_receipt
from custos.clock import SystemClock
from custos.keeping_sections import ProtectionSettings
from custos.sections import IngestSettings
from custos.settings import Settings
from custos.wiring import Services, open_services
from evidence.access import Viewer
from evidence.agents import Agent, Role
from evidence.events import parse_event
from evidence.exports import Profile, Wanted
from evidence.items import UploadState
from evidence.jobs import Job, JobState
from evidence.keys import manifest_key
from evidence.manifests import parse_manifest
from storage.catalogue.engine import Where
from tests.catalogues import ask

PIECE = 64 * 1024


class Bell:
    """Collects rings; the scenario answers them itself."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    async def ring(self, jobs: Sequence[Job]) -> None:
        self.rung += [job.id for job in jobs]


def settings_for(data: Path) -> Settings:
    return Settings(
        data=data,
        ingest=IngestSettings(reserve_bytes=0),
        protection=ProtectionSettings(immutable=False),
    )


def metadata(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


async def pieces(data: bytes, offset: int) -> AsyncIterator[bytes]:
    for start in range(offset, len(data), PIECE):
        yield data[start : start + PIECE]


async def somebody(services: Services) -> Agent:
    found = await services.catalogue.read(lambda tx: tx.agents.by_username("li"))
    if found is not None:
        return found[0]
    return await services.accounts.add("li", "李警官", Role.SUPERVISOR, "一大队", None)


class Client:
    """The docking station's side: what it was told survives its server."""

    def __init__(self, directory: Path) -> None:
        self._note = directory / "client.json"

    @property
    def knows(self) -> dict[str, Any]:
        return json.loads(self._note.read_text()) if self._note.exists() else {}

    def learn(self, **facts: Any) -> None:
        beside = self._note.with_suffix(".new")
        beside.write_text(json.dumps({**self.knows, **facts}))
        # Path.rename would be counted as one of the server's steps.
        self._note.write_text(beside.read_text())


async def live(directory: Path, clip: Path) -> None:
    """Upload, commit, describe, make playable, read back, view; continue what an earlier life began."""
    client = Client(directory)
    data = clip.read_bytes()
    bell = Bell()
    async with open_services(settings_for(directory / "data"), bell, "scenario") as services:
        agent = await somebody(services)
        if await services.catalogue.read(lambda tx: tx.exports.page(None, before=None, limit=1)):
            # Work goes on where it stopped, and the log is kept beside it: an export waits for that.
            await keep_log(services)
        upload_id = client.knows.get("upload")
        if upload_id is None:
            digest = hashlib.sha256(data).hexdigest()
            opened = await services.uploads.open(
                agent, len(data), metadata(filename="现场.mp4", device="CAM-1", sha256=digest)
            )
            upload_id = opened.id
            client.learn(upload=upload_id)
        # Two requests: the first ends in the middle, as a pulled plug would.
        for end in (len(data) // 2, len(data)):
            upload = await services.uploads.standing(agent, upload_id)
            if upload.state is UploadState.RECEIVING and upload.offset < end:
                await services.uploads.receive(
                    agent, upload_id, upload.offset, None, pieces(data[:end], upload.offset), None
                )
        await work(services, bell)
        receipt = await services.uploads.receipt(agent, upload_id)
        if receipt is not None:
            client.learn(receipt=receipt)
        for view in await services.reading.items(agent, None):
            content = await services.reading.content(agent, view.item.id, "original", None)
            async with services.reading.opened(content, (0, content.size)) as file:
                entered = await services.reading.enter(agent, content, (0, content.size))
                client.learn(served=[*client.knows.get("served", ()), entered.viewing.id])
                entered.note(0, len(file.read(1000)))
                await services.desk.leave(entered, done=True)
            await take_away(services, agent, view.item.id, bell, client)


async def take_away(services: Services, agent: Agent, item: str, bell: Bell, client: Client) -> None:
    """Export the item, and fetch the archive."""
    if client.knows.get("export") is None:
        asked = await services.exports.of_item(agent, item, Wanted(Profile.COURT, "移送"))
        client.learn(export=asked.export.id)
    await keep_log(services)
    await work(services, bell)
    archive = await services.exports.archive(agent, client.knows["export"])
    entered = await services.exports.enter(agent, archive, (0, archive.layout.size))
    client.learn(served=[*client.knows.get("served", ()), entered.viewing.id])
    await services.desk.leave(entered, done=True)
    await keep_log(services)


async def keep_log(services: Services) -> None:
    """As the sequencer's process does: a run after the other, until everything is published."""
    while True:
        await services.sequencer.run()
        head = await services.catalogue.read(lambda tx: tx.log.head())
        queued = await services.catalogue.read(lambda tx: tx.log.queued(1))
        if head is not None and head.size == head.published and not queued:
            return


async def verify_exports(services: Services, agent: Agent, export_id: str, directory: Path) -> None:
    """The export is whole and proven, each that was asked for was made once, and nothing else lies there."""
    asked = await services.catalogue.read(lambda tx: tx.exports.page(None, before=None, limit=9))
    made = {one.id: one.made for one in asked}
    assert export_id in made
    assert None not in made.values(), made
    keys = [key async for key in services.store.keys("exports/")]
    assert sorted(keys) == sorted(key for one in made.values() if one for key in one.keys), keys
    archive = await services.exports.archive(agent, export_id)
    path = directory / "export.zip"
    with path.open("wb") as file:
        for piece in archive.layout.between(0, archive.layout.size):
            if isinstance(piece, bytes):
                file.write(piece)
                continue
            planned = archive.plan.files[piece.entry]
            async with services.exports.opened(planned.key) as source:
                source.seek(planned.offset + piece.start)
                file.write(source.read(piece.end - piece.start))
    await keep_log(services)
    seal = await services.exports.seal(agent, export_id)
    assert seal["leaf"] is not None
    verify_export(path, pinned(await services.proofs.key()), seal)


async def work(services: Services, bell: Bell) -> None:
    """Answer every ring, and sweep until nothing waits."""
    while True:
        while bell.rung:
            await services.work.run(bell.rung.pop(0))
        await services.sweep.run()
        waiting = await services.catalogue.read(
            lambda tx: [
                job for state in (JobState.QUEUED, JobState.RUNNING) for job in tx.jobs.listed(state, 99)
            ]
        )
        if not waiting:
            return
        if not bell.rung:
            # A claim that died with its process is taken over once its lease has ended; so is a wait.
            Shift.forward += timedelta(seconds=31)


class Shift:
    """The server's clock, moved by the scenario instead of waiting."""

    forward = timedelta()

    @classmethod
    @contextmanager
    def installed(cls) -> Iterator[None]:
        original = SystemClock.now
        cls.forward = timedelta()
        SystemClock.now = lambda self: original(self) + cls.forward  # type: ignore[method-assign]
        try:
            yield
        finally:
            SystemClock.now = original  # type: ignore[method-assign]


async def verify(directory: Path, clip: Path) -> None:
    """Nothing acknowledged is lost, nothing is doubled, nothing was served unlogged."""
    client = Client(directory)
    data = clip.read_bytes()
    settings = settings_for(directory / "data")
    Shift.forward += timedelta(minutes=7)
    for orphan in settings.staging.glob("*.*"):
        os.utime(orphan, (0, 0))
    async with open_services(settings, Bell(), "verify") as services:
        await services.sweep.run()
        agent = await somebody(services)
        upload = await services.uploads.find(agent, client.knows["upload"])
        assert upload.state is UploadState.COMMITTED, upload
        everything = Viewer(agent.id, None, False, SystemClock().now())
        items = await services.catalogue.read(lambda tx: tx.items.page(everything, before=None, limit=9))
        assert [item.id for item in items] == [upload.item_id]
        item = items[0]
        assert item.sha256 == hashlib.sha256(data).hexdigest()
        assert item.fully_locked
        assert item.read_back is not None
        keys = [key async for key in services.store.keys("originals/")]
        assert sorted(keys) == sorted([item.key, manifest_key(item.key)]), keys
        async with services.store.open(item.key) as file:
            assert file.read() == data
        async with services.store.open(manifest_key(item.key)) as file:
            manifest = parse_manifest(file.read())
        event = await services.catalogue.read(
            lambda tx: tx.events.get(parse_event(base64.b64decode(str(manifest["event"])))["id"])
        )
        assert event is not None
        assert base64.b64encode(event[0]).decode() == manifest["event"]
        statement = await services.uploads.receipt(agent, upload.id)
        for held in filter(None, (client.knows.get("receipt"), statement)):
            verified = verify_receipt(clip, held, services.signer.public_pem)
            assert verified.statement["item"] == item.id
        assert statement is not None
        assert verify_receipt(clip, statement, services.signer.public_pem).read_back
        renditions = [key async for key in services.store.keys("renditions/")]
        rows = await services.catalogue.read(lambda tx: tx.items.renditions(item.id))
        assert sorted(renditions) == sorted(row.key for row in rows), renditions
        assert {row.kind for row in rows} == {"playable", "poster", "sprite", "analysis", "presentation"}
        await verify_exports(services, agent, client.knows["export"], directory)
        failed = await services.catalogue.read(lambda tx: tx.jobs.listed(JobState.FAILED, 9))
        assert not failed, failed
        alarms = await services.catalogue.read(lambda tx: tx.oversight.alarms())
        assert not alarms, alarms
        # A session that was opened and whose answer never arrived is unknown to its client, and expires.
        Shift.forward += timedelta(days=8)
        await services.sweep.run()
        assert not list(settings.staging.glob("*.*"))
    verify_events(settings.catalogue_file, set(client.knows.get("served", ())))


def verify_counts(catalogue: Where) -> list[Any]:
    """Every event there is, oldest first; every emitter counts without a hole."""
    events = [parse_event(bytes(row[0])) for row in ask(catalogue, "SELECT data FROM events ORDER BY at, id")]
    counters: dict[Any, Any] = dict(ask(catalogue, "SELECT id, next_n FROM emitters"))  # type: ignore[arg-type]
    ((bodies, queued, logged),) = ask(
        catalogue,
        "SELECT (SELECT count(*) FROM event_bodies), (SELECT count(*) FROM event_queue), count(*) "
        "FROM log_leaves",
    )
    assert bodies == queued + logged == len(events)
    numbers: dict[Any, list[Any]] = defaultdict(list)
    for event in events:
        numbers[event["emitter"]].append(event["n"])
    assert {emitter: sorted(found) for emitter, found in numbers.items()} == {
        emitter: list(range(count)) for emitter, count in counters.items()
    }
    return events


def verify_events(catalogue: Where, served: set[str]) -> None:
    """What was served was on record, every viewing is closed, and nothing was ingested twice."""
    events = verify_counts(catalogue)
    viewings: dict[str, set[str]] = defaultdict(set)
    ingested = []
    for event in events:
        for subject in event["subjects"]:
            if subject["kind"] == "viewing":
                viewings[event["type"]].add(subject["id"])
        if event["type"] == "item.ingested":
            ingested.append(event["id"])
    assert len(ingested) == 1, ingested
    assert served <= viewings["viewing.opened"]
    assert viewings["viewing.opened"] == viewings["viewing.closed"]


def run(step: str, directory: Path, clip: Path) -> None:
    """One life or the verification, on a loop of its own."""
    with Shift.installed():
        asyncio.run({"live": live, "verify": verify}[step](directory, clip))
