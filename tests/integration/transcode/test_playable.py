"""The playable copy: byte-equal streams, rotation kept, and playable from its layout alone."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evidence.canonical import canonical
from evidence.errors import StageFailed
from evidence.ports.media import Made
from tests.integration.transcode.conftest import BOTH_WAYS, ffprobe, sample
from tests.media import ffmpeg
from transcode.tools import SandboxedTools


class _Heard:
    def __init__(self) -> None:
        self.values: list[int] = []

    def __call__(self, value: int) -> None:
        self.values.append(value)


async def _make(tools: SandboxedTools, original: Path, workdir: Path) -> tuple[Made, list[int]]:
    said = await tools.describe(original, "video/mp4", "")
    assert said.route == "copy", said.reason
    heard = _Heard()
    made, *_ = await tools.make_playable(original, said.as_json(), workdir, heard)
    return made, heard.values


def _hashes(path: Path, *streams: int) -> list[str]:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path)]
    for index in streams:
        command += ["-map", f"0:{index}"]
    command += ["-c", "copy", "-f", "streamhash", "-hash", "sha256", "-"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def _playlist(layout: Mapping[str, Any], name: str) -> str:
    start, end = layout["init"]
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:60", "#EXT-X-PLAYLIST-TYPE:VOD"]
    lines.append(f'#EXT-X-MAP:URI="{name}",BYTERANGE="{end - start}@{start}"')
    for part in layout["segments"]:
        lines.append(f"#EXTINF:{part['duration_us'] / 1e6:.6f},")
        lines.append(f"#EXT-X-BYTERANGE:{part['end'] - part['start']}@{part['start']}")
        lines.append(name)
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _rotation(path: Path) -> int:
    stream = ffprobe(path, "-select_streams", "v:0", "-show_streams")["streams"][0]
    return int(stream["side_data_list"][0]["rotation"])


@BOTH_WAYS
async def test_the_streams_are_equal_and_the_layout_is_enough(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    made, heard = await _make(tools, clip, tmp_path)
    layout: Mapping[str, Any] = made.layout
    assert _hashes(clip, 0, 1) == _hashes(made.path, 0, 1)
    assert made.media_type == "video/mp4"
    # The sound's priming samples move the picture by 23 ms, which the first frame is stretched over.
    assert [part["duration_us"] for part in layout["segments"]] == [4_023_281, 4_000_000, 4_000_000]
    assert (layout["duration_us"], layout["video"], layout["audio"]) == (12_023_281, True, True)
    assert heard == sorted(heard)
    assert heard[-1] == 1000
    playlist = made.path.with_suffix(".m3u8")
    playlist.write_text(_playlist(layout, made.path.name))
    assert _hashes(playlist, 0, 1) == _hashes(clip, 0, 1)


@BOTH_WAYS
async def test_provenance_names_the_arguments_inside(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    made, _ = await _make(tools, clip, tmp_path)
    provenance: Mapping[str, Any] = made.provenance
    canonical(made.provenance)
    canonical(made.layout)
    assert provenance["tool"] == "ffmpeg"
    assert provenance["version"][0].isdigit()
    assert "file:/in/original" in provenance["arguments"]
    assert not any(str(tmp_path) in argument for argument in provenance["arguments"])
    assert (provenance["selected"], provenance["not_shown"], provenance["errors"]) == ([0, 1], [], 0)
    assert provenance["sandboxed"] is tools.protection()[0]


async def test_metadata_is_kept(tools: SandboxedTools, clip: Path, tmp_path: Path) -> None:
    made, _ = await _make(tools, clip, tmp_path)
    tags = ffprobe(made.path, "-show_format")["format"]["tags"]
    assert tags["creation_time"].startswith("2024-05-06T07:08:09")


async def test_rotation_is_kept(tools: SandboxedTools, rotated: Path, tmp_path: Path) -> None:
    made, _ = await _make(tools, rotated, tmp_path)
    assert _rotation(made.path) == _rotation(rotated) != 0


async def test_a_transport_stream(tools: SandboxedTools, transport_stream: Path, tmp_path: Path) -> None:
    made, _ = await _make(tools, transport_stream, tmp_path)
    arguments: Any = made.provenance["arguments"]
    assert "aac_adtstoasc" in arguments
    ffmpeg("-xerror", "-i", str(made.path), "-f", "null", "-")
    layout: Mapping[str, Any] = made.layout
    assert 12_000_000 <= layout["duration_us"] <= 12_050_000


async def test_sound_alone(tools: SandboxedTools, sound: Path, tmp_path: Path) -> None:
    made, _ = await _make(tools, sound, tmp_path)
    layout: Mapping[str, Any] = made.layout
    assert made.media_type == "audio/mp4"
    assert (layout["video"], layout["audio"]) == (False, True)
    assert len(layout["segments"]) in (2, 3)
    assert _hashes(sound, 0) == _hashes(made.path, 0)


async def test_a_stream_that_is_not_shown_is_named(tools: SandboxedTools, clip: Path, tmp_path: Path) -> None:
    two = tmp_path / "two.mp4"
    ffmpeg("-i", str(clip), "-map", "0:a", "-map", "0:v", "-map", "0:a", "-c", "copy", str(two))
    made, _ = await _make(tools, two, tmp_path)
    assert (made.provenance["selected"], made.provenance["not_shown"]) == ([1, 0], [2])
    assert _hashes(two, 1, 0) == _hashes(made.path, 0, 1)


async def test_what_has_nothing_to_play_is_refused_for_good(tools: SandboxedTools, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (32, 24), "red").save(photo)
    said = await tools.describe(photo, "image/jpeg", "")
    with pytest.raises(StageFailed) as caught:
        await tools.make_playable(photo, said.as_json(), tmp_path, _Heard())
    assert (caught.value.code, caught.value.final) == ("nothing-to-play", True)


@BOTH_WAYS
async def test_what_progress_raises_ends_the_run(tools: SandboxedTools, clip: Path, tmp_path: Path) -> None:
    class Lost(Exception):
        pass

    def progress(_: int) -> None:
        raise Lost

    said = await tools.describe(clip, "video/mp4", "")
    with pytest.raises(Lost):
        await tools.make_playable(clip, said.as_json(), tmp_path, progress)


@pytest.mark.parametrize(
    ("name", "video", "audio"),
    [
        ("video/rotate-bbb.mp4", 0, 1),
        ("video/opencv-cup.mp4", 1, 0),
        ("video/cursed-vfr.mp4", 0, None),
        ("video/sample_fragmented.mp4", 0, 1),
        ("gps/gopro-max-heromode.mp4", 0, 1),
    ],
)
async def test_samples_are_copied_without_loss(
    tools: SandboxedTools, tmp_path: Path, name: str, video: int, audio: int | None
) -> None:
    original = sample(name)
    made, _ = await _make(tools, original, tmp_path)
    streams = [video] if audio is None else [video, audio]
    assert _hashes(original, *streams) == _hashes(made.path, *range(len(streams)))


async def test_a_rotated_sample_stays_upright(tools: SandboxedTools, tmp_path: Path) -> None:
    original = sample("video/rotate-bbb.mp4")
    made, _ = await _make(tools, original, tmp_path)
    assert _rotation(made.path) == _rotation(original) == -90
