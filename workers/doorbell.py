"""`evidence.ports.doorbell.Doorbell` over Celery."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from evidence.jobs import RINGS, Job, cost_of
from workers.app import RUN_JOB, queue_of

_log = logging.getLogger(__name__)
#: Rings that may wait in one queue.
MOST_RINGS = 2 * RINGS


class CeleryDoorbell:
    """Rings from a thread of its own: a broker that is down holds nobody up."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="doorbell")

    async def ring(self, jobs: Sequence[Job]) -> None:
        """Hand the identifiers to the ringing thread and go on; never raises."""
        if jobs:
            asyncio.get_running_loop().run_in_executor(self._thread, self._ring, jobs)

    def _ring(self, jobs: Sequence[Job]) -> None:
        queues: dict[str, list[str]] = {}
        for job in jobs:
            queues.setdefault(queue_of(cost_of(job.stage), job.staging), []).append(job.id)
        try:
            with self._app.producer_or_acquire() as producer:
                for queue, ids in queues.items():
                    if self._is_full(queue, producer):
                        continue
                    for job_id in ids:
                        self._app.send_task(
                            RUN_JOB, args=[job_id], queue=queue, producer=producer, retry=False
                        )
        except (OperationalError, OSError) as error:
            _log.warning("the broker cannot be rung; the sweep will ring again: %s", error)

    def _is_full(self, queue: str, producer: Any) -> bool:
        """Whether so many rings wait already that nobody seems to listen.

        Each row is rung for again and again: a queue without a worker would fill the broker's memory, and
        then no other could be rung either.
        """
        found = self._app.amqp.queues[queue].bind(producer.channel).queue_declare()
        return bool(found.message_count >= MOST_RINGS)

    def close(self) -> None:
        """Ring what waits, then end the thread."""
        self._thread.shutdown()
