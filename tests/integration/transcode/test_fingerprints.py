"""Copies of generated media are found and strangers are not, with ffmpeg and the index.

Those of real media: see `tests/e2e/test_samples.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.copies import FingerprintKind
from evidence.errors import StageFailed
from tests.archive import Archive, taken
from tests.media import ffmpeg
from transcode.bench import Bench, Program
from transcode.fingerprints import Fingerprinter
from transcode.probe import look_inside
from transcode.tools import SandboxedTools

VIDEO, AUDIO = FingerprintKind.VIDEO, FingerprintKind.AUDIO
_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "index", tmp_path)


#: Pictures and sounds that are all different; a scene of noise that drifts and turns is much like a street.
_SCENES = {
    "mandelbrot": "mandelbrot=size=320x180:rate=25:start_scale=1.2:end_scale=0.1",
    "life": "life=size=320x180:rate=25:mold=10:ratio=0.3:life_color=white:seed=7",
    "cells": "cellauto=size=320x180:rate=25:rule=110:seed=3",
}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three generated recordings of 18 s, each with a sound of its own."""
    base = tmp_path_factory.mktemp("scenes")
    made = []
    for number, (name, source) in enumerate(_SCENES.items()):
        path = base / f"{name}.mp4"
        sound = f"anoisesrc=color=pink:seed={number}:r=44100:a=0.5"
        ffmpeg(
            *("-f", "lavfi", "-i", source, "-f", "lavfi", "-i", sound),
            *("-t", "18", *_X264, "-g", "50", "-c:a", "aac", str(path)),
        )
        made.append(path)
    return made


@pytest.mark.long
async def test_generated_copies_are_found(archive: Archive, scenes: list[Path], tmp_path: Path) -> None:
    for scene in scenes:
        await archive.add(scene)
    assert await archive.among_themselves() == set()
    copy = tmp_path / "copy.mkv"
    for scene in scenes:
        ffmpeg(
            *("-ss", "6.03", "-i", str(scene), "-t", "7", *_X264, "-crf", "32", "-vf", "scale=-2:120"),
            *("-c:a", "libmp3lame", "-b:a", "64k", str(copy)),
        )
        found = await archive.copies_of(copy)
        assert set(found) == {(scene.name, VIDEO), (scene.name, AUDIO)}
        for match in found.values():
            assert match.score >= 700
            assert abs(match.at_ms - match.asked_at_ms - 6_030) <= 300


async def test_only_one_of_two_has_to_be_looked_at_closely(
    archive: Archive, scenes: list[Path], tmp_path: Path
) -> None:
    """Keyframes of a copy stand elsewhere: they meet a close look, and they do not meet keyframes."""
    scene = scenes[0]
    await archive.add(scene, closely_up_to_ms=0)
    copy = tmp_path / "copy.mp4"
    ffmpeg("-ss", "0.6", "-i", str(scene), *_X264, "-crf", "32", "-g", "50", "-an", str(copy))
    assert (scene.name, VIDEO) in await archive.like(await taken(copy, tmp_path))
    sparse = await taken(copy, tmp_path, closely_up_to_ms=0)
    assert 5 <= len(sparse[VIDEO]) <= 20
    assert await archive.like(sparse) == {}


async def test_black_silence_and_a_tone_are_no_copies_of_each_other(archive: Archive, tmp_path: Path) -> None:
    for name, sound in {"silent": "anullsrc=r=44100", "toned": "sine=frequency=440"}.items():
        for number in (1, 2):
            path = tmp_path / f"{name}-{number}.mp4"
            ffmpeg(
                *("-f", "lavfi", "-i", "color=black:size=320x180:rate=25", "-f", "lavfi", "-i", sound),
                *("-t", "10", *_X264, "-c:a", "aac", str(path)),
            )
            await archive.add(path)
    assert await archive.among_themselves() == set()


async def test_a_black_recording_has_no_marks(tmp_path: Path) -> None:
    path = tmp_path / "black.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=black:size=320x180:rate=25", "-t", "5", *_X264, str(path))
    assert await taken(path, tmp_path) == {VIDEO: []}


async def test_a_turned_recording_is_looked_at_upright(
    archive: Archive, scenes: list[Path], tmp_path: Path
) -> None:
    turned, upright = tmp_path / "turned.mp4", tmp_path / "upright.mp4"
    ffmpeg("-i", str(scenes[1]), "-an", "-c", "copy", "-metadata:s:v:0", "rotate=90", str(turned))
    ffmpeg("-i", str(turned), *_X264, str(upright))
    await archive.add(turned)
    assert ("turned.mp4", VIDEO) in await archive.copies_of(upright)


async def test_what_cannot_be_decoded_gives_no_marks(clip: Path, tmp_path: Path) -> None:
    broken = bytearray(clip.read_bytes())
    start = broken.index(b"mdat") + 4
    broken[start : len(broken) // 2] = bytes(len(broken) // 2 - start)
    path = tmp_path / "broken.mp4"
    path.write_bytes(broken)
    assert set(await taken(path, tmp_path)) <= {VIDEO, AUDIO}
    path.write_bytes(b"no recording at all")
    assert await taken(path, tmp_path) == {}


async def test_a_sound_of_six_channels_is_listened_to(tmp_path: Path) -> None:
    path = tmp_path / "six.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=frequency=300:duration=6", "-ac", "6", str(path))
    assert len((await taken(path, tmp_path))[AUDIO]) > 10


async def test_a_machine_at_fault_may_try_again(clip: Path, tmp_path: Path) -> None:
    said = await SandboxedTools("prefer").describe(clip, "", "")
    with clip.open("rb") as file:
        inside = look_inside(file)
    fingerprinter = Fingerprinter(Bench("prefer", "bwrap", 30.0), Program.found("no-such-ffmpeg"))
    with pytest.raises(StageFailed) as caught:
        await fingerprinter.take(clip, inside, said.as_json(), tmp_path)
    assert (caught.value.code, caught.value.final) == ("tool-missing", False)
