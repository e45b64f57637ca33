"""`evidence.ports.doorbell.Doorbell` over Celery."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Thread

from celery import Celery

from evidence.jobs import Job
from workers.app import QUEUE, RUN_JOB
from workers.line import Line

_log = logging.getLogger(__name__)
#: Rings that wait for the thread: more, and the broker takes none.
_MOST_WAITING = 1000
#: Messages that wait at the broker: more, and nobody is there who answers.
_MOST_UNANSWERED = 1000
#: By then the sweep has rung again.
_WORTH_SECONDS = 60.0
_CLOSING_SECONDS = 5.0


class CeleryDoorbell:
    """Rings from a thread of its own: a broker that is down holds nobody up.

    What cannot be rung is dropped. The rows are still there, and the sweep rings for them.
    """

    def __init__(self, app: Celery) -> None:
        self._line = Line(app)
        self._waiting: Queue[str | None] = Queue(_MOST_WAITING)
        # A daemon: a broker that neither answers nor hangs up must not keep the process from ending.
        self._thread = Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    async def ring(self, jobs: Sequence[Job]) -> None:
        """Hand the identifiers to the ringing thread and go on; never raises."""
        with suppress(Full):
            for job in jobs:
                self._waiting.put_nowait(job.id)

    def close(self) -> None:
        """Ring what waits, as far as that is done within seconds, then end the thread."""
        with suppress(Full):
            self._waiting.put(None, timeout=_CLOSING_SECONDS)
        self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            ids: list[str | None] = [first]
            with suppress(Empty):
                while ids[-1] is not None:
                    ids.append(self._waiting.get_nowait())
            self._ring([job_id for job_id in ids if job_id is not None])
            if ids[-1] is None:
                break
        self._line.hang_up()

    def _ring(self, ids: Sequence[str]) -> None:
        calls = [[job_id] for job_id in ids]
        try:
            rung = self._line.ring(RUN_JOB, QUEUE, calls, most=_MOST_UNANSWERED, worth_seconds=_WORTH_SECONDS)
        except Exception as error:  # noqa: BLE001  each transport has errors of its own
            _log.warning("the broker cannot be rung; the sweep will ring again: %s", error)
        else:
            if not rung:
                _log.warning("the broker's messages are not answered: is a worker there?")
