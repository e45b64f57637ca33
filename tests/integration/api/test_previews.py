"""What helps to find the way in an item is evidence too: shown to whoever may see it, each time on record."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from evidence.agents import Role
from tests.media import ffmpeg
from tests.serving.client import Client
from tests.serving.inside import Inside


@pytest.fixture(scope="module")
def two_angles(inside: Inside, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An item with two pictures, the second one of a kind that no browser plays."""
    path = tmp_path_factory.mktemp("media") / "two.mkv"
    ffmpeg(
        *("-i", str(clip), "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=12"),
        *("-map", "0", "-map", "1", "-c:v:0", "copy", "-c:v:1", "mpeg4", "-c:a", "copy", str(path)),
    )
    return inside.client(Role.STATION).kept(path.read_bytes(), "two.mkv")


@pytest.fixture
def reviewer(inside: Inside) -> Client:
    return inside.another(Role.REVIEWER)


def test_the_second_angle_plays_by_its_own_playlist(reviewer: Client, two_angles: str) -> None:
    kinds = {rendition["kind"] for rendition in reviewer.get(f"/items/{two_angles}").json()["renditions"]}
    assert {"playable", "track-2", "poster", "sprite", "analysis", "presentation"} == kinds
    playlist = reviewer.get(f"/items/{two_angles}/tracks/2/playlist.m3u8")
    assert playlist.status == 200
    assert playlist.headers["Content-Type"].startswith("application/vnd.apple.mpegurl")
    start, length = re.findall(r"BYTERANGE:(\d+)@(\d+)", playlist.body.decode())[0][::-1]
    part = reviewer.get(
        f"/items/{two_angles}/tracks/2/playable.mp4", Range=f"bytes={start}-{int(start) + int(length) - 1}"
    )
    assert (part.status, part.body[4:8]) == (206, b"moof")


@pytest.mark.parametrize("track", ["0", "1", "3", "x", "2%2F..", "-1"])
def test_a_track_that_is_none_is_told_nothing_of(reviewer: Client, two_angles: str, track: str) -> None:
    for name in ("playlist.m3u8", "playable.mp4"):
        answer = reviewer.get(f"/items/{two_angles}/tracks/{track}/{name}")
        assert (answer.status, answer.code) == (404, "not-found")


def test_thumbnails_name_parts_of_the_sheet(reviewer: Client, two_angles: str) -> None:
    cues = reviewer.get(f"/items/{two_angles}/sprite.vtt")
    assert (cues.status, cues.headers["Content-Type"]) == (200, "text/vtt; charset=utf-8")
    assert "sprite.jpg#xywh=160,0,160,90" in cues.body.decode()
    assert reviewer.get(f"/items/{two_angles}/sprite.jpg").body.startswith(b"\xff\xd8")
    found = json.loads(reviewer.get(f"/items/{two_angles}/analysis.json").body)
    assert found["v"] == "custos/analysis/1"


@pytest.mark.parametrize(
    "name", ["tracks/2/playlist.m3u8", "tracks/2/playable.mp4", "sprite.vtt", "sprite.jpg", "analysis.json"]
)
def test_each_is_on_record_and_shown_to_nobody_else(inside: Inside, two_angles: str, name: str) -> None:
    one = inside.another(Role.REVIEWER)
    before = len(inside.events("viewing.opened"))
    assert one.get(f"/items/{two_angles}/{name}").status == 200
    (opened,) = inside.events("viewing.opened")[before:]
    assert two_angles in {subject["id"] for subject in opened["subjects"]}
    for stranger in (inside.client(Role.REVIEWER, "south"), inside.client(Role.AUDITOR)):
        assert stranger.get(f"/items/{two_angles}/{name}").status == 404
