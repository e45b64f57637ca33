"""Every shared sample ends as was found out by hand; what can be played plays in headless Chromium.

And copies of samples are found in the index that the server made of them, and nothing else is.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evidence.agents import Role
from evidence.copies import FingerprintKind
from tests.archive import Archive
from tests.e2e.test_page import NODE, chromium_profile
from tests.integration.transcode.test_samples import ROUTES, rows
from tests.media import ffmpeg
from tests.places import SAMPLES
from tests.serving.tree import PASSWORD, Tree

#: What ffprobe says of their length or streams is not so; the pages of each say why.
_LIARS = {
    "malformed/annex-b.mp4",
    "malformed/mdat_too_long.mp4",
    "malformed/missing_stsd.mp4",
    "malformed/no-initial-keyframe.ts",
    "video/sample_fragmented.mp4",
}
_NOT_PLAYED = {"none", "unplayable"}

pytestmark = pytest.mark.skipif(
    not rows(), reason=f"the shared samples are not beside this checkout ({SAMPLES})"
)


def name_of(file: str) -> str:
    """Under which name a sample is uploaded; none is a part of another."""
    return f"s-{file.replace('/', '_')}"


@dataclass(frozen=True)
class Shown:
    """Every sample as the server describes it, and what playing it gave."""

    items: Mapping[str, Any]
    played: Mapping[str, Any]


@pytest.fixture(scope="module")
def items(tree: Tree) -> Mapping[str, Any]:
    """All samples taken in, and no work on them left; each by its file."""
    sender = tree.client(Role.SUPERVISOR)
    kept = {
        row["file"]: sender.kept((SAMPLES / row["file"]).read_bytes(), name_of(row["file"]), device="CAM-S")
        for row in sorted(rows(), key=lambda row: row["route"] != "none")
    }
    return {file: sender.settled(item) for file, item in kept.items()}


@pytest.fixture(scope="module")
def shown(tree: Tree, items: Mapping[str, Any]) -> Shown:
    """What is playable played, one after another; the page lists the newest fifty."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium on this machine; `deploy/setup.sh test` installs it")
    with chromium_profile() as profile:
        job = {
            "url": tree.url,
            "profile": profile,
            "browser": browser,
            "username": "wang",
            "password": PASSWORD,
            "items": [name_of(file) for file, item in items.items() if item["playable"]],
        }
        done = subprocess.run(
            ["node", str(NODE / "play.mjs"), json.dumps(job)],
            capture_output=True, text=True, check=False, cwd=NODE,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["errors"] == []
    return Shown(items, said["played"])


def streams_of(path: Path) -> tuple[float, list[dict[str, Any]]]:
    """Length in seconds and streams, by the machine's own ffprobe."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", str(path)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    return float(answer["format"].get("duration", 0)), answer["streams"]


def upright(stream: Mapping[str, Any]) -> float:
    """Width by height of a picture as a person should see it."""
    turns = [side["rotation"] for side in stream.get("side_data_list", ()) if "rotation" in side]
    sideways = bool(turns) and turns[0] % 180 != 0
    pixel = [int(part) for part in stream.get("sample_aspect_ratio", "1:1").split(":")]
    ratio = stream["width"] * (pixel[0] or 1) / (stream["height"] * (pixel[1] or 1))
    return float(1 / ratio if sideways else ratio)


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row["file"]))
def test_a_sample_ends_as_expected(shown: Shown, row: dict[str, str]) -> None:
    file = row["file"]
    item = shown.items[file]
    route = item["route"]
    assert route in ROUTES[row["route"]]
    assert item["reason"]
    assert item["playable"] == (route not in _NOT_PLAYED)
    kinds = {rendition["kind"] for rendition in item["renditions"]}
    if route == "none":
        assert {"poster", "preview"} <= kinds
    if route in _NOT_PLAYED:
        return
    assert "analysis" in kinds
    assert "presentation" in kinds
    played = shown.played[name_of(file)]
    assert played["error"] is None
    assert played["currentTime"] > 0
    length, streams = streams_of(SAMPLES / file)
    if file not in _LIARS:
        assert played["duration"] == pytest.approx(length, abs=0.3)
    pictures = [stream for stream in streams if stream["codec_type"] == "video"]
    if pictures:
        assert played["pictures"] > 0
        assert played["width"] / played["height"] == pytest.approx(upright(pictures[0]), rel=0.02)
    if any(stream["codec_type"] == "audio" and "codec_name" in stream for stream in streams):
        assert played["soundBytes"] > 0
    if "flagged" in row["note"]:
        assert item["warnings"]


#: Of a sample: its length in seconds.
_COPIED = {
    "video/vtest.avi": 79,
    "video/sample-5s.mp4": 5.7,
    "video/opencv-box.mp4": 15,
    "gps/gopro-max-heromode.mp4": 10,
    "audio/silero-test.wav": 60,
    "audio/asterisk-demo-instruct.wav": 73,
}
_SILENT = {"video/vtest.avi", "video/sample-5s.mp4"}
#: Two encodings of one film.
_TRUE_COPIES = {frozenset(("video/bbb_2500ms.ts", "video/hevc.ts"))}
_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-crf", "32")


@pytest.fixture
def archive(tree: Tree, items: Mapping[str, Any], tmp_path: Path) -> Archive:
    """The index that the server has made of the samples."""
    names = {item["id"]: file for file, item in items.items()}
    return Archive(tree.data / "fingerprints", tmp_path, names)


async def test_samples_are_no_copies_of_each_other(archive: Archive) -> None:
    assert await archive.among_themselves() <= _TRUE_COPIES


def _copies(file: str) -> Mapping[str, tuple[str, ...]]:
    """Names of copies to make of a sample, and how."""
    third = str(_COPIED[file] / 3)
    picture = {
        "smaller.mp4": (*_X264, "-vf", "scale=-2:360", "-c:a", "aac", "-b:a", "48k"),
        "third.mkv": ("-ss", third, "-t", third, *_X264),
    }
    sound = {"sound.mp3": ("-vn", "-b:a", "64k")}
    return {**({} if file.startswith("audio") else picture), **({} if file in _SILENT else sound)}


#: One with picture, one with sound; copies of the others take as long again, and are left to the long tests.
_QUICK = {"video/vtest.avi", "audio/silero-test.wav"}


@pytest.mark.parametrize(
    "file", [one if one in _QUICK else pytest.param(one, marks=pytest.mark.long) for one in _COPIED]
)
async def test_copies_of_a_sample_are_found_and_nothing_else(
    archive: Archive, tmp_path: Path, file: str
) -> None:
    for copy, options in _copies(file).items():
        path = tmp_path / copy
        ffmpeg("-i", str(SAMPLES / file), *options, str(path))
        found = await archive.copies_of(path)
        assert {name for name, _ in found} == {file}, copy
        wanted = FingerprintKind.AUDIO if copy == "sound.mp3" else FingerprintKind.VIDEO
        assert wanted in {kind for _, kind in found}, copy
        assert min(match.score for match in found.values()) >= 600
