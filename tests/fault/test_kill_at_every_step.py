"""SIGKILL before and after every durable step of a recording's life."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.media import make_clip

SEED = 20261122


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def zygote(directory: Path, clip: Path, trials: list[str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fault.zygote", str(directory), str(clip), *trials],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == trials, done.stderr[-4000:]
    bad = [line for line in lines if not line.endswith(" ok")]
    assert not bad, "\n".join(bad) + done.stderr[-6000:]
    return lines


def steps(directory: Path, clip: Path) -> int:
    """How many durable steps one undisturbed life has."""
    zygote(directory, clip, ["0"])
    return len((directory / "steps").read_text().splitlines())


def every_point(count: int) -> list[str]:
    return [f"{number}{side}" for number in range(1, count + 1) for side in "-+"]


def doubles(count: int, how_many: int, rng: random.Random) -> list[str]:
    return [
        f"{rng.randint(1, count)}{rng.choice('-+')},{rng.randint(1, count)}{rng.choice('-+')}"
        for _ in range(how_many)
    ]


def test_a_seeded_choice_of_points(tmp_path: Path, clip: Path) -> None:
    count = steps(tmp_path / "life", clip)
    assert count > 60
    rng = random.Random(SEED)
    trials = [*rng.sample(every_point(count), 3), *doubles(count, 1, rng)]
    zygote(tmp_path / "life", clip, trials)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_every_point_and_pairs_of_points(tmp_path: Path, clip: Path) -> None:
    count = steps(tmp_path / "life", clip)
    trials = every_point(count)
    trials += doubles(count, max(0, 500 - len(trials)), random.Random(SEED))
    assert len(trials) >= 500
    zygote(tmp_path / "life", clip, trials)
