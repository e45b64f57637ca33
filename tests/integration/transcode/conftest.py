"""Real tools, and media made on the spot so that nothing depends on the samples."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.media import ffmpeg
from tests.places import SAMPLES
from transcode.sandbox import Sandbox
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


#: In the sandbox, and with limits only: tests of an attack or a limit, and one at least of each kind of run.
#: What is read and made is the same in both, so all else is tried once.
BOTH_WAYS = pytest.mark.parametrize("bwrap", ["sandbox", "limits only"], indirect=True)
#: The same, with limits only as a long test: what takes long, and has the same limits in the sandbox.
SANDBOX_FIRST = pytest.mark.parametrize(
    "bwrap", ["sandbox", pytest.param("limits only", marks=pytest.mark.long)], indirect=True
)


@pytest.fixture
def bwrap(request: pytest.FixtureRequest) -> str:
    """The program that shuts tools in, or the name of none.

    Left to itself a test has the sandbox where this machine allows it, and limits only where it does not.
    What asks for the sandbox is skipped there, and says why.
    """
    way = getattr(request, "param", None)
    if way == "limits only":
        return "no-such-bwrap"
    in_force, words = Sandbox("require").protection()
    if way == "sandbox" and not in_force:
        pytest.skip(words)
    return "bwrap"


@pytest.fixture
def tools(bwrap: str) -> SandboxedTools:
    """The tools, run in the way that the test asks for."""
    return SandboxedTools("prefer", bwrap=bwrap)


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
