"""Copies of real and of generated media are found and strangers are not, with ffmpeg and the index."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.copies import CopyMatch, Fingerprint, FingerprintKind, Mark
from evidence.errors import StageFailed
from evidence.ids import new_id
from storage.fingerprints.index import DiskFingerprintIndex
from tests.integration.transcode.conftest import sample
from tests.media import ffmpeg
from tests.places import SAMPLES
from transcode.bench import Bench, Program
from transcode.fingerprints import CLOSELY_UP_TO_MS, Fingerprinter
from transcode.probe import look_inside
from transcode.tools import SandboxedTools

VIDEO, AUDIO = FingerprintKind.VIDEO, FingerprintKind.AUDIO
NOW = datetime(2026, 11, 22, tzinfo=UTC)
_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")

Marks = Mapping[FingerprintKind, Sequence[Mark]]


async def taken(path: Path, workdir: Path, closely_up_to_ms: int = CLOSELY_UP_TO_MS) -> Marks:
    """The marks of a file, as a worker would take them."""
    said = await SandboxedTools("prefer").describe(path, "", "")
    with path.open("rb") as file:
        inside = look_inside(file)
    bench = Bench("prefer", "bwrap", 30.0)
    fingerprinter = Fingerprinter(bench, Program.found("ffmpeg"), closely_up_to_ms)
    return await fingerprinter.take(path, inside, said.as_json(), workdir)


class Archive:
    """An index, and the names of what was put into it."""

    def __init__(self, workdir: Path) -> None:
        self._workdir = workdir
        self._index = DiskFingerprintIndex(workdir / "index")
        self._names: dict[str, str] = {}

    async def add(self, path: Path, closely_up_to_ms: int = CLOSELY_UP_TO_MS) -> None:
        item_id = new_id(NOW)
        self._names[item_id] = path.name
        for kind, marks in (await taken(path, self._workdir, closely_up_to_ms)).items():
            await self._index.put(Fingerprint(item_id, kind, marks))

    async def copies_of(self, path: Path) -> dict[tuple[str, FingerprintKind], CopyMatch]:
        return await self.like(await taken(path, self._workdir))

    async def like(self, marks: Marks) -> dict[tuple[str, FingerprintKind], CopyMatch]:
        found = {}
        for kind, row in marks.items():
            for match in await self._index.matches(Fingerprint(new_id(NOW), kind, row), 100):
                found[self._names[match.item_id], kind] = match
        return found

    async def among_themselves(self) -> set[frozenset[str]]:
        pairs = set()
        for item_id, kind in itertools.product(self._names, FingerprintKind):
            asked = await self._index.of(item_id, kind)
            if asked is not None:
                for match in await self._index.matches(asked, 100):
                    pairs.add(frozenset((self._names[item_id], self._names[match.item_id])))
        return pairs


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


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


#: Of a sample: its length in seconds.
_COPIED = {
    "video/vtest.avi": 79,
    "video/sample-5s.mp4": 5.7,
    "video/opencv-box.mp4": 15,
    "gps/gopro-max-heromode.mp4": 10,
    "audio/silero-test.wav": 60,
    "audio/asterisk-demo-instruct.wav": 73,
}
#: Two encodings of one film.
_TRUE_COPIES = {frozenset(("bbb_2500ms.ts", "hevc.ts"))}


def _all_recordings() -> list[Path]:
    folders = ("video", "gps", "audio", "malformed")
    return sorted(path for folder in folders for path in (SAMPLES / folder).glob("*") if path.is_file())


@pytest.mark.skipif(
    not SAMPLES.exists(), reason=f"the shared samples are not beside this checkout ({SAMPLES})"
)
async def test_copies_of_the_samples_are_found_and_nothing_else(archive: Archive, tmp_path: Path) -> None:
    for path in _all_recordings():
        await archive.add(path)
    assert await archive.among_themselves() <= _TRUE_COPIES
    for name, seconds in _COPIED.items():
        source = sample(name)
        for copy, options in {
            "smaller.mp4": (*_X264, "-crf", "32", "-vf", "scale=-2:360", "-c:a", "aac", "-b:a", "48k"),
            "third.mkv": ("-ss", f"{seconds / 3}", "-t", f"{seconds / 3}", *_X264, "-crf", "32"),
            "sound.mp3": ("-vn", "-b:a", "64k"),
        }.items():
            kinds = {AUDIO} if name.startswith("audio") or copy == "sound.mp3" else {VIDEO}
            if copy == "sound.mp3" and name in ("video/vtest.avi", "video/sample-5s.mp4"):
                continue
            if name.startswith("audio") and copy != "sound.mp3":
                continue
            path = tmp_path / copy
            ffmpeg("-i", str(source), *options, str(path))
            found = await archive.copies_of(path)
            assert {found_name for found_name, _ in found} == {source.name}, (name, copy)
            assert kinds <= {kind for _, kind in found}, (name, copy)
            assert min(match.score for match in found.values()) >= 600
