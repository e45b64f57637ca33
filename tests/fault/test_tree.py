"""SIGKILL of the parts of a running `custos serve`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fault.killing import part, strike
from tests.fault.traffic import Traffic, receive_in_trouble
from tests.serving.waiting import eventually

SEED = 20261122


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_parts_are_killed_many_times(tmp_path: Path) -> None:
    drawn = random.Random(SEED)  # a schedule, no secret

    def trouble(pid: int, traffic: Traffic) -> None:
        for _ in range(40):
            victim = drawn.choice(["api", "worker", "worker", "sequencer"])
            eventually(lambda victim=victim: part(pid, victim), f"{victim} is running")
            traffic.until(drawn.randrange(3))
            strike(pid, victim)

    receive_in_trouble(tmp_path, 8, trouble, onlookers=True, seed=SEED)
