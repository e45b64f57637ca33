"""Real tools, and media made on the spot so that nothing depends on the samples."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.media import ffmpeg
from tests.places import SAMPLES
from transcode.tools import SandboxedTools


def ffprobe(path: Path, *arguments: str) -> dict[str, Any]:
    """What the machine's own ffprobe says."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", *arguments, str(path)], check=True, capture_output=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def sample(name: str) -> Path:
    """One of the shared samples, or a skip that says so."""
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"the shared samples are not beside this checkout ({SAMPLES})")
    return path


@pytest.fixture(params=["sandbox", "limits only"])
def tools(request: pytest.FixtureRequest) -> SandboxedTools:
    """Both ways that tools are run; the first is skipped where bubblewrap is not allowed."""
    if request.param == "limits only":
        return SandboxedTools("prefer", bwrap="no-such-bwrap")
    made = SandboxedTools("require")
    in_force, words = made.protection()
    if not in_force:
        pytest.skip(words)
    return made


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of H.264 with a keyframe every second, AAC and a creation time."""
    path = tmp_path_factory.mktemp("media") / "clip.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=12"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=12"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-metadata", "creation_time=2024-05-06T07:08:09Z", str(path)),
    )
    return path


@pytest.fixture(scope="session")
def rotated(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as a camera on its side stores it: with a rotation matrix."""
    turned = tmp_path_factory.mktemp("media") / "rotated.mp4"
    ffmpeg("-i", str(clip), "-c", "copy", "-metadata:s:v:0", "rotate=90", str(turned))
    return turned


@pytest.fixture(scope="session")
def transport_stream(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as MPEG-TS: Annex B video, ADTS sound."""
    path = tmp_path_factory.mktemp("media") / "clip.ts"
    ffmpeg("-i", str(clip), "-c", "copy", "-f", "mpegts", str(path))
    return path


@pytest.fixture(scope="session")
def sound(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip's sound alone."""
    path = tmp_path_factory.mktemp("media") / "sound.m4a"
    ffmpeg("-i", str(clip), "-vn", "-c", "copy", str(path))
    return path
