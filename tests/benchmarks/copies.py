"""Finding copies among 10,000 hours: how long one question takes, and what the index weighs.

The recordings are drawn by chance, ten minutes long, with a picture to be found by each second and a term of
sound every 124 ms: as many keys as an archive in which nothing ever stands still. Pictures between those are
read of candidates only, and are left out. One recording is real in so far as its copies are asked for.
"""

from __future__ import annotations

import asyncio
import resource
import time
import uuid
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from evidence.copies import Fingerprint, FingerprintKind, Mark
from storage.fingerprints import runs
from storage.fingerprints.index import MOST_POSTINGS, DiskFingerprintIndex
from storage.fingerprints.log import MarkLog
from storage.fingerprints.marks import Marks, from_bytes, width
from tests.benchmarks.results import Report

HOURS = 10_000
QUESTIONS = 15
LIMIT_S = 1.0
_MINUTES = 10
_SEED = 20260101
_SPACING_MS = {FingerprintKind.VIDEO: 1_000, FingerprintKind.AUDIO: 124}
#: A close look at what is asked about gives eight pictures a second, the ones between like their neighbours.
_LOOKS = {FingerprintKind.VIDEO: 8, FingerprintKind.AUDIO: 1}
_KEYS_A_MARK = {FingerprintKind.VIDEO: 12.0, FingerprintKind.AUDIO: 0.25}
_TURNED = {FingerprintKind.VIDEO: 10 / 256, FingerprintKind.AUDIO: 2 / 32}


def _hashes(kind: FingerprintKind, number: int) -> npt.NDArray[np.uint8]:
    draw = np.random.default_rng((_SEED, number))
    return draw.integers(0, 256, (_MINUTES * 60_000 // _SPACING_MS[kind], width(kind)), dtype=np.uint8)


def _item(number: int) -> str:
    return str(uuid.UUID(int=0x0193A000_0000_7000_8000_000000000000 + number))


def _build(kind: FingerprintKind, home: Path) -> None:
    """The files that putting the recordings in one by one ends in, runs as large as they are let grow."""
    log = MarkLog(home, width(kind))
    count = _MINUTES * 60_000 // _SPACING_MS[kind]
    times = (np.arange(count) * _SPACING_MS[kind]).astype("<u4").tobytes()
    most = int(MOST_POSTINGS / (count * _KEYS_A_MARK[kind]))
    start = end = 0
    gathered: list[tuple[int, Marks]] = []
    for number in range(HOURS * 60 // _MINUTES):
        hashes = _hashes(kind, number).tobytes()
        gathered.append((end, from_bytes(kind, times, hashes)))
        end = log.append(end, _item(number), times, hashes).end
        if len(gathered) == most:
            runs.write(home, runs.build(kind, start, end, gathered))
            start, gathered = end, []
    if gathered:
        runs.write(home, runs.build(kind, start, end, gathered))
    log.close()


def _copy_of(kind: FingerprintKind, number: int) -> Fingerprint:
    """As re-encoding leaves it: a few bits of every hash turned."""
    draw = np.random.default_rng((_SEED, number, 1))
    rows = np.unpackbits(np.repeat(_hashes(kind, number), _LOOKS[kind], axis=0), axis=1)
    turned = np.packbits(rows ^ (draw.random(rows.shape) < _TURNED[kind]), axis=1)
    step = _SPACING_MS[kind] / _LOOKS[kind]
    return Fingerprint(
        str(uuid.uuid4()),
        kind,
        [Mark(int(place * step), row.tobytes()) for place, row in enumerate(turned)],
    )


def measure(work: Path, report: Report) -> None:
    """One line a kind, over as many copies as questions; each has to be found, and first."""
    for kind in FingerprintKind:
        begun = time.perf_counter()
        # 60,000 waits for the disk are what putting them in costs, and not what is asked here.
        with patch("os.fdatasync"):
            _build(kind, work / kind.value)
        built_s = time.perf_counter() - begun
        size = sum(path.stat().st_size for path in (work / kind.value).rglob("*") if path.is_file())
        index = DiskFingerprintIndex(work)
        begun = time.perf_counter()
        asyncio.run(index.matches(_copy_of(kind, 0), 10))
        first_s = time.perf_counter() - begun
        taken, right = [], 0
        for question in range(QUESTIONS):
            number = 1 + question * 3_571
            asked = _copy_of(kind, number)
            begun = time.perf_counter()
            found = asyncio.run(index.matches(asked, 10))
            taken.append(time.perf_counter() - begun)
            right += bool(found) and found[0].item_id == _item(number)
        index.close()
        said = (
            f"s; slowest {max(taken):.2f}, first with opening {first_s:.2f}; {right} of {QUESTIONS} found; "
            f"{size / 1e9:.1f} GB made in {built_s:.0f} s"
        )
        report.at_most(f"copies by {kind} in {HOURS} h, ten minutes asked", median(taken), LIMIT_S, said)
        report.at_least(f"copies found by {kind}", right / QUESTIONS, 1.0, f"{right} of {QUESTIONS}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"     most memory of this process, pages of mapped files included: {peak:.0f} MiB")
