"""A ring whose answer is lost ends the line that it came on."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from celery import Celery
from kombu import Message
from redis.exceptions import ConnectionError as NoConnection

from workers.rings import Listening, Ring


class _Channel:
    """One that answers, or whose line is gone."""

    no_ack_consumers: frozenset[str] = frozenset()

    def __init__(self, *, is_gone: bool) -> None:
        self._is_gone = is_gone

    def basic_ack(self, delivery_tag: str, multiple: bool) -> None:
        if self._is_gone:
            raise NoConnection("gone")


class _Consumer:
    """What a step sees of Celery's consumer: timers that are fired by hand."""

    def __init__(self) -> None:
        self.looks: list[Any] = []
        self.timer = self

    def call_repeatedly(self, _seconds: float, look: Any) -> _Consumer:
        self.looks.append(look)
        return self

    def cancel(self) -> None:
        self.looks.clear()


def _nothing() -> None:
    """A task."""


def _answered(*, is_gone: bool, soon: list[Any] | None = None) -> None:
    """`soon` takes what Celery's loop does a moment later, as it does where it has one."""
    app = Celery("rings")
    app.task(_nothing, name="ring")
    channel = _Channel(is_gone=is_gone)
    headers = {"id": "1", "task": "ring", "root_id": "1", "parent_id": None, "argsrepr": "", "kwargsrepr": ""}
    message = Message(channel=channel, body="[[], {}, {}]", headers=headers, delivery_tag="1")
    Ring(
        message,
        app=app,
        on_ack=message.ack_log_error if soon is None else lambda *how: soon.append((message, how)),
        connection_errors=(NoConnection,),
        headers=headers,
        body=([], {}, {}),
        decoded=True,
    ).acknowledge()


def test_a_lost_answer_ends_the_line_and_the_next_one_begins_without_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer = _Consumer()
    step = Listening(consumer)
    step.start(consumer)
    (look,) = consumer.looks
    look()
    _answered(is_gone=False)
    look()
    look()
    with caplog.at_level(logging.CRITICAL):
        _answered(is_gone=True)
    assert "Couldn't ack" in caplog.text
    look()
    # What Celery calls the loss of a connection, on every transport.
    with pytest.raises(OSError, match="was lost"):
        look()
    step.stop(consumer)
    assert consumer.looks == []
    step.start(consumer)
    consumer.looks[0]()
    consumer.looks[0]()


def test_an_answer_that_is_sent_a_moment_later_is_not_lost() -> None:
    consumer, soon = _Consumer(), list[Any]()
    step = Listening(consumer)
    step.start(consumer)
    for _ in range(3):
        _answered(is_gone=False, soon=soon)
        consumer.looks[0]()
        for message, how in soon:
            message.ack_log_error(*how)
        soon.clear()
    consumer.looks[0]()


def test_an_answer_that_is_never_sent_is_lost() -> None:
    consumer = _Consumer()
    step = Listening(consumer)
    step.start(consumer)
    _answered(is_gone=False, soon=[])
    consumer.looks[0]()
    with pytest.raises(ConnectionResetError):
        consumer.looks[0]()
