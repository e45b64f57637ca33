"""Small disks for the fault tests. They need root and mount rights; without those the tests say so."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.buckets import Held, opened
from tests.fault.scenario import Shift
from tests.faulty_store import FaultyStore, faulty_store
from tests.media import make_clip
from tests.s3_server import S3Server


@contextmanager
def mounted(place: Path, *arguments: str) -> Iterator[Path]:
    """A mount for the length of the block; skips the test where mounting is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *arguments, str(place)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A data directory with 24 MiB of room, its catalogue on another disk."""
    with mounted(tmp_path / "data", "-t", "tmpfs", "-o", "size=24m", "tmpfs") as data:
        (tmp_path / "catalogue").mkdir()
        (data / "catalogue").symlink_to(tmp_path / "catalogue")
        yield data


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Eight megabytes and more of H.264."""
    return make_clip(tmp_path / "clip.mp4", seconds=6, size="1280x720", bitrate="12M")


@pytest.fixture(autouse=True)
def clock() -> Iterator[type[Shift]]:
    """The server's clock, to be moved by hand; put right afterwards."""
    with Shift.installed():
        yield Shift


@pytest.fixture
def held(s3_server: S3Server, tmp_path: Path) -> Held:
    return opened(s3_server, s3_server.make_bucket(), tmp_path)


@pytest.fixture
def faulty(s3_server: S3Server) -> Iterator[FaultyStore]:
    with faulty_store(s3_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def troubled(s3_server: S3Server, tmp_path: Path, faulty: FaultyStore) -> Held:
    """A bucket whose server is reached through what happens to requests."""
    return opened(s3_server, s3_server.make_bucket(), tmp_path, faulty.url)
