"""The poster: one small upright picture, or a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from evidence.errors import StageFailed
from tests.integration.transcode.conftest import ffmpeg
from transcode.tools import SandboxedTools


async def _size(tools: SandboxedTools, original: Path, workdir: Path) -> tuple[int, int]:
    said = await tools.describe(original, "video/mp4", "")
    (made,) = await tools.make_previews(original, said.as_json(), workdir, lambda _: None)
    assert made.media_type == "image/jpeg"
    with Image.open(made.path) as image:
        assert image.format == "JPEG"
        assert (image.width, image.height) == (made.layout["width"], made.layout["height"])
        return image.size


async def test_a_small_recording_is_not_enlarged(tools: SandboxedTools, clip: Path, tmp_path: Path) -> None:
    assert await _size(tools, clip, tmp_path) == (320, 180)


async def test_a_rotated_recording_is_upright(tools: SandboxedTools, rotated: Path, tmp_path: Path) -> None:
    assert await _size(tools, rotated, tmp_path) == (180, 320)


async def test_a_large_recording_is_made_small(tools: SandboxedTools, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=1280x720:duration=1", "-pix_fmt", "yuv420p", str(large))
    assert await _size(tools, large, tmp_path) == (640, 360)


async def test_the_first_black_seconds_are_passed_over(tools: SandboxedTools, tmp_path: Path) -> None:
    late = tmp_path / "late.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:size=64x64:rate=10:duration=1"),
        *("-f", "lavfi", "-i", "color=white:size=64x64:rate=10:duration=19"),
        *("-filter_complex", "[0][1]concat", "-pix_fmt", "yuv420p", "-g", "1000", str(late)),
    )
    said = await tools.describe(late, "video/mp4", "")
    (made,) = await tools.make_previews(late, said.as_json(), tmp_path, lambda _: None)
    with Image.open(made.path) as image:
        extrema = image.convert("L").getextrema()
        assert extrema[0] > 200


async def test_sound_has_no_picture(tools: SandboxedTools, sound: Path, tmp_path: Path) -> None:
    said = await tools.describe(sound, "audio/mp4", "")
    with pytest.raises(StageFailed) as caught:
        await tools.make_previews(sound, said.as_json(), tmp_path, lambda _: None)
    assert (caught.value.code, caught.value.final) == ("no-picture", True)


async def test_pictures_are_not_offered_yet(tools: SandboxedTools, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (32, 24), "red").save(photo)
    said = await tools.describe(photo, "image/jpeg", "")
    assert (said.route, said.duration_ms) == ("none", None)
    with pytest.raises(StageFailed) as caught:
        await tools.make_previews(photo, said.as_json(), tmp_path, lambda _: None)
    assert (caught.value.code, caught.value.final) == ("route-not-offered-yet", True)
