"""Poster, sprite sheet, waveform and marks: what helps to find the way in a recording."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evidence.ports.media import Made
from tests.integration.transcode.conftest import BOTH_WAYS
from tests.media import ffmpeg
from transcode.tools import SandboxedTools


def _one(kind: str, made: Sequence[Made]) -> Made:
    (found,) = [one for one in made if one.kind == kind]
    return found


async def _size(tools: SandboxedTools, original: Path, workdir: Path) -> tuple[int, int]:
    said = await tools.describe(original, "video/mp4", "")
    made = _one("poster", await tools.make_previews(original, said.as_json(), workdir, lambda _: None))
    assert made.media_type == "image/jpeg"
    with Image.open(made.path) as image:
        assert image.format == "JPEG"
        assert (image.width, image.height) == (made.layout["width"], made.layout["height"])
        return image.size


@BOTH_WAYS
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
    made = _one("poster", await tools.make_previews(late, said.as_json(), tmp_path, lambda _: None))
    with Image.open(made.path) as image:
        extrema = image.convert("L").getextrema()
        assert extrema[0] > 200


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s: a picture that moves, 3 s black, another scene that stands still; sound, then 5 s of silence."""
    path = tmp_path_factory.mktemp("media") / "eventful.mp4"
    moving = "testsrc2=size=320x240:rate=10"
    ffmpeg(
        *("-f", "lavfi", "-i", f"{moving}:duration=8"),
        *("-f", "lavfi", "-i", "color=black:size=320x240:rate=10:duration=3"),
        *("-f", "lavfi", "-i", "smptebars=size=320x240:rate=10:duration=9"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=15"),
        *("-filter_complex", "[0][1][2]concat=n=3[v];[3]apad=pad_dur=5[a]", "-map", "[v]", "-map", "[a]"),
        *("-c:v", "mpeg4", "-q:v", "3", "-g", "10", "-c:a", "aac", str(path)),
    )
    return path


async def _analysed(made: Sequence[Made]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_one("analysis", made).path.read_bytes())
    return found


@BOTH_WAYS
async def test_one_decode_finds_what_happens(tools: SandboxedTools, eventful: Path, tmp_path: Path) -> None:
    said = await tools.describe(eventful, "video/mp4", "")
    assert said.route == "transcode"
    made = await tools.make_playable(eventful, said.as_json(), tmp_path, lambda _: None)
    assert [one.kind for one in made] == ["playable", "poster", "sprite", "analysis"]
    found = await _analysed(made)
    assert found["pictures_from"] == "every frame"
    ((black, lit),) = found["black_us"]
    assert (black, lit) == (pytest.approx(8_000_000, abs=200_000), pytest.approx(11_000_000, abs=200_000))
    assert [end - start > 5_000_000 for start, end in found["freeze_us"]][-1]
    ((silent, end),) = found["silence_us"]
    assert (silent, end) == (pytest.approx(15_000_000, abs=200_000), pytest.approx(20_000_000, abs=200_000))
    assert -30 < float(found["loudness_lufs"]) < -10
    peaks = found["peaks"]
    per_second = 1_000_000 // peaks["window_us"]
    assert len(peaks["values"]) == pytest.approx(20 * per_second, abs=2)
    assert min(peaks["values"][per_second : 14 * per_second]) > 20
    assert max(peaks["values"][16 * per_second :]) == 0


async def test_the_sheet_shows_each_time_where_it_says(
    tools: SandboxedTools, eventful: Path, tmp_path: Path
) -> None:
    said = await tools.describe(eventful, "video/mp4", "")
    sheet = _one("sprite", await tools.make_playable(eventful, said.as_json(), tmp_path, lambda _: None))
    layout: Any = sheet.layout
    assert layout["times_us"] == [pytest.approx(n * 2_000_000, abs=150_000) for n in range(10)]
    with Image.open(sheet.path) as image:
        for number, at_us in enumerate(layout["times_us"]):
            x, y = (
                number % layout["columns"] * layout["width"],
                number // layout["columns"] * layout["height"],
            )
            tile = image.convert("L").crop((x, y, x + layout["width"], y + layout["height"]))
            assert (tile.getextrema()[1] < 40) == (7_900_000 < at_us < 10_900_000)


@BOTH_WAYS
async def test_what_plays_as_it_is_is_looked_at_without_decoding_it_all(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    said = await tools.describe(clip, "video/mp4", "")
    assert [
        one.kind for one in await tools.make_playable(clip, said.as_json(), tmp_path, lambda _: None)
    ] == ["playable"]
    made = await tools.make_previews(clip, said.as_json(), tmp_path, lambda _: None)
    found = await _analysed(made)
    assert found["pictures_from"] == "keyframes"
    assert found["freeze_us"] is None
    assert len(found["peaks"]["values"]) == pytest.approx(240, abs=2)
    times: Any = _one("sprite", made).layout["times_us"]
    assert times == [n * 2_000_000 for n in range(6)]


@BOTH_WAYS
async def test_sound_alone_has_a_waveform(tools: SandboxedTools, sound: Path, tmp_path: Path) -> None:
    said = await tools.describe(sound, "audio/mp4", "")
    made = await tools.make_previews(sound, said.as_json(), tmp_path, lambda _: None)
    found = await _analysed(made)
    assert [one.kind for one in made] == ["analysis"]
    assert found["scenes_us"] is None
    assert found["peaks"]["values"]


async def test_every_track_can_be_chosen(tools: SandboxedTools, clip: Path, tmp_path: Path) -> None:
    two = tmp_path / "two.mkv"
    ffmpeg(
        *("-i", str(clip), "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=12"),
        *("-f", "lavfi", "-i", "sine=frequency=880:duration=12"),
        *("-map", "0", "-map", "1", "-map", "2", "-c:v:0", "copy", "-c:v:1", "mpeg4"),
        *("-c:a:0", "copy", "-c:a:1", "libmp3lame", str(two)),
    )
    said = await tools.describe(two, "video/x-matroska", "")
    assert said.route == "copy"
    assert "2 of 4 streams are shown; to choose: 2 video (mpeg4), 3 audio (mp3)." in said.warnings
    made = {one.kind: one for one in await tools.make_playable(two, said.as_json(), tmp_path, lambda _: None)}
    assert list(made) == ["playable", "track-2", "track-3"]
    picture, heard = made["track-2"].layout, made["track-3"].layout
    assert (picture["video"], picture["audio"]) == (True, True)
    assert (heard["video"], heard["audio"]) == (False, True)
    for one in made.values():
        assert one.layout["duration_us"] == pytest.approx(12_000_000, abs=150_000)


@BOTH_WAYS
async def test_a_picture_is_drawn_small(tools: SandboxedTools, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (3200, 2400), "red").save(photo)
    said = await tools.describe(photo, "image/jpeg", "")
    assert (said.route, said.duration_ms) == ("none", None)
    made = await tools.make_previews(photo, said.as_json(), tmp_path, lambda _: None)
    assert [(one.kind, one.layout["width"]) for one in made] == [("poster", 640), ("preview", 2560)]
