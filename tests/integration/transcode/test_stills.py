"""A still is exactly one frame of the original, and says which."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from evidence.errors import StageFailed
from evidence.ports.media import Made
from tests.integration.transcode.conftest import ffprobe, sample
from tests.media import ffmpeg
from transcode.tools import SandboxedTools


@pytest.fixture(scope="module")
def tools() -> SandboxedTools:
    """With the best sandbox that this machine allows: what is proven here does not depend on it."""
    return SandboxedTools("prefer")


async def _still(tools: SandboxedTools, original: Path, at_us: int, workdir: Path) -> Made:
    said = (await tools.describe(original, "", "")).as_json()
    shown, *_ = await tools.make_playable(original, said, workdir, lambda _: None)
    proof = await tools.prove(original, shown.path, said, workdir, lambda _: None)
    return await tools.make_still(original, said, json.loads(proof.path.read_bytes()), at_us, workdir)


def _is_frame(still: Path, original: Path, number: int, workdir: Path) -> bool:
    """Whether the still holds the same pixels as that frame, counted from 0."""
    frame = workdir / f"frame-{number}.png"
    ffmpeg("-i", str(original), "-vf", f"select=eq(n\\,{number})", "-frames:v", "1", str(frame))
    with Image.open(still) as one, Image.open(frame) as other:
        return (
            one.size == other.size
            and not ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getbbox()
        )


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s at 25 frames a second, every frame another, without sound."""
    path = tmp_path_factory.mktemp("media") / "steady.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=12"),
        *("-c:v", "libx264", "-g", "100", "-bf", "0", "-pix_fmt", "yuv420p", str(path)),
    )
    return path


@pytest.mark.parametrize(
    ("at_us", "number"), [(0, 0), (39_000, 0), (40_000, 1), (7_979_999, 199), (11_990_000, 299)]
)
async def test_the_frame_on_screen_is_taken(
    tools: SandboxedTools, steady: Path, tmp_path: Path, at_us: int, number: int
) -> None:
    made = await _still(tools, steady, at_us, tmp_path)
    assert (made.kind, made.media_type) == (f"still-{at_us}", "image/png")
    assert made.layout["shown_us"] == at_us
    assert _is_frame(made.path, steady, number, tmp_path)
    assert not _is_frame(made.path, steady, number + (1 if number < 299 else -1), tmp_path)


@pytest.mark.long
async def test_frames_that_are_reordered_are_shown_later_and_led_back(
    tools: SandboxedTools, steady: Path, tmp_path: Path
) -> None:
    reordered = tmp_path / "reordered.mp4"
    ffmpeg("-i", str(steady), "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p", str(reordered))
    # Fragments carry no edit list: two frames are held back, and every picture comes 80 ms late.
    for at_us, number in ((0, 0), (119_000, 0), (121_000, 1), (4_080_000, 100)):
        made = await _still(tools, reordered, at_us, tmp_path)
        assert _is_frame(made.path, reordered, number, tmp_path), at_us


async def test_the_original_is_cited_in_its_own_times(
    tools: SandboxedTools, steady: Path, tmp_path: Path
) -> None:
    late = tmp_path / "late.ts"
    ffmpeg("-i", str(steady), "-c", "copy", "-output_ts_offset", "3600", str(late))
    made = await _still(tools, late, 8_000_000, tmp_path)
    layout: Any = made.layout
    assert layout["time_base"] == [1, 90_000]
    assert layout["original_tick"] > 3608 * 90_000
    assert _is_frame(made.path, steady, 200, tmp_path)


async def test_of_an_encoded_recording_the_original_frame_is_taken_whole(
    tools: SandboxedTools, steady: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old.avi"
    ffmpeg("-i", str(steady), "-t", "5", "-vf", "scale=1920:1080", "-c:v", "mpeg4", "-q:v", "3", str(old))
    made = await _still(tools, old, 4_000_000, tmp_path)
    assert (made.layout["width"], made.layout["height"]) == (1920, 1080)
    assert _is_frame(made.path, old, 100, tmp_path)


async def test_a_still_is_upright(tools: SandboxedTools, rotated: Path, tmp_path: Path) -> None:
    made = await _still(tools, rotated, 1_000_000, tmp_path)
    assert (made.layout["width"], made.layout["height"]) == (180, 320)


async def test_sound_has_no_frame(tools: SandboxedTools, sound: Path, tmp_path: Path) -> None:
    with pytest.raises(StageFailed) as caught:
        await _still(tools, sound, 0, tmp_path)
    assert (caught.value.code, caught.value.final) == ("no-picture", True)


@pytest.mark.parametrize(
    "name", ["video/mediabunny-0.ts", "video/cursed-vfr.mp4", "video/sample_edit_list.mp4"]
)
async def test_real_recordings_give_a_frame(tools: SandboxedTools, tmp_path: Path, name: str) -> None:
    made = await _still(tools, sample(name), 1_000_000, tmp_path)
    tick: Any = made.layout["original_tick"]
    assert isinstance(tick, int)


@pytest.mark.long
async def test_of_a_variable_rate_the_frame_shown_by_then_is_taken_and_not_the_next(
    tools: SandboxedTools, tmp_path: Path
) -> None:
    original = sample("video/cursed-vfr.mp4")
    said = (await tools.describe(original, "", "")).as_json()
    shown, *_ = await tools.make_playable(original, said, tmp_path, lambda _: None)
    proof = await tools.prove(original, shown.path, said, tmp_path, lambda _: None)
    presentation = json.loads(proof.path.read_bytes())

    def ticks(path: Path) -> tuple[int, list[int]]:
        listed = ffprobe(path, "-select_streams", "v:0", "-show_entries", "packet=pts:stream=time_base")
        return int(listed["streams"][0]["time_base"].split("/")[1]), sorted(
            int(one["pts"]) for one in listed["packets"] if "pts" in one
        )

    rate, there = ticks(shown.path)
    _, originals = ticks(original)
    steps = {after - before for before, after in pairwise(there)}
    assert len(steps) > 1
    assert len(there) == len(originals)
    for number in (1, 2, len(there) // 3, len(there) // 2, len(there) - 1):
        for early_us, expected in ((0, number), (2, number - 1), (500, number - 1)):
            at_us = there[number] * 1_000_000 // rate - early_us
            made = await tools.make_still(original, said, presentation, at_us, tmp_path)
            assert made.layout["original_tick"] == originals[expected], (number, at_us)
