"""A still is asked for, on record, and fetched like any other rendition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evidence.agents import Role
from tests.serving.client import Client
from tests.serving.inside import Inside


@pytest.fixture(scope="module")
def recording(inside: Inside, clip: Path) -> str:
    return inside.client(Role.STATION).kept(clip.read_bytes(), "still.mp4")


def _ask(client: Client, item: str, at_us: object) -> tuple[int, dict[str, object]]:
    answer = client.ask(
        "POST",
        f"/items/{item}/stills",
        json.dumps({"at_us": at_us}).encode(),
        {"Content-Type": "application/json"},
    )
    return answer.status, answer.json()


def test_a_still_is_taken_once_and_cites_its_frame(inside: Inside, recording: str) -> None:
    reviewer = inside.another(Role.REVIEWER)
    status, asked = _ask(reviewer, recording, 2_000_000)
    assert status == 202
    picture = reviewer.get(str(asked["path"]))
    assert (picture.status, picture.headers["Content-Type"]) == (200, "image/png")
    status, again = _ask(reviewer, recording, 2_000_000)
    assert (status, again["made"], again["path"]) == (202, True, asked["path"])
    (made,) = [
        rendition
        for rendition in reviewer.get(f"/items/{recording}").json()["renditions"]
        if rendition["kind"] == "still-2000000"
    ]
    assert (
        made["provenance"]["item_sha256"] == reviewer.get(f"/items/{recording}").json()["digests"]["sha256"]
    )
    assert isinstance(made["provenance"]["original_tick"], int)
    kinds = [event["type"] for event in reviewer.history(recording)]
    assert kinds.count("still.asked") == 2
    assert "viewing.opened" in kinds


@pytest.mark.parametrize("at_us", [-1, "soon", 1.5, None, 10**20])
def test_a_time_that_is_none_is_refused(inside: Inside, recording: str, at_us: object) -> None:
    status, problem = _ask(inside.client(Role.REVIEWER), recording, at_us)
    assert (status, problem["code"]) == (400, "bad-body")


def test_who_may_not_see_it_is_told_nothing(inside: Inside, recording: str) -> None:
    for stranger in (inside.client(Role.REVIEWER, "south"), inside.client(Role.AUDITOR)):
        assert _ask(stranger, recording, 0)[0] == 404
    assert inside.client(Role.REVIEWER).get(f"/items/{recording}/stills/7.png").status == 404


def test_what_is_not_played_has_no_still(inside: Inside) -> None:
    item = inside.client(Role.STATION).kept(b"no recording at all", "x.bin")
    status, problem = _ask(inside.client(Role.REVIEWER), item, 0)
    assert (status, problem["code"]) == (400, "not-playable")
