"""What a browser cannot play is encoded: upright, at its own times, with its sound."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.integration.transcode.conftest import BOTH_WAYS, ffprobe, sample
from tests.media import ffmpeg
from transcode.tools import SandboxedTools


async def _made(tools: SandboxedTools, original: Path, workdir: Path) -> tuple[Path, Any, list[int]]:
    said = await tools.describe(original, "application/octet-stream", "")
    heard: list[int] = []
    made, *_ = await tools.make_playable(original, said.as_json(), workdir, heard.append)
    return made.path, made, heard


def _streams(path: Path) -> list[dict[str, Any]]:
    streams: list[dict[str, Any]] = ffprobe(path, "-show_streams")["streams"]
    return streams


def _times(path: Path) -> list[float]:
    frames = ffprobe(path, "-select_streams", "v:0", "-show_frames", "-show_entries", "frame=pts_time")[
        "frames"
    ]
    return [float(frame["pts_time"]) for frame in frames]


@pytest.fixture(scope="module")
def old_camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 s as older cameras write them: MPEG-4 part 2 and MP3 in AVI."""
    path = tmp_path_factory.mktemp("media") / "old.avi"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=12:duration=6"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=6"),
        *("-c:v", "mpeg4", "-q:v", "8", "-c:a", "libmp3lame", str(path)),
    )
    return path


async def test_video_and_sound_of_an_old_camera(
    tools: SandboxedTools, old_camera: Path, tmp_path: Path
) -> None:
    path, made, heard = await _made(tools, old_camera, tmp_path)
    video, sound = _streams(path)
    assert (video["codec_name"], video["pix_fmt"], sound["codec_name"]) == ("h264", "yuv420p", "aac")
    assert (video["width"], video["height"]) == (1280, 720)
    assert float(video["start_time"]) == 0
    # The picture starts after the sound in this file, and its first frame is stretched over that.
    first, second, *rest = _times(path)
    assert first == 0
    assert second < 2.5 / 12
    assert rest == pytest.approx([second + number / 12 for number in range(1, 71)], abs=0.001)
    assert made.provenance["encoded"] == {"video": True, "audio": True}
    assert made.provenance["profile"] == "proxy-1"
    assert len(made.layout["segments"]) == 2
    assert heard == sorted(heard)
    assert heard[-1] == 1000


@BOTH_WAYS
async def test_frames_stay_where_a_variable_rate_put_them(tools: SandboxedTools, tmp_path: Path) -> None:
    source = tmp_path / "vfr.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30:duration=4"),
        *("-vf", "select='not(mod(n,7))+gt(n,80)'", "-fps_mode", "vfr", "-c:v", "mpeg4", str(source)),
    )
    path, _, _ = await _made(tools, source, tmp_path)
    kept = _times(path)
    first = _times(source)[0]
    assert kept == pytest.approx([time - first for time in _times(source)], abs=0.002)
    assert len({round(later - earlier, 2) for earlier, later in pairwise(kept)}) > 1


async def test_a_recording_on_its_side_is_turned_upright(
    tools: SandboxedTools, old_camera: Path, tmp_path: Path
) -> None:
    lying, turned = tmp_path / "lying.mp4", tmp_path / "turned.mp4"
    ffmpeg("-i", str(old_camera), "-c:v", "mpeg4", "-s", "640x360", "-an", str(lying))
    ffmpeg("-i", str(lying), "-c", "copy", "-metadata:s:v:0", "rotate=90", str(turned))
    path, _, _ = await _made(tools, turned, tmp_path)
    (video,) = _streams(path)
    assert (video["width"], video["height"]) == (360, 640)
    assert "side_data_list" not in video


@BOTH_WAYS
async def test_h264_stays_as_it_is_beside_sound_that_cannot(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    source = tmp_path / "mp3.mp4"
    ffmpeg("-i", str(clip), "-c:v", "copy", "-c:a", "libmp3lame", str(source))
    path, made, _ = await _made(tools, source, tmp_path)
    assert [stream["codec_name"] for stream in _streams(path)] == ["h264", "aac"]
    assert made.provenance["encoded"] == {"video": False, "audio": True}


@pytest.mark.parametrize("layout", ["mono", "5.1"])
async def test_sound_alone(tools: SandboxedTools, tmp_path: Path, layout: str) -> None:
    source = tmp_path / "sound.flac"
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        f"anoisesrc=duration=9:sample_rate=96000,aformat=channel_layouts={layout}",
        str(source),
    )
    path, made, _ = await _made(tools, source, tmp_path)
    (sound,) = _streams(path)
    assert (sound["codec_name"], sound["sample_rate"]) == ("aac", "48000")
    assert sound["channels"] == (1 if layout == "mono" else 2)
    assert made.media_type == "audio/mp4"
    assert made.layout["duration_us"] == pytest.approx(9_000_000, abs=50_000)


async def test_what_browsers_stop_at_is_encoded_anew(tools: SandboxedTools, tmp_path: Path) -> None:
    flawed = sample("video/opencv-box.mp4")
    path, made, _ = await _made(tools, flawed, tmp_path)
    assert made.provenance["flaws_in_source"] > 0
    assert made.provenance["encoded"] == {"video": True, "audio": True}
    assert _streams(path)[0]["codec_name"] == "h264"
