"""Three segments of one camera are watched as one recording, across a gap."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evidence.agents import Role
from tests.e2e.test_page import NODE, chromium_profile
from tests.media import ffmpeg
from tests.serving.inside import Inside, served_inside
from tests.serving.tree import PASSWORD

COLOURS = ("red", "lime", "blue")
SECONDS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A server with a reviewer who has a password."""
    with served_inside(tmp_path_factory.mktemp("recordings") / "data") as opened:
        accounts = opened.services.accounts
        opened.do(accounts.add("zhao", "赵敏", Role.REVIEWER, "north", PASSWORD))
        yield opened


def _segment(path: Path, colour: str | None, tone: int) -> bytes:
    picture = (
        []
        if colour is None
        else ["-f", "lavfi", "-i", f"color={colour}:size=160x120:rate=25:duration={SECONDS}"]
    )
    encoded = [] if colour is None else ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25"]
    ffmpeg(
        *picture,
        *("-f", "lavfi", "-i", f"sine=frequency={tone}:duration={SECONDS}"),
        *encoded,
        *("-c:a", "aac", str(path)),
    )
    return path.read_bytes()


def _watch(server: Inside, name: str) -> dict[str, Any]:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium on this machine; `deploy/setup.sh test` installs it")
    with chromium_profile() as profile:
        job = {
            "url": server.url,
            "profile": profile,
            "browser": browser,
            "username": "zhao",
            "password": PASSWORD,
            "item": name,
        }
        done = subprocess.run(
            ["node", str(NODE / "recording.mjs"), json.dumps(job)],
            capture_output=True, text=True, check=False, cwd=NODE,
        )  # fmt: skip
    said: dict[str, Any] = json.loads(done.stdout)
    assert "broken" not in said, said
    assert (said["error"], said["errors"]) == (None, [])
    return said


def _kept(
    server: Inside, tmp_path: Path, ending: str, colours: Sequence[str | None]
) -> list[tuple[str, str]]:
    """Three segments with a gap of half a minute before the third; items with their file names."""
    device = f"DSJ-{os.urandom(4).hex().upper()}"
    station = server.client(Role.STATION)
    found = []
    # The middle one comes last.
    for place, clock in ((0, "100000"), (2, "100038"), (1, "100004")):
        name = f"{device}_20261121{clock}_{place + 1:04d}{ending}"
        data = _segment(tmp_path / name, colours[place], 300 + 100 * place)
        found.append((station.kept(data, name, device=device, recording=f"R-{device}"), name))
    first, third, second = found
    return [first, second, third]


def _went_on(said: dict[str, Any]) -> None:
    times = [at for at, _ in said["seen"]]
    assert times == sorted(times)
    assert not [at for at, what in said["seen"] if what == "seek" and at > 0.5]
    assert said["currentTime"] == pytest.approx(3 * SECONDS, abs=0.4)
    assert said["duration"] == pytest.approx(3 * SECONDS, abs=0.4)
    assert said["heard"] > 0
    assert said["last"] == pytest.approx(2 * SECONDS, abs=0.3)


def _reviewed(server: Inside, said: dict[str, Any], kept: Sequence[tuple[str, str]]) -> None:
    """The mark lies in the last segment's own time; the player's word is what was on screen."""
    assert said["message"] == ""
    (mark,) = said["marks"]
    assert mark.startswith("00:00:09 冲突 赵敏")
    reviewer = server.client(Role.REVIEWER)
    (found,) = reviewer.get(f"/items/{kept[2][0]}/marks").json()["marks"]
    (span,) = found["spans"]
    assert span["item"] == kept[2][0]
    assert 800 < span["from_ms"] == span["to_ms"] < 1100
    (review,) = said["reviews"]
    assert review.startswith("flawed · 赵敏 · watched")
    assert review.endswith("过暗")
    for item, _ in kept:
        (by,) = reviewer.get(f"/items/{item}/watched").json()["people"]
        assert by["name"] == "赵敏"
        assert by["covered_permille"] > 800
    assert int(review.split("watched ")[1].split(" ")[0]) > 80


def test_a_camera_plays_on_over_a_gap(server: Inside, tmp_path: Path) -> None:
    kept = _kept(server, tmp_path, ".mp4", COLOURS)
    already = len(server.events("viewing.opened"))
    said = _watch(server, kept[1][1])
    _went_on(said)
    for place, colour in enumerate(("red", "green", "blue")):
        middle = [
            what for at, what in said["seen"] if place * SECONDS + 0.5 < at < (place + 1) * SECONDS - 0.5
        ]
        assert set(middle) == {colour}
    assert said["stillHidden"]
    lines = said["lines"]
    assert [kept[place][1] in lines[at] for place, at in ((0, 0), (1, 1), (2, 3))] == [True] * 3
    assert lines[2] == "hole 00:00:08 – 00:00:38"
    assert "2026-11-21T10:00:00.000 (file name)" in said["facts"]
    viewed = {
        subject["id"]
        for event in server.events("viewing.opened")[already:]
        for subject in event["subjects"]
        if subject["kind"] == "item"
    }
    assert {item for item, _ in kept} <= viewed
    _reviewed(server, said, kept)


@pytest.mark.long
def test_a_voice_recorder_does_so_too(server: Inside, tmp_path: Path) -> None:
    kept = _kept(server, tmp_path, ".m4a", (None, None, None))
    said = _watch(server, kept[0][1])
    _went_on(said)
    assert {what for _, what in said["seen"]} == {None}
