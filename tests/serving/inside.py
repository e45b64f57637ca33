"""The server alone, in this process, with a doorbell that does every job before it returns.

Once an upload is answered, all that follows from it is done.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from api.app import make_app, make_runner
from custos.clock import SystemClock
from custos.keeping_sections import ReplicaSettings, S3Settings
from custos.settings import Settings
from custos.wiring import Services, open_services
from evidence.agents import Role
from evidence.jobs import Job, JobState, Stage
from tests.serving.client import Client
from tests.serving.settings import settings_for
from tests.serving.waiting import PATIENCE_SECONDS, eventually

T = TypeVar("T")


class InlineBell:
    """Does each job before it returns."""

    def __init__(self) -> None:
        self.services: Services | None = None
        #: While False, jobs are left as rows.
        self.answers = True

    async def ring(self, jobs: Sequence[Job]) -> None:
        """Run them one after another."""
        if self.services is None or not self.answers:
            return
        for job in jobs:
            if job.stage is Stage.EXPORT:
                # It waits for the log to hold that it was asked for, and nobody else keeps a log here.
                await self.services.sequencer.run()
            await self.services.work.run(job.id)


@dataclass
class Inside:
    """The server alone, on a thread of this process."""

    url: str
    data: Path
    services: Services
    bell: InlineBell
    loop: asyncio.AbstractEventLoop
    _made: dict[tuple[Role, str], Client] = field(default_factory=dict)

    def run(self, *stages: Stage) -> list[Job]:
        """Do every queued job of these stages, and what follows in them; the jobs as they are then."""
        done: dict[str, None] = {}
        while queued := [job for job in self.jobs(*stages) if job.state is JobState.QUEUED]:
            for job in queued:
                self.do(self.services.work.run(job.id))
                done[job.id] = None
        return [job for job in self.jobs(*stages) if job.id in done]

    def jobs(self, *stages: Stage) -> list[Job]:
        """All jobs of these stages, oldest first."""
        found = self.do(self.services.catalogue.read(lambda tx: tx.jobs.listed(None, 1000)))
        return [job for job in sorted(found, key=lambda job: job.id) if job.stage in stages]

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's loop."""
        waiting: Future[T] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return waiting.result(PATIENCE_SECONDS)

    def close_viewings(self) -> None:
        """Close every viewing once no transfer is under way: a client has its last byte before that."""
        desk = self.services.desk

        def quiet() -> bool:
            return not any(one.users for one in list(desk._open.values()))

        eventually(quiet, "no transfer is under way")
        self.do(desk.close_ended(everything=True))

    def client(self, role: Role, unit: str = "north") -> Client:
        """Somebody of that role and unit, the same one each time."""
        if (role, unit) not in self._made:
            self._made[role, unit] = self.another(role, unit)
        return self._made[role, unit]

    def another(self, role: Role, unit: str = "north") -> Client:
        """Somebody new of that role and unit."""
        name = f"{role.value}-{unit}-{os.urandom(4).hex()}"
        accounts = self.services.accounts
        self.do(accounts.add(name, name, role, unit, None))
        return Client(self.url, self.do(accounts.create_token(name, "tests")))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Every event of a type, oldest first, each with its detail."""

        def look(tx: Any) -> list[dict[str, Any]]:
            rows = tx.connection.exec_driver_sql(
                "SELECT events.data, event_bodies.detail FROM events"
                " JOIN event_bodies ON event_bodies.event_id = events.id ORDER BY events.at, events.id"
            ).all()
            found = [{**json.loads(data), "detail": json.loads(detail)} for data, detail in rows]
            return [event for event in found if event["type"] == kind]

        return self.do(self.services.catalogue.read(look))


@asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[tuple[str, Services, InlineBell]]:
    bell = InlineBell()
    async with open_services(settings, bell, "api") as services:
        bell.services = services
        runner = make_runner(make_app(settings, services, SystemClock()))
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            yield f"http://127.0.0.1:{port}", services, bell
        finally:
            await runner.cleanup()


@contextmanager
def served_inside(
    data: Path,
    media: Mapping[str, Any] | None = None,
    custody: Mapping[str, Any] | None = None,
    s3: S3Settings | None = None,
    catalogue: str | None = None,
    replicas: ReplicaSettings | None = None,
    **ingest: Any,
) -> Iterator[Inside]:
    """The server alone, with these settings of what is made and these limits on uploads."""
    settings = settings_for(data, media, custody, s3, catalogue, replicas, **ingest)
    started: Future[Inside] = Future()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with _served(settings) as (url, services, bell):
            started.set_result(Inside(url, data, services, bell, loop))
            await stop.wait()

    def live() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(run())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=live, name="inside")
    thread.start()
    try:
        yield started.result(PATIENCE_SECONDS)
    finally:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)
        thread.join()
