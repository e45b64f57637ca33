"""Marks, sessions, clips, reviews and samples, as somebody with a browser's requests meets them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence.agents import Role
from tests.media import make_clip
from tests.serving.inside import Inside, served_inside


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A server of their own."""
    with served_inside(tmp_path_factory.mktemp("review") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Four seconds of a camera."""
    return make_clip(tmp_path_factory.mktemp("media") / "clip.mp4", seconds=4).read_bytes()


def segment(bureau: Inside, camera: bytes, device: str, clock: str, number: int, **said: str) -> str:
    """A segment of that camera, with bytes that no other has."""
    unique = camera + b"\0\0\0\x18free" + os.urandom(16)
    return bureau.client(Role.STATION).kept(unique, f"{device}_20261121{clock}_{number:04d}.mp4", **said)


def two_segments(bureau: Inside, camera: bytes, clock: str = "100004") -> tuple[str, str, str]:
    """A recording of two segments and its items."""
    device = f"DSJ-{os.urandom(5).hex().upper()}"
    first = segment(bureau, camera, device, "100000", 1)
    second = segment(bureau, camera, device, clock, 2)
    recording = bureau.client(Role.REVIEWER).get(f"/items/{first}/recording").json()["id"]
    return recording, first, second


def probed(data: bytes, path: Path) -> dict[str, Any]:
    """What ffprobe decodes of it."""
    path.write_bytes(data)
    done = subprocess.run(
        [
            "ffprobe",
            "-v",
            "error",
            "-count_frames",
            "-show_streams",
            "-show_format",
            "-of",
            "json",
            str(path),
        ],
        check=True,
        capture_output=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_recording_of_two_segments_is_watched_marked_and_cut_over_its_joint(
    bureau: Inside, camera: bytes, tmp_path: Path
) -> None:
    reviewer = bureau.another(Role.REVIEWER)
    recording, first, second = two_segments(bureau, camera)
    opened = reviewer.post("/playbacks", {"recording": recording})
    assert opened.status == 201
    assert [(one["item"], one["at_ms"]) for one in opened.json()["items"]] == [(first, 0), (second, 4000)]
    session = f"/playbacks/{opened.json()['id']}"
    spans = [(first, 1000, 3000), (second, 0, 1000), (first, 2000, 4000)]
    told = {"spans": [{"item": item, "from_ms": begins, "to_ms": ends} for item, begins, ends in spans]}
    for _ in range(2):
        watched = reviewer.post(f"{session}/watched", told).json()["watched"]
        assert {one["item"]: one["ranges_ms"] for one in watched} == {
            first: [[1000, 4000]],
            second: [[0, 1000]],
        }
    (person,) = reviewer.get(f"/recordings/{recording}/watched").json()["people"]
    assert (person["covered_ms"], person["covered_permille"]) == (4000, 500)
    assert [one["covered_permille"] for one in person["items"]] == [750, 250]
    assert reviewer.ask("DELETE", session).status == 204
    assert reviewer.ask("DELETE", session).status == 204
    assert reviewer.post(f"{session}/watched", told).code == "playback-closed"
    (closed,) = [one for one in reviewer.history(second) if one["type"] == "playback.closed"]
    assert [one["ranges"] for one in closed["detail"]["watched"]] == [[[1000, 4000]], [[0, 1000]]]
    assert (closed["detail"]["said_by"], closed["detail"]["closed_by"]) == ("player", "player")

    wanted = {"from_ms": 3000, "to_ms": 5000, "label": "当事人签字", "note": "见证人在场"}
    mark = reviewer.post(f"/recordings/{recording}/marks", wanted)
    assert (mark.status, mark.json()["kind"]) == (201, "range")
    (shown,) = reviewer.get(f"/recordings/{recording}/marks").json()["marks"]
    assert [(one["item"], one["from_ms"], one["to_ms"], one["at_ms"]) for one in shown["spans"]] == [
        (first, 3000, 4000, 3000),
        (second, 0, 1000, 4000),
    ]

    asked = reviewer.post(
        f"/recordings/{recording}/clips", {"from_ms": 3000, "to_ms": 5000, "reason": "移送检察院"}
    )
    assert asked.status == 202
    clip = reviewer.get(f"/clips/{asked.json()['id']}").json()
    assert clip["job"]["state"] == "done", clip["job"]
    assert clip["apart_ms"] == [0]
    sources = clip["made"]["layout"]["sources"]
    assert [(one["item"], one["from_ms"], one["to_ms"], one["frames"]) for one in sources] == [
        (first, 3000, 4000, 26),
        (second, 0, 1000, 25),
    ]
    digests = [reviewer.get(f"/items/{item}").json()["digests"]["sha256"] for item in (first, second)]
    assert [one["sha256"] for one in sources] == digests
    # The copy shows each picture 23 ms late, for its sound: at 3,000 ms that of 2,960 ms is still on screen.
    assert {tuple(one["time_base"]) for one in sources} == {(1, 12_800)}
    assert [one["first_pts"] for one in sources] == [74 * 512, 0]
    assert [one["last_pts"] for one in sources] == [99 * 512, 24 * 512]
    film = reviewer.get(clip["made"]["path"])
    assert (film.status, film.headers["Content-Type"]) == (200, "video/mp4")
    found = probed(film.body, tmp_path / "clip.mp4")
    picture, sound = found["streams"]
    assert (picture["codec_name"], picture["nb_read_frames"]) == ("h264", "51")
    assert float(picture["duration"]) == pytest.approx(2.04, abs=0.001)
    assert sound["codec_name"] == "aac"
    assert float(sound["duration"]) == pytest.approx(2.04, abs=0.03)
    for item in (first, second):
        kinds = [event["type"] for event in reviewer.history(item)]
        assert kinds.count("clip.asked") == 1
        (listed,) = reviewer.get(f"/items/{item}/clips").json()["clips"]
        assert listed["id"] == clip["id"]
    listed = reviewer.get(f"/recordings/{recording}/clips").json()["clips"]
    assert [one["id"] for one in listed] == [clip["id"]]
    # The item does not list it: whoever sees that item need not see the other.
    renditions = reviewer.get(f"/items/{first}").json()["renditions"]
    assert not any(one["kind"].startswith("clip") for one in renditions)
    kinds = [event["type"] for event in reviewer.history(first)]
    assert "viewing.opened" in kinds
