"""What is said of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from custos.clock import Synchronisation, SystemClock, judged, synchronisation
from evidence.ports.clock import Clock


@pytest.mark.parametrize(
    ("returned", "status", "expected"),
    [
        (0, 0x0001, Synchronisation.YES),
        (5, 0x0001, Synchronisation.NO),
        (5, 0x0040, Synchronisation.NO),
        (0, 0x0040, Synchronisation.NO),
        (1, 0x0011, Synchronisation.YES),
        (-1, 0, Synchronisation.UNKNOWN),
    ],
)
def test_what_the_kernel_answers_means(returned: int, status: int, expected: Synchronisation) -> None:
    assert judged(returned, status) is expected


def test_the_kernel_can_be_asked() -> None:
    assert synchronisation() in Synchronisation


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Synchronisation.YES, "server clock, synchronised"),
        (Synchronisation.NO, "server clock, not synchronised"),
        (Synchronisation.UNKNOWN, "server clock, synchronisation unknown"),
    ],
)
def test_the_source_is_named_in_words(state: Synchronisation, words: str) -> None:
    assert SystemClock(lambda: state).source() == words


def test_the_kernel_is_asked_again_after_a_few_seconds_only() -> None:
    answers = [Synchronisation.YES, Synchronisation.NO]
    seconds = [100.0]
    clock: Clock = SystemClock(lambda: answers.pop(0), lambda: seconds[0])
    assert clock.source() == "server clock, synchronised"
    seconds[0] = 104.9
    assert clock.source() == "server clock, synchronised"
    seconds[0] = 105.0
    assert clock.source() == "server clock, not synchronised"


def test_now_is_aware_and_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
