"""Rings whose answer does not reach the broker: the line to it is gone, and has to be made anew.

Celery notes such an answer in its log and goes on. On Redis and Valkey the ring then counts as unanswered
for ever, and once as many do as the worker may have open, it listens no more, without a word. So here the
line is given up instead, as if its loss had been read from it.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from celery import bootsteps
from celery.worker.request import Request

#: How often it is looked whether an answer was lost.
_LOOKED_SECONDS = 1.0

#: Messages whose answer is on its way: Celery's loop sends it after whichever thread has answered.
_on_their_way: deque[Any] = deque()


class Ring(Request):  # type: ignore[misc]  # Celery has no types
    """A request that tells when its answer was lost."""

    def acknowledge(self) -> None:
        """Answer it."""
        super().acknowledge()
        _on_their_way.append(self.message)


class Listening(bootsteps.StartStopStep):  # type: ignore[misc]
    """Ends the line on which an answer was lost; Celery then makes another, as after any loss."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._looking: Any = None
        self._earlier: list[Any] = []

    def start(self, consumer: Any) -> None:
        """On each new line."""
        _on_their_way.clear()
        self._earlier = []
        self._looking = consumer.timer.call_repeatedly(_LOOKED_SECONDS, self._look)

    def stop(self, consumer: Any) -> None:
        """When that line ends."""
        if self._looking is not None:
            self._looking.cancel()

    def _look(self) -> None:
        # What was answered before the last look has been sent since, or it was lost.
        if not all(message.acknowledged for message in self._earlier):
            raise ConnectionResetError("an answer to the broker was lost")
        self._earlier = [_on_their_way.popleft() for _ in range(len(_on_their_way))]
