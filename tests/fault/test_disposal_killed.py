"""A disposal that is killed anywhere is finished by the next run, with one certificate."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.test_kill_at_every_step import SEED, doubles, every_point
from tests.time_authority import TimeAuthority, time_authority

ROOT = Path(__file__).parents[2]


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TimeAuthority]:
    with time_authority(tmp_path / "authority") as running:
        yield running


def killed(directory: Path, authority: TimeAuthority, trials: list[str]) -> None:
    directory.mkdir(exist_ok=True)
    done = subprocess.run(
        [
            sys.executable, "-m", "tests.fault.disposal", str(directory), authority.url, str(authority.root),
            *trials,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == trials, done.stderr[-4000:]
    bad = [line for line in lines if not line.endswith(" ok")]
    assert not bad, "\n".join(bad) + done.stderr[-6000:]


def steps(directory: Path, authority: TimeAuthority) -> int:
    """How many durable steps one undisturbed run has."""
    killed(directory, authority, ["0"])
    return len((directory / "steps").read_text().splitlines())


def test_a_seeded_choice_of_points(tmp_path: Path, authority: TimeAuthority) -> None:
    count = steps(tmp_path / "one", authority)
    assert count > 40
    rng = random.Random(SEED)
    trials = [*rng.sample(every_point(count), 4), *doubles(count, 1, rng)]
    killed(tmp_path / "many", authority, trials)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_every_point_and_pairs_of_points(tmp_path: Path, authority: TimeAuthority) -> None:
    count = steps(tmp_path / "one", authority)
    rng = random.Random(SEED)
    killed(tmp_path / "many", authority, [*every_point(count), *doubles(count, 60, rng)])
