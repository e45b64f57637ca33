"""PDQ, the perceptual hash of a picture, for pictures that are 64 by 64 grey values already.

Pure. PDQ (Meta, 2019) makes any picture 64 by 64, takes the lowest 16 by 16 frequencies of its cosine
transform without the constant one, and keeps for each whether it lies above their median. The first step is
ffmpeg's here; the others give the reference implementation's bits (tests/vectors/pdq-v1.json).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Pixels a side.
SIDE = 64
HASH_BYTES = 32
#: Below this a picture has too little in it: black, a wall, a lens cap. The reference's own advice.
LEAST_QUALITY = 50

_FREQUENCIES = 16
_MEDIAN = _FREQUENCIES * _FREQUENCIES // 2 - 1
#: What the reference divides the sum of all steps in brightness by.
_STEPS_FOR_ONE = 90
_BRIGHTEST = 255


def _cosines() -> npt.NDArray[np.float32]:
    wave = np.arange(1, _FREQUENCIES + 1)[:, None] * (2 * np.arange(SIDE)[None, :] + 1)
    cosines: npt.NDArray[np.float32] = (np.sqrt(2 / SIDE) * np.cos(np.pi / (2 * SIDE) * wave)).astype(
        np.float32
    )
    return cosines


_COSINES = _cosines()


def hashes(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The hashes of n pictures, n by 64 by 64: n rows of 32 bytes."""
    spectrum = _COSINES @ pictures.astype(np.float32) @ _COSINES.T
    flat = spectrum.reshape(len(pictures), _FREQUENCIES * _FREQUENCIES)
    median = np.partition(flat, _MEDIAN, axis=1)[:, _MEDIAN : _MEDIAN + 1]
    return np.packbits((flat > median)[:, ::-1], axis=1)


def qualities(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """0..100 for each of n pictures: how much there is in it."""
    light = pictures.astype(np.int64)
    steps = np.zeros(len(pictures), np.int64)
    for axis in (1, 2):
        steps += (np.abs(np.diff(light, axis=axis)) * 100 // _BRIGHTEST).sum(axis=(1, 2))
    return np.minimum(100, steps // _STEPS_FOR_ONE)
