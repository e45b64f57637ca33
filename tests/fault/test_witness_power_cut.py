"""Cut the power after a witness has answered: it is on the disk, and nothing else is cosigned afterwards."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from custody.witness import Cosigned, forks_in, open_witness
from custody.witnessing import Forked, StandsAt
from tests.fault.conftest import mounted
from tests.unit.custody.test_witnessing import KEY, TREES
from tests.witnesses import Later


def test_what_a_witness_answered_is_on_the_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    with disk.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(disk)], check=True)
    answered: list[tuple[Path, int, int]] = []

    def cut(size: int, forks: int) -> None:
        # What the kernel has not written to the device by now is not in the copy.
        snapshot = tmp_path / f"{len(answered)}.img"
        shutil.copyfile(disk, snapshot)
        answered.append((snapshot, size, forks))

    with mounted(tmp_path / "disk", "-o", "loop", str(disk)) as place:
        witness = open_witness(place / "w", "w.test", [KEY], Later())
        key, size = witness.key, 0
        for new in (3, 9, 21):
            assert isinstance(witness.add(str(TREES[0].asks(size, new))), Cosigned)
            size = new
            cut(size, 0)
        assert isinstance(witness.add(str(TREES[4].asks(21, 21))), Forked)
        cut(21, 1)
    for number, (snapshot, size, forks) in enumerate(answered):
        with mounted(tmp_path / f"after-{number}", "-o", "loop", str(snapshot)) as place:
            again = open_witness(place / "w", None, [KEY], Later())
            assert again.key == key
            assert again.add(str(TREES[4].asks(0, size + 1))) == StandsAt(size)
            assert isinstance(again.add(str(TREES[0].asks(size, size + 1))), Cosigned)
            assert len(forks_in(place / "w")) == forks
