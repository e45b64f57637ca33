"""`evidence.ports.doorbell.Doorbell` over Celery."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Thread

from celery import Celery

from evidence.jobs import RINGS, Job, cost_of
from workers.app import RUN_JOB, queue_of
from workers.line import Line

_log = logging.getLogger(__name__)
#: Rings that wait for the thread: more, and the broker takes none.
_MOST_WAITING = 100 * RINGS
#: Rings that may wait in one queue. Each row is rung for again and again: a queue without a worker would fill
#: the broker's memory, and then no other could be rung either.
MOST_RINGS = 2 * RINGS
#: By then the sweep has rung again.
_WORTH_SECONDS = 60.0
_CLOSING_SECONDS = 5.0


class CeleryDoorbell:
    """Rings from a thread of its own: a broker that is down holds nobody up.

    What cannot be rung is dropped. The rows are still there, and the sweep rings for them.
    """

    def __init__(self, app: Celery) -> None:
        self._line = Line(app)
        self._waiting: Queue[Job | None] = Queue(_MOST_WAITING)
        # A daemon: a broker that neither answers nor hangs up must not keep the process from ending.
        self._thread = Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    async def ring(self, jobs: Sequence[Job]) -> None:
        """Hand the identifiers to the ringing thread and go on; never raises."""
        with suppress(Full):
            for job in jobs:
                self._waiting.put_nowait(job)

    def close(self) -> None:
        """Ring what waits, as far as that is done within seconds, then end the thread."""
        with suppress(Full):
            self._waiting.put(None, timeout=_CLOSING_SECONDS)
        self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            jobs: list[Job | None] = [first]
            with suppress(Empty):
                while jobs[-1] is not None:
                    jobs.append(self._waiting.get_nowait())
            self._ring([job for job in jobs if job is not None])
            if jobs[-1] is None:
                break
        self._line.hang_up()

    def _ring(self, jobs: Sequence[Job]) -> None:
        queues: dict[str, list[list[str]]] = {}
        for job in jobs:
            queues.setdefault(queue_of(cost_of(job.stage), job.staging), []).append([job.id])
        try:
            for queue, calls in queues.items():
                self._line.ring(RUN_JOB, queue, calls, most=MOST_RINGS, worth_seconds=_WORTH_SECONDS)
        except Exception as error:  # noqa: BLE001  each transport has errors of its own
            _log.warning("the broker cannot be rung; the sweep will ring again: %s", error)
