"""How long a part that died waits before it is started again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from custos.supervisor import RestartPolicy


def test_the_pause_doubles_up_to_its_limit() -> None:
    policy = RestartPolicy()
    pauses = [policy.pause_seconds(failures) for failures in range(1, 9)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


@given(st.integers(1, 10**9))
def test_no_pause_is_out_of_bounds(failures: int) -> None:
    policy = RestartPolicy()
    assert policy.first_seconds <= policy.pause_seconds(failures) <= policy.longest_seconds


def test_a_minute_of_health_starts_the_count_over() -> None:
    policy = RestartPolicy()
    assert policy.failures(0, 0.0) == 1
    assert policy.failures(5, 59.9) == 6
    assert policy.failures(5, 60.0) == 1
