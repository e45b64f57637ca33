"""Rings whose answer does not reach the broker: the line to it is gone, and has to be made anew.

Celery notes such an answer in its log and goes on. On Redis and Valkey the ring then counts as unanswered
for ever, and once as many do as the worker may have open, it listens no more, without a word. So here the
line is given up instead, as if its loss had been read from it.
"""

from __future__ import annotations

import threading
from typing import Any

from celery import bootsteps
from celery.worker.request import Request

#: How often it is looked whether an answer was lost.
_LOOKED_SECONDS = 1.0

#: Set by whichever thread answered.
_lost = threading.Event()


class Ring(Request):  # type: ignore[misc]  # Celery has no types
    """A request that tells when its answer was lost."""

    def acknowledge(self) -> None:
        """Answer it."""
        super().acknowledge()
        if not self.message.acknowledged:
            _lost.set()


class Listening(bootsteps.StartStopStep):  # type: ignore[misc]
    """Ends the line on which an answer was lost; Celery then makes another, as after any loss."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._looking: Any = None

    def start(self, consumer: Any) -> None:
        """On each new line."""
        _lost.clear()
        self._looking = consumer.timer.call_repeatedly(_LOOKED_SECONDS, _look)

    def stop(self, consumer: Any) -> None:
        """When that line ends."""
        if self._looking is not None:
            self._looking.cancel()


def _look() -> None:
    if _lost.is_set():
        raise ConnectionResetError("an answer to the broker was lost")
