"""The worker: each child opens its own services after the fork and runs them on its own loop."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from celery import Celery, signals

from custos.child import die_with_parent
from custos.settings import Settings
from custos.wiring import Services, open_services
from evidence.errors import CustosError
from workers.app import RUN_JOB, SWEEP, make_app
from workers.doorbell import CeleryDoorbell

_log = logging.getLogger(__name__)


class Child:
    """What one forked process holds: a loop and the services on it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stack = AsyncExitStack()
        self._services: Services | None = None
        self._doorbell: CeleryDoorbell | None = None

    def open(self, app: Celery) -> None:
        """After the fork. What cannot be opened then is opened at a later ring."""
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._doorbell = CeleryDoorbell(app)
        self._opened()

    def _opened(self) -> Services | None:
        """The services; None while they cannot be had: jobs stay rows, and somebody rings for them again."""
        assert self._loop is not None
        assert self._doorbell is not None
        if self._services is None:
            # Celery keeps a child whose start failed, and gives it work: it must not stay like that for ever.
            opening = self._stack.enter_async_context(open_services(self._settings, self._doorbell, "worker"))
            try:
                self._services = self._loop.run_until_complete(opening)
            except CustosError as error:
                _log.error("the worker cannot begin, and tries again at the next ring: %s", error)
        return self._services

    def close(self) -> None:
        """Before the process ends."""
        if self._loop is not None:
            self._loop.run_until_complete(self._stack.aclose())
        if self._doorbell is not None:
            self._doorbell.close()

    def run_job(self, job_id: str) -> None:
        """Answer one ring."""
        assert self._loop is not None
        if (services := self._opened()) is not None:
            self._loop.run_until_complete(services.work.run(job_id))

    def sweep(self) -> None:
        """One sweep."""
        assert self._loop is not None
        if (services := self._opened()) is not None:
            self._loop.run_until_complete(services.sweep.run())


def make_worker(settings: Settings) -> Celery:
    """The app with its tasks; children open their services when they start."""
    app = make_app(settings)
    child = Child(settings)

    def opened(**_: Any) -> None:
        # billiard's children are the worker's, and must not outlive it when it is killed.
        die_with_parent(os.getppid())
        child.open(app)

    def closed(**_: Any) -> None:
        child.close()

    signals.worker_process_init.connect(opened, weak=False)
    signals.worker_process_shutdown.connect(closed, weak=False)
    app.task(child.run_job, name=RUN_JOB)
    app.task(child.sweep, name=SWEEP)
    return app


def run_worker(settings: Settings, announce: Callable[[], None]) -> None:
    """Work until told to stop; a warm stop finishes what is running. `announce`: the worker listens."""
    app = make_worker(settings)

    def ready(**_: Any) -> None:
        announce()

    signals.worker_ready.connect(ready, weak=False)
    # billiard kills a child that is not up in four seconds; a busy catalogue may take longer.
    app.conf.worker_proc_alive_timeout = 60.0
    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=prefork",
            f"--concurrency={settings.work.concurrency}",
            "--loglevel=WARNING",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )
