"""The worker: each process that does jobs opens its own services, after the fork, on its own loop."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Collection, Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from celery import Celery, signals
from celery.apps.worker import Worker
from celery.platforms import EX_FAILURE

from custos.child import die_with_parent
from custos.settings import Settings
from custos.stores import staging_tag
from custos.wiring import Services, open_services
from evidence.errors import CustosError
from evidence.jobs import Cost
from workers.app import RUN_JOB, SWEEP, SWEEPS, make_app, queue_of
from workers.doorbell import CeleryDoorbell
from workers.rings import Listening, Ring

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Child:
    """What one process that does jobs holds: a loop on a thread of its own, and the services on it.

    Jobs may be asked for from several threads at once: each is a task of that loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._sweeping = asyncio.Lock()
        self._services: Services | None = None
        self._doorbell: CeleryDoorbell | None = None

    def open(self, app: Celery) -> None:
        """After the fork. What cannot be opened then is opened at a later ring."""
        self._loop = asyncio.new_event_loop()
        self._doorbell = CeleryDoorbell(app)
        self._thread = threading.Thread(target=self._loop.run_forever, name="work", daemon=True)
        self._thread.start()
        self._do(self._opened())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _opened(self) -> Services | None:
        """The services; None while they cannot be had: jobs stay rows, and somebody rings for them again."""
        assert self._doorbell is not None
        async with self._opening:
            if self._services is None:
                # Celery keeps a child whose start failed, and gives it work: it must not stay like that.
                opening = open_services(self._settings, self._doorbell, "worker")
                try:
                    self._services = await self._stack.enter_async_context(opening)
                except CustosError as error:
                    _log.error("the worker cannot begin, and tries again at the next ring: %s", error)
            return self._services

    def close(self) -> None:
        """Before the process ends."""
        if self._loop is not None and self._thread is not None:
            self._do(self._stack.aclose())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        if self._doorbell is not None:
            self._doorbell.close()

    def run_job(self, job_id: str) -> None:
        """Answer one ring."""
        self._do(self._job(job_id))

    async def _job(self, job_id: str) -> None:
        if (services := await self._opened()) is not None:
            await services.work.run(job_id)

    def sweep(self) -> None:
        """One sweep, unless one is under way here: slow ones must not take the place of jobs."""
        self._do(self._sweep())

    async def _sweep(self) -> None:
        if self._sweeping.locked():
            return
        async with self._sweeping:
            if (services := await self._opened()) is not None:
                await services.sweep.run()


def queues_of(costs: Collection[Cost], staging: str) -> list[str]:
    """The queues of a worker beside that staging for work of these costs, the first looked for first."""
    return [SWEEPS, *(queue_of(cost, of) for cost in Cost if cost in costs for of in (staging, None))]


class EndingWorker(Worker):  # type: ignore[misc]  # Celery has no types
    """A worker that ends at once, with status 1, where it cannot go on; it is started again.

    Celery waits then for all that its children do, without listening to them any more: it may wait for ever.
    What they were at is begun again, as after a kill.
    """

    def stop(self, in_sighandler: bool = False, exitcode: int | None = None) -> None:
        """End, in the way that the exit code asks for."""
        if exitcode == EX_FAILURE:
            os._exit(EX_FAILURE)
        super().stop(in_sighandler, exitcode)


def _with_tasks(settings: Settings) -> tuple[Celery, Child]:
    app = make_app(settings)
    app.Worker = app.subclass_with_self(EndingWorker, name="Worker")
    child = Child(settings)
    app.task(child.run_job, name=RUN_JOB, Request=Ring)
    app.task(child.sweep, name=SWEEP, Request=Ring)
    app.steps["consumer"].add(Listening)
    return app, child


def run_worker(settings: Settings, costs: Collection[Cost], announce: Callable[[], None]) -> None:
    """Do work of these costs until told to stop; a warm stop finishes what is running.

    `announce`: the worker listens. Light work alone is done by one process, some of it at a time: it waits
    for disks and programs. All other work has processes of its own, so many as `work.concurrency`.
    """
    app, child = _with_tasks(settings)
    staging = staging_tag(settings)
    alone = set(costs) == {Cost.LIGHT}
    concurrency = settings.work.light_concurrency if alone else settings.work.concurrency

    def ready(**_: Any) -> None:
        announce()

    def opened(**_: Any) -> None:
        # billiard's children are the worker's, and must not outlive it when it is killed.
        die_with_parent(os.getppid())
        child.open(app)

    def closed(**_: Any) -> None:
        child.close()

    signals.worker_ready.connect(ready, weak=False)
    if not alone:
        signals.worker_process_init.connect(opened, weak=False)
        signals.worker_process_shutdown.connect(closed, weak=False)
    # billiard kills a child that is not up in four seconds; a busy catalogue may take longer.
    app.conf.worker_proc_alive_timeout = 60.0
    if alone:
        child.open(app)
    try:
        app.worker_main(
            [
                "--quiet",
                "worker",
                f"--pool={'threads' if alone else 'prefork'}",
                f"--concurrency={concurrency}",
                f"--queues={','.join(queues_of(costs, staging))}",
                "--loglevel=WARNING",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
            ]
        )
    finally:
        if alone:
            child.close()
