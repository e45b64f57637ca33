"""The playable copy does not fail for what is made beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evidence.errors import StageFailed
from tests.integration.transcode.conftest import ffprobe
from tests.media import ffmpeg
from transcode.tools import SandboxedTools


def _refusing(base: Path, pattern: str) -> SandboxedTools:
    """Tools whose ffmpeg ends in an error for every command that fits `pattern`."""
    fake = base / "ffmpeg"
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in {pattern}) exit 1;; esac\nexec {shutil.which("ffmpeg")} "$@"\n',
    )
    fake.chmod(0o755)
    return SandboxedTools("prefer", ffmpeg=str(fake))


@pytest.fixture
def two_voices(tmp_path: Path) -> Path:
    """A picture to encode and two sounds."""
    path = tmp_path / "two.avi"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=3"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=3"),
        *("-f", "lavfi", "-i", "sine=frequency=880:duration=3"),
        *("-map", "0", "-map", "1", "-map", "2", "-c:v", "mpeg4", "-c:a", "libmp3lame", str(path)),
    )
    return path


async def test_without_what_cannot_be_made_beside_it(two_voices: Path, tmp_path: Path) -> None:
    tools = _refusing(tmp_path, "*playable.mp4*track-*|*track-*playable.mp4*")
    said = (await tools.describe(two_voices, "", "")).as_json()
    made = await tools.make_playable(two_voices, said, tmp_path, lambda _: None)
    assert [one.kind for one in made] == ["playable"]
    assert [one["codec_name"] for one in ffprobe(made[0].path, "-show_streams")["streams"]] == ["h264", "aac"]
    track = await tools.make_track(two_voices, said, 2, tmp_path, lambda _: None)
    assert track.kind == "track-2"
    assert [one["codec_name"] for one in ffprobe(track.path, "-show_streams")["streams"]] == ["aac"]


async def test_a_track_that_cannot_be_made_says_so(two_voices: Path, tmp_path: Path) -> None:
    tools = _refusing(tmp_path, "*track-*")
    said = (await tools.describe(two_voices, "", "")).as_json()
    with pytest.raises(StageFailed):
        await tools.make_track(two_voices, said, 2, tmp_path, lambda _: None)
    with pytest.raises(StageFailed) as error:
        await tools.make_track(two_voices, said, 5, tmp_path, lambda _: None)
    assert (error.value.code, error.value.final) == ("no-track", True)
