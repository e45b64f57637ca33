"""`custos verify log --full`: a copy of a store, in which every file is held against the log."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.verifier.heads import PinnedKey, pinned
from clients.verifier.log import verify_log
from clients.verifier.receipt import NotVerified
from evidence.agents import Role
from tests.serving.films import two_segments
from tests.serving.inside import Inside


@dataclass(frozen=True)
class Copy:
    """A copy of a store, made after the log had everything."""

    objects: Path
    key: PinnedKey
    pin: str

    def verify(self, objects: Path) -> str:
        """What the last step says."""
        return verify_log(objects / "log", self.key, objects=objects).steps[-1].proved


@pytest.fixture(scope="module")
def store(bureau: Inside, camera: bytes, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Two segments with their copies."""
    two_segments(bureau, camera)
    bureau.do(bureau.services.sequencer.run())
    objects = tmp_path_factory.mktemp("copy") / "store" / "objects"
    shutil.copytree(bureau.data / "store" / "objects", objects)
    pin = bureau.client(Role.ARCHIVIST).get("/log/key").body.decode().strip()
    return Copy(objects, pinned(pin), pin)


def test_every_stored_file_is_the_one_of_the_log(store: Copy) -> None:
    said = store.verify(store.objects)
    assert said.startswith("2 originals with their manifests and 10 copies are those of the log")


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def emptied(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "name", ["originals/*/*/*/[0-9a-f]*", "originals/*/*/*/manifest.json", "renditions/*/*/*"]
)
@pytest.mark.parametrize("change", [flipped, emptied, Path.unlink])
def test_a_file_that_was_changed_cut_or_taken_away_is_named(
    store: Copy, tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    objects = tmp_path / "objects"
    shutil.copytree(store.objects, objects)
    path = sorted(objects.glob(name))[0]
    change(path)
    if change is Path.unlink and not name.startswith("originals/*/*/*/["):
        # A copy can be made again, and a manifest is only one more witness of what the log says.
        store.verify(objects)
        return
    with pytest.raises(NotVerified) as refusal:
        store.verify(objects)
    named = path.parent.name if change is Path.unlink else path.relative_to(objects).as_posix()
    assert named in str(refusal.value)


def test_bytes_of_a_manifest_are_found_as_far_as_the_log_speaks_of_them(store: Copy, tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    shutil.copytree(store.objects, objects)
    path = sorted(objects.glob("originals/*/*/*/manifest.json"))[0]
    path.chmod(0o644)
    data = path.read_bytes()
    begins = data.index(b'"event":')
    ends = data.index(b'"item":')
    for place in range(begins + 9, ends, 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(NotVerified, match=r"manifest\.json was changed"):
            store.verify(objects)


def test_the_command_says_it(store: Copy, tmp_path: Path) -> None:
    def said(objects: Path) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "custos",
            "verify",
            "log",
            str(objects.parent),
            "--full",
            "--key",
            store.pin,
        ]
        return subprocess.run(command, capture_output=True, text=True)

    whole = said(store.objects)
    assert (whole.returncode, whole.stdout.splitlines()[-1]) == (0, "VERIFIED"), whole.stderr
    copy = tmp_path / "store" / "objects"
    shutil.copytree(store.objects, copy)
    flipped(sorted(copy.glob("originals/*/*/*/[0-9a-f]*"))[0])
    changed = said(copy)
    assert changed.returncode == 1
    assert "is not the original that came in" in changed.stdout
