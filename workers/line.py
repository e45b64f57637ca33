"""A line to the broker for whoever only rings."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from celery import Celery


class Line:
    """One connection, made when it is needed. For one thread."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._connection: Any = None

    def ring(
        self, task: str, queue: str, calls: Sequence[Sequence[str]], *, most: int, worth_seconds: float
    ) -> int:
        """Send `task` for each of `calls`, its arguments, until `most` messages wait in `queue`.

        How many were sent. RabbitMQ throws away what waited longer than `worth_seconds`.

        Raises whatever the transport does: each has errors of its own. Some may have been sent then.
        """
        # That a broker was started anew is seen only when it is rung.
        if self._connection is not None:
            with suppress(Exception):
                return self._ring(task, queue, calls, most, worth_seconds)
            self._drop()
        try:
            return self._ring(task, queue, calls, most, worth_seconds)
        except BaseException:
            self._drop()
            raise

    def hang_up(self) -> None:
        """End the connection, if there is one."""
        if self._connection is not None:
            with suppress(Exception):
                self._connection.release()
            self._connection = None

    def _drop(self) -> None:
        """Close the socket; nobody is told, who would not hear it."""
        if self._connection is not None:
            with suppress(Exception):
                self._connection.collect()
            self._connection = None

    def _ring(
        self, task: str, queue: str, calls: Sequence[Sequence[str]], most: int, worth_seconds: float
    ) -> int:
        channel = self._channel()
        declared = channel.queue_declare(queue=queue, durable=True, exclusive=False, auto_delete=False)
        room = max(most - int(declared.message_count), 0)
        with self._app.amqp.Producer(channel) as producer:
            for arguments in calls[:room]:
                self._app.send_task(
                    task,
                    args=list(arguments),
                    queue=queue,
                    producer=producer,
                    retry=False,
                    expiration=worth_seconds,
                )
        return min(room, len(calls))

    def _channel(self) -> Any:
        if self._connection is None:
            self._connection = self._app.connection_for_write()
            # Left to itself it tries for seconds, with all that is rung meanwhile behind it.
            self._connection.ensure_connection(max_retries=1, interval_start=0)
        return self._connection.default_channel
