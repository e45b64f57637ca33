"""PDQ as the reference implementation has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from transcode import pdq

_KEPT = json.loads((Path(__file__).parents[2] / "vectors" / "pdq-v1.json").read_text())
_Y, _X = np.mgrid[0 : pdq.SIDE, 0 : pdq.SIDE]


def _picture(vector: dict[str, Any]) -> npt.NDArray[np.uint8]:
    values = vector["a"] * _X + vector["b"] * _Y + vector["c"] * _X * _Y // vector["d"]
    return (values % 256).astype(np.uint8)


@pytest.mark.parametrize("vector", _KEPT["vectors"], ids=lambda vector: str(vector["hash"])[:8])
def test_the_reference_says_the_same(vector: dict[str, Any]) -> None:
    pictures = _picture(vector)[None]
    assert pdq.hashes(pictures)[0].tobytes().hex() == vector["hash"]
    assert pdq.qualities(pictures)[0] == vector["quality"]


def test_many_at_once_are_as_one_by_one() -> None:
    pictures = np.stack([_picture(vector) for vector in _KEPT["vectors"]])
    assert [row.tobytes().hex() for row in pdq.hashes(pictures)] == [
        vector["hash"] for vector in _KEPT["vectors"]
    ]


@pytest.mark.parametrize("grey", [0, 16, 128, 255])
def test_a_plain_picture_has_no_quality(grey: int) -> None:
    pictures = np.full((1, pdq.SIDE, pdq.SIDE), grey, np.uint8)
    assert pdq.qualities(pictures)[0] < pdq.LEAST_QUALITY


def test_noise_of_a_dark_sensor_is_too_little() -> None:
    draw = np.random.default_rng(1)
    pictures = draw.integers(16, 19, (10, pdq.SIDE, pdq.SIDE)).astype(np.uint8)
    assert (pdq.qualities(pictures) < pdq.LEAST_QUALITY).all()
