"""What every `Staging` promises."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.errors import Unavailable
from evidence.ids import is_id, new_id
from evidence.ports.objects import Asked
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


def test_a_turn_is_one_claims_and_the_newest_of_an_agent_wins(staging: StagingDirectory) -> None:
    upload = new_id(NOW)
    holder, stranger, second, newest = (staging.turn(upload, agent) for agent in ("a", "b", "a", "a"))
    assert holder.ask() is Asked.HELD
    assert not holder.is_wanted()
    assert stranger.ask() is Asked.FOREIGN
    stranger.release()
    assert not holder.is_wanted()
    assert second.ask() is Asked.WAITING
    assert holder.is_wanted()
    assert newest.ask() is Asked.WAITING
    assert second.ask() is Asked.OVERTAKEN
    second.release()
    holder.release()
    holder.release()
    assert newest.ask() is Asked.HELD
    assert not newest.is_wanted()
    newest.release()
    assert not list(staging.path(upload).parent.glob("*.turn"))


def test_a_turn_that_was_let_go_while_one_waited_is_not_held_twice(staging: StagingDirectory) -> None:
    upload = new_id(NOW)
    first, waiting, third = (staging.turn(upload, "a") for _ in range(3))
    assert first.ask() is Asked.HELD
    assert waiting.ask() is Asked.WAITING
    first.release()
    # The name is free, and the one who waits has the lock of a file without it.
    assert third.ask() is Asked.HELD
    assert waiting.ask() is Asked.WAITING
    assert third.is_wanted()
    third.release()
    assert waiting.ask() is Asked.HELD
    waiting.release()


def test_what_a_killed_process_left_of_a_turn_is_found_and_discarded(staging: StagingDirectory) -> None:
    upload = new_id(NOW)
    left = staging.turn(upload, "a")
    assert left.ask() is Asked.HELD
    (file,) = staging.path(upload).parent.glob("*.turn")
    os.utime(file, (0, 0))
    assert staging.idle(3600) == [upload]
    staging.discard(upload)
    assert staging.idle(3600) == []
    left.release()


def test_its_tag_is_its_own_and_stays(tmp_path: Path) -> None:
    def tags(place: Path) -> set[str]:
        with ThreadPoolExecutor(4) as processes:
            return {each.tag for each in processes.map(StagingDirectory, [place] * 8)}

    (one,), (other,) = tags(tmp_path / "one"), tags(tmp_path / "other")
    assert one != other
    (tmp_path / "one" / "tag.0123").write_text("left by a start that was killed")
    assert StagingDirectory(tmp_path / "one").tag == one
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["tag"]
    upload = new_id(NOW, one)
    assert is_id(upload)
    assert upload.endswith(one)
