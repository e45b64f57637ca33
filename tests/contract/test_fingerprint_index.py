"""What every `FingerprintIndex` promises."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from evidence.copies import Fingerprint, FingerprintKind
from evidence.errors import NoSpace
from evidence.ids import new_id
from storage.fingerprints import index as index_module
from storage.fingerprints.index import DiskFingerprintIndex
from tests.fingerprints import copied, recording
from tests.places import ROOT

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KINDS = list(FingerprintKind)
#: With the second, nearly every put makes a run or joins runs.
SEALS = {"one tail": 32 << 20, "many runs": 9_000}


@pytest.fixture(params=list(SEALS))
def index(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DiskFingerprintIndex]:
    made = DiskFingerprintIndex(tmp_path / "fingerprints", seal_bytes=SEALS[request.param])
    yield made
    made.close()


def _new(kind: FingerprintKind, seed: int, seconds: float = 20.0) -> Fingerprint:
    return recording(new_id(NOW), kind, seed, seconds)


@pytest.mark.parametrize("kind", KINDS)
async def test_copies_are_found_best_first_and_strangers_are_not(
    index: DiskFingerprintIndex, kind: FingerprintKind
) -> None:
    source = _new(kind, 1)
    near = copied(source, new_id(NOW), start_s=3, turned=0.01)
    far = copied(source, new_id(NOW), start_s=5, end_s=14, turned=0.09)
    strangers = [_new(kind, seed) for seed in range(2, 12)]
    for one in (*strangers[:5], near, source, far, *strangers[5:]):
        await index.put(one)
    found = await index.matches(source, 10)
    assert [match.item_id for match in found] == [near.item_id, far.item_id]
    assert found[0].score >= found[1].score
    for match, start_ms in zip(found, (3_000, 5_000), strict=True):
        assert match.kind is kind
        assert abs(match.asked_at_ms - match.at_ms - start_ms) <= 250
    assert abs(found[1].length_ms - 9_000) <= 1_000
    assert len(await index.matches(source, 1)) == 1
    for stranger in strangers:
        assert await index.matches(stranger, 10) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_put_is_given_back(index: DiskFingerprintIndex, kind: FingerprintKind) -> None:
    one, nothing = _new(kind, 1), Fingerprint(new_id(NOW), kind, [])
    await index.put(one)
    await index.put(nothing)
    assert await index.of(one.item_id, kind) == one
    assert await index.of(nothing.item_id, kind) == nothing
    assert await index.of(new_id(NOW), kind) is None
    assert await index.matches(nothing, 10) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_the_last_one_put_counts(index: DiskFingerprintIndex, kind: FingerprintKind) -> None:
    old, asked = _new(kind, 1), _new(kind, 2)
    new = copied(asked, old.item_id)
    await index.put(old)
    await index.put(old)
    assert [match.item_id for match in await index.matches(copied(old, asked.item_id), 10)] == [old.item_id]
    await index.put(new)
    assert await index.matches(copied(old, asked.item_id), 10) == []
    assert [match.item_id for match in await index.matches(asked, 10)] == [old.item_id]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_dropped_is_gone_from_the_disk(
    index: DiskFingerprintIndex, tmp_path: Path, kind: FingerprintKind
) -> None:
    kept, gone = _new(kind, 1), _new(kind, 2)
    for one in (gone, kept, _new(kind, 3)):
        await index.put(one)
    await index.drop(gone.item_id)
    await index.drop(gone.item_id)
    await index.drop(new_id(NOW))
    opened_later = DiskFingerprintIndex(tmp_path / "fingerprints")
    for reader in (index, opened_later):
        assert await reader.of(gone.item_id, kind) is None
        assert await reader.matches(copied(gone, new_id(NOW)), 10) == []
        assert len(await reader.matches(copied(kept, new_id(NOW)), 10)) == 1
    opened_later.close()
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"".join(mark.data for mark in kept.marks) in held
    assert b"".join(mark.data for mark in gone.marks[:8]) not in held
    if kind is FingerprintKind.VIDEO:
        # As runs hold them: by words, in the machine's own order.
        words = [np.frombuffer(mark.data, ">u8").astype(np.uint64).tobytes() for mark in gone.marks]
        assert not any(row in held for row in words)


async def test_another_process_sees_what_is_written_meanwhile(
    index: DiskFingerprintIndex, tmp_path: Path
) -> None:
    reader = DiskFingerprintIndex(tmp_path / "fingerprints")
    for seed in range(12):
        one = _new(FingerprintKind.VIDEO, seed)
        await index.put(one)
        found = await reader.matches(copied(one, new_id(NOW)), 10)
        assert [match.item_id for match in found] == [one.item_id]
    reader.close()


_WRITER = """
import asyncio, sys
from pathlib import Path
from evidence.copies import FingerprintKind
from storage.fingerprints.index import DiskFingerprintIndex
from tests.fingerprints import recording
index = DiskFingerprintIndex(Path(sys.argv[1]), seal_bytes=9_000)
for number in range(12):
    item = f"0193a000-0000-7000-8000-{int(sys.argv[2]):04d}{number:08d}"
    asyncio.run(index.put(recording(item, FingerprintKind.VIDEO, int(sys.argv[2]) * 100 + number)))
"""


async def test_several_writers_lose_nothing(tmp_path: Path) -> None:
    root = tmp_path / "fingerprints"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(root), str(number)], cwd=ROOT)
        for number in (1, 2, 3)
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    index = DiskFingerprintIndex(root)
    for writer in (1, 2, 3):
        for number in range(12):
            asked = recording(new_id(NOW), FingerprintKind.VIDEO, writer * 100 + number)
            (match,) = await index.matches(asked, 10)
            assert match.item_id == f"0193a000-0000-7000-8000-{writer:04d}{number:08d}"
    assert not list(root.rglob("new-*"))
    index.close()


async def test_an_append_that_was_cut_off_is_dropped_and_written_over(tmp_path: Path) -> None:
    kind = FingerprintKind.AUDIO
    root = tmp_path / "fingerprints"
    log = root / kind.value / "marks.log"
    first, lost, after = _new(kind, 1), _new(kind, 2), _new(kind, 3, 15)
    index = DiskFingerprintIndex(root)
    await index.put(first)
    whole = log.stat().st_size
    await index.put(lost)
    index.close()
    size, content = log.stat().st_size, log.read_bytes()
    shorter = size - 8 * (len(lost.marks) - len(after.marks))
    for cut in (whole + 1, whole + 39, whole + 40, whole + 200, size - 1):
        log.write_bytes(content[:cut])
        index = DiskFingerprintIndex(root)
        assert await index.of(lost.item_id, kind) is None
        assert await index.of(first.item_id, kind) == first
        await index.put(after)
        index.close()
        assert log.stat().st_size == shorter
        index = DiskFingerprintIndex(root)
        assert await index.of(after.item_id, kind) == after
        assert [match.item_id for match in await index.matches(copied(after, lost.item_id), 9)] == [
            after.item_id
        ]
        index.close()


async def test_a_record_that_rotted_is_passed_over(tmp_path: Path) -> None:
    kind = FingerprintKind.VIDEO
    root = tmp_path / "fingerprints"
    index = DiskFingerprintIndex(root)
    rotted, sound = _new(kind, 1), _new(kind, 2)
    await index.put(rotted)
    await index.put(sound)
    index.close()
    descriptor = os.open(root / kind.value / "marks.log", os.O_RDWR)
    os.pwrite(descriptor, b"\xff\xff\xff", 300)
    os.close(descriptor)
    index = DiskFingerprintIndex(root)
    assert await index.of(rotted.item_id, kind) is None
    assert await index.matches(copied(rotted, new_id(NOW)), 10) == []
    assert len(await index.matches(copied(sound, new_id(NOW)), 10)) == 1
    index.close()


async def test_a_run_that_a_crash_left_half_made_is_made_again(tmp_path: Path) -> None:
    root = tmp_path / "fingerprints"
    index = DiskFingerprintIndex(root, seal_bytes=9_000)
    left = root / FingerprintKind.VIDEO.value / "new-run-0000000000000000-0000000000000001"
    left.mkdir(parents=True)
    (left / "items.npy").write_bytes(b"half")
    one = _new(FingerprintKind.VIDEO, 1, 60)
    await index.put(one)
    assert len(await index.matches(copied(one, new_id(NOW)), 10)) == 1
    assert not left.exists()
    index.close()


async def test_a_full_disk_is_called_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = DiskFingerprintIndex(tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(NoSpace):
        await index.put(_new(FingerprintKind.VIDEO, 1))
    monkeypatch.undo()
    await index.put(_new(FingerprintKind.VIDEO, 1))
    index.close()


async def test_many_alike_do_not_take_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that everybody has are the last to be looked at, and are left out beyond the budget."""
    monkeypatch.setattr(index_module.runs, "_BUDGET", 500)
    index = DiskFingerprintIndex(tmp_path)
    common = _new(FingerprintKind.VIDEO, 1, 5)
    own = _new(FingerprintKind.VIDEO, 2, 5)
    joined = [*common.marks, *(type(mark)(mark.at_ms + 5_000, mark.data) for mark in own.marks)]
    asked = Fingerprint(new_id(NOW), FingerprintKind.VIDEO, joined)
    await asyncio.gather(*(index.put(copied(common, new_id(NOW))) for _ in range(30)))
    await index.put(own)
    assert own.item_id in {match.item_id for match in await index.matches(asked, 100)}
    index.close()
