"""A recording without its index is recovered at somebody's word, marked as such, on record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evidence.agents import Role
from tests.media import ffmpeg
from tests.serving.client import Client
from tests.serving.inside import Inside


def _camera(path: Path, seconds: int) -> bytes:
    """What one camera writes, its index at the end."""
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=320x180:rate=25:duration={seconds}"),
        *("-c:v", "libx264", "-g", "25", "-bf", "0", "-pix_fmt", "yuv420p", str(path)),
    )
    return path.read_bytes()


@pytest.fixture(scope="module")
def pair(inside: Inside, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """An item that lost its index, and a whole one of the same camera."""
    base = tmp_path_factory.mktemp("camera")
    whole, cut = _camera(base / "whole.mp4", 3), _camera(base / "cut.mp4", 5)
    station = inside.client(Role.STATION)
    lost = station.kept(cut[: cut.rindex(b"moov") - 4], "cut.mp4")
    return lost, station.kept(whole, "whole.mp4")


def _ask(client: Client, item: str, sibling: str) -> tuple[int, dict[str, object]]:
    body = json.dumps({"sibling": sibling}).encode()
    answer = client.ask("POST", f"/items/{item}/recovery", body, {"Content-Type": "application/json"})
    return answer.status, answer.json()


def test_it_plays_and_says_what_was_assumed(inside: Inside, pair: tuple[str, str]) -> None:
    lost, whole = pair
    reviewer = inside.another(Role.REVIEWER)
    assert reviewer.get(f"/items/{lost}").json()["route"] == "unplayable"
    assert _ask(reviewer, lost, whole)[0] == 202
    item = reviewer.get(f"/items/{lost}").json()
    assert not item["playable"]
    (made,) = [one for one in item["renditions"] if one["kind"] == "recovered"]
    assert made["provenance"]["recovered"] is True
    assert made["provenance"]["pictures"] == 125
    assert made["provenance"]["sibling"] == whole
    assert made["provenance"]["assumed"]["frame_rate"] == "25/1"
    playlist = reviewer.get(f"/items/{lost}/recovered/playlist.m3u8")
    assert (playlist.status, b"playable.mp4" in playlist.body) == (200, True)
    assert reviewer.get(f"/items/{lost}/recovered/playable.mp4").body[4:8] == b"ftyp"
    assert "recovery.asked" in [event["type"] for event in reviewer.history(lost)]


def test_what_plays_is_not_recovered(inside: Inside, pair: tuple[str, str]) -> None:
    reviewer = inside.client(Role.REVIEWER)
    for item, sibling in ((pair[1], pair[0]), (pair[0], pair[0])):
        status, problem = _ask(reviewer, item, sibling)
        assert (status, problem["code"]) == (400, "playable")


def test_a_sibling_that_does_not_help_fails_with_a_reason_and_may_be_asked_again(
    inside: Inside, pair: tuple[str, str]
) -> None:
    station, supervisor = inside.client(Role.STATION), inside.client(Role.SUPERVISOR)
    other = station.kept(b"no recording", "x.bin")
    for _ in range(2):
        assert _ask(supervisor, pair[0], other)[0] == 202
    failed = [job for job in supervisor.get("/jobs?state=failed").json()["jobs"] if job["stage"] == "recover"]
    assert [job["code"] for job in failed] == ["not-recoverable"]


def test_who_may_not_see_both_is_told_nothing(inside: Inside, pair: tuple[str, str]) -> None:
    far = inside.client(Role.STATION, "south").kept(b"something else", "y.bin")
    assert _ask(inside.client(Role.REVIEWER), pair[0], far)[0] == 404
    assert _ask(inside.client(Role.REVIEWER, "south"), pair[0], far)[0] == 404
