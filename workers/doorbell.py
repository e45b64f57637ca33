"""`evidence.ports.doorbell.Doorbell` over Celery."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from celery import Celery
from kombu.exceptions import OperationalError

from evidence.jobs import Job
from workers.app import RUN_JOB

_log = logging.getLogger(__name__)


class CeleryDoorbell:
    """Rings from a thread of its own: a broker that is down holds nobody up."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="doorbell")

    async def ring(self, jobs: Sequence[Job]) -> None:
        """Hand the identifiers to the ringing thread and go on; never raises."""
        if jobs:
            asyncio.get_running_loop().run_in_executor(self._thread, self._ring, [job.id for job in jobs])

    def _ring(self, ids: Sequence[str]) -> None:
        try:
            with self._app.producer_or_acquire() as producer:
                for job_id in ids:
                    self._app.send_task(RUN_JOB, args=[job_id], producer=producer, retry=False)
        except (OperationalError, OSError) as error:
            _log.warning("the broker cannot be rung; the sweep will ring again: %s", error)

    def close(self) -> None:
        """Ring what waits, then end the thread."""
        self._thread.shutdown()
