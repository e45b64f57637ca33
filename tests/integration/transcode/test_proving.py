"""What the playable copy shows is proven against the original, or called encoded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.transcode.conftest import sample
from tests.media import ffmpeg
from transcode.tools import SandboxedTools


@pytest.fixture(scope="module")
def tools() -> SandboxedTools:
    """With the best sandbox that this machine allows: what is proven here does not depend on it."""
    return SandboxedTools("prefer")


async def _proven(tools: SandboxedTools, original: Path, workdir: Path) -> tuple[dict[str, Any], Path]:
    said = await tools.describe(original, "", "")
    shown, *_ = await tools.make_playable(original, said.as_json(), workdir, lambda _: None)
    made = await tools.prove(original, shown.path, said.as_json(), workdir, lambda _: None)
    assert (made.kind, made.media_type) == ("presentation", "application/json")
    found: dict[str, Any] = json.loads(made.path.read_bytes())
    assert made.provenance["streams"] == found["streams"]
    return found, shown.path


async def test_a_copy_holds_the_same_packets_at_the_same_times(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    found, _ = await _proven(tools, clip, tmp_path)
    assert [stream["equal"] for stream in found["streams"]] == [True, True]
    assert found["normalisation"].startswith("none")
    # The sound begins a moment before the picture, and the first picture is stretched over that.
    assert len(found["map"]["runs"]) <= 2
    assert (found["map"]["frames_shown"], found["map"]["original_not_shown"]) == (300, 0)
    assert found["edit_lists"][0]["entries"]


async def test_from_a_transport_stream_equal_after_what_is_stated(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    stream = tmp_path / "clip.ts"
    ffmpeg("-i", str(clip), "-c", "copy", "-output_ts_offset", "100", str(stream))
    found, _ = await _proven(tools, stream, tmp_path)
    assert [one["equal"] for one in found["streams"]] == [True, True]
    assert "coded slices" in found["normalisation"]
    assert "ADTS" in found["normalisation"]
    assert (found["map"]["shown_without_original"], found["map"]["original_not_shown"]) == (0, 0)
    run = found["map"]["runs"][-1]
    assert run["original"] - run["shown"] > 100 * 90_000


async def test_clocks_stand_beside_the_first_frame(tools: SandboxedTools, clip: Path, tmp_path: Path) -> None:
    dated = tmp_path / "dated.ts"
    ffmpeg("-i", str(clip), "-c", "copy", "-output_ts_offset", "5", str(dated))
    said = await tools.describe(dated, "", "20260314_101500_0001.ts")
    shown, *_ = await tools.make_playable(dated, said.as_json(), tmp_path, lambda _: None)
    made = await tools.prove(dated, shown.path, said.as_json(), tmp_path, lambda _: None)
    found = json.loads(made.path.read_bytes())
    (clock,) = found["wall_clock"]
    assert (clock["value"], clock["marks"]) == ("20260314_101500", "start")
    first = found["map"]["runs"][0]["shown"] * 1_000_000 // 90_000
    assert clock["shown_us"] == first


async def test_a_changed_copy_is_told(tools: SandboxedTools, clip: Path, tmp_path: Path) -> None:
    said = await tools.describe(clip, "", "")
    shown, *_ = await tools.make_playable(clip, said.as_json(), tmp_path, lambda _: None)
    other = tmp_path / "other.mp4"
    ffmpeg(
        "-i", str(shown.path), "-c:v", "libx264", "-c:a", "copy", "-movflags", "+frag_keyframe", str(other)
    )
    made = await tools.prove(clip, other, said.as_json(), tmp_path, lambda _: None)
    streams: Any = made.provenance["streams"]
    assert [one["equal"] for one in streams] == [False, True]


async def test_what_was_encoded_is_called_so_and_its_frames_are_led_back(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    source = tmp_path / "vfr.mkv"
    ffmpeg(
        *("-i", str(clip), "-vf", "select='not(mod(n,7))+gt(n,80)'", "-fps_mode", "vfr"),
        *("-c:v", "mpeg4", "-c:a", "copy", "-output_ts_offset", "3", str(source)),
    )
    found, _ = await _proven(tools, source, tmp_path)
    assert [(one["encoded"], one["equal"]) for one in found["streams"]] == [(True, None), (False, True)]
    assert found["map"]["shown_without_original"] == 0
    assert found["map"]["original_not_shown"] == 0


@pytest.mark.parametrize(
    "name",
    ["video/cursed-vfr.mp4", "video/mediabunny-0.ts", "video/sample_fragmented.mp4", "video/opencv-cup.mp4"],
)
async def test_real_recordings_are_proven(tools: SandboxedTools, tmp_path: Path, name: str) -> None:
    found, _ = await _proven(tools, sample(name), tmp_path)
    assert all(one["equal"] for one in found["streams"])
    assert found["map"]["shown_without_original"] == 0
