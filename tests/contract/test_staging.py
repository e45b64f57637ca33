"""What every `Staging` promises."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.errors import Unavailable
from evidence.ids import new_id
from storage.objects.staging import StagingDirectory

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def staging(tmp_path: Path) -> StagingDirectory:
    return StagingDirectory(tmp_path / "staging")


def test_bytes_beyond_the_offset_are_dropped_on_opening(staging: StagingDirectory) -> None:
    upload = new_id(NOW)
    staging.create(upload)
    staging.create(upload)
    writer = staging.open(upload, 0)
    writer.write([b"hello", b" world"])
    writer.sync()
    writer.close()
    writer.close()
    again = staging.open(upload, 5)
    again.write([b"!"])
    again.close()
    assert staging.path(upload).read_bytes() == b"hello!"
    assert staging.digest(upload) == (6, hashlib.sha256(b"hello!").hexdigest())


def test_more_pieces_than_one_call_takes(staging: StagingDirectory) -> None:
    upload = new_id(NOW)
    staging.create(upload)
    pieces = [os.urandom(7) for _ in range(3000)]
    writer = staging.open(upload, 0)
    writer.write(pieces)
    writer.close()
    assert staging.path(upload).read_bytes() == b"".join(pieces)


def test_an_offset_that_the_disk_does_not_have_is_not_made_up(staging: StagingDirectory) -> None:
    upload = new_id(NOW)
    with pytest.raises(Unavailable):
        staging.open(upload, 0)
    staging.create(upload)
    with pytest.raises(Unavailable):
        staging.open(upload, 1)
    with pytest.raises(Unavailable):
        staging.digest(new_id(NOW))


def test_discarding_twice_and_idle_files(staging: StagingDirectory) -> None:
    old, fresh = new_id(NOW), new_id(NOW)
    for upload in (old, fresh):
        staging.create(upload)
    os.utime(staging.path(old), (0, 0))
    assert staging.idle(3600) == [old]
    staging.discard(old)
    staging.discard(old)
    assert staging.idle(3600) == []
    assert staging.free_bytes() > 0


@pytest.mark.parametrize("name", ["../x", "a", ""])
def test_only_identifiers_are_names(staging: StagingDirectory, name: str) -> None:
    with pytest.raises(ValueError):
        staging.create(name)
