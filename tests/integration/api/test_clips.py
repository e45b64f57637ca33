"""Clips, as somebody with a browser's requests meets them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from evidence.agents import Role
from tests.serving.client import Client
from tests.serving.films import sealed_for, two_segments
from tests.serving.inside import Inside


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


def test_what_is_restricted_is_played_and_cut_for_a_purpose(bureau: Inside, camera: bytes) -> None:
    recording, first, second = two_segments(bureau, camera)
    reviewer = bureau.another(Role.REVIEWER)
    closing = {"restriction": "restricted", "reason": "r"}
    assert bureau.client(Role.SUPERVISOR).post(f"/items/{second}/restriction", closing).status == 204
    assert reviewer.post("/playbacks", {"recording": recording}).code == "purpose-needed"
    assert reviewer.post("/playbacks", {"item": first}).status == 201
    session = reviewer.post("/playbacks", {"recording": recording, "purpose": "案件评查"}).json()["id"]
    told = {"spans": [{"item": second, "from_ms": 0, "to_ms": 10}]}
    assert reviewer.post(f"/playbacks/{session}/watched", told).status == 200
    stretch = {"from_ms": 3900, "to_ms": 4100, "reason": "r"}
    assert reviewer.post(f"/recordings/{recording}/clips", stretch).code == "purpose-needed"
    assert reviewer.post(f"/items/{second}/purpose", {"purpose": "案件评查"}).status == 201
    made = reviewer.post(f"/recordings/{recording}/clips", stretch)
    assert made.status == 202
    other = bureau.another(Role.REVIEWER)
    headers = {"X-Purpose": "training", "Content-Type": "application/json"}
    body = json.dumps(stretch).encode()
    assert other.ask("POST", f"/recordings/{recording}/clips", body, headers).status == 202
    said = [one["detail"]["purpose"] for one in other.history(second) if one["type"] == "clip.asked"]
    assert said == ["案件评查", "training"]
    path = f"/clips/{made.json()['id']}/clip.mp4"
    assert (other.get(path).code, reviewer.get(path).status) == ("purpose-needed", 200)


def test_gaps_are_said_and_not_filled(bureau: Inside, camera: bytes, tmp_path: Path) -> None:
    recording, first, second = two_segments(bureau, camera, clock="100005")
    reviewer = bureau.another(Role.REVIEWER)
    stretch = {"from_ms": 3000, "to_ms": 6000, "reason": "r"}
    made = reviewer.post(f"/recordings/{recording}/clips", stretch).json()
    clip = reviewer.get(f"/clips/{made['id']}").json()
    assert clip["apart_ms"] == clip["made"]["layout"]["apart_ms"] == [1000]
    assert [(one["item"], one["at_ms"]) for one in clip["sources"]] == [(first, 3000), (second, 5000)]
    film = probed(reviewer.get(clip["made"]["path"]).body, tmp_path / "clip.mp4")
    assert float(film["streams"][0]["duration"]) == pytest.approx(2.04, abs=0.001)
    refused = {"from_ms": 4100, "to_ms": 4900, "reason": "r"}
    assert reviewer.post(f"/recordings/{recording}/clips", refused).code == "in-a-hole"
    assert reviewer.post(f"/recordings/{recording}/clips", {**refused, "reason": " "}).code == "reason-needed"
    assert reviewer.post(f"/items/{first}/clips", {**stretch, "from_ms": 6000}).code == "outside"
    assert reviewer.post(f"/items/{first}/clips", {**stretch, "to_ms": 3000}).code == "bad-clip"
    document = bureau.client(Role.STATION).kept(b"no recording", "x.bin")
    assert reviewer.post(f"/items/{document}/clips", stretch).code == "no-length"


def test_a_clip_of_an_original_that_is_gone_is_refused(bureau: Inside, camera: bytes) -> None:
    _, first, _ = two_segments(bureau, camera)
    reviewer = bureau.another(Role.REVIEWER)
    item = bureau.do(bureau.services.catalogue.read(lambda tx: tx.items.get(first)))
    assert item is not None
    next(bureau.data.rglob(item.sha256 + "*")).unlink()
    asked = reviewer.post(f"/items/{first}/clips", {"from_ms": 0, "to_ms": 500, "reason": "r"}).json()
    clip = reviewer.get(f"/clips/{asked['id']}").json()
    assert (clip["job"]["state"], clip["job"]["code"], clip["made"]) == ("failed", "source-gone", None)
    assert reviewer.get(f"/clips/{asked['id']}/clip.mp4").status == 404


def test_what_one_may_not_see_is_denied_with_all_that_was_made_of_it(bureau: Inside, camera: bytes) -> None:
    _, first, _ = two_segments(bureau, camera)
    reviewer, stranger = bureau.another(Role.REVIEWER), bureau.another(Role.REVIEWER, "south")
    assert reviewer.post(f"/items/{first}/stills", {"at_us": 0}).status == 202
    clip = reviewer.post(f"/items/{first}/clips", {"from_ms": 0, "to_ms": 500, "reason": "r"}).json()["id"]
    for path in (f"/items/{first}/stills/0.png", f"/clips/{clip}/clip.mp4"):
        for method in ("GET", "HEAD"):
            assert reviewer.ask(method, path).status == 200
            assert stranger.ask(method, path).status == 404
    for path in (
        f"/items/{first}/stills/1.png",
        f"/items/{first}/recovered/playable.mp4",
        "/clips/x/clip.mp4",
    ):
        assert reviewer.ask("HEAD", path).status == stranger.ask("HEAD", path).status == 404


def test_reading_a_clip_is_on_record_of_every_source_also_after_a_crash(
    bureau: Inside, camera: bytes
) -> None:
    recording, first, second = two_segments(bureau, camera)
    reviewer = bureau.another(Role.REVIEWER)
    stretch = {"from_ms": 3900, "to_ms": 4100, "reason": "r"}
    clip = reviewer.post(f"/recordings/{recording}/clips", stretch).json()["id"]
    assert reviewer.get(f"/clips/{clip}/clip.mp4").status == 200
    bureau.close_viewings()

    def about(item: str) -> list[str]:
        kinds = [one["type"] for one in reviewer.history(item)]
        return [kind for kind in kinds if kind.startswith("viewing.")]

    assert about(first) == about(second) == ["viewing.opened", "viewing.closed"]
    # Left open by another process that died long ago.
    statement = "UPDATE viewings SET closed_at = NULL, emitter = 'gone', expires_at = 1 WHERE item_id = ?"
    bureau.do(
        bureau.services.catalogue.write(
            lambda tx: tx.connection.exec_driver_sql(statement, (first,))  # type: ignore[attr-defined]
        )
    )
    bureau.do(bureau.services.sweep.run())
    assert about(first) == about(second) == ["viewing.opened", "viewing.closed", "viewing.closed"]
    closed = [one["outcome"] for one in reviewer.history(second) if one["type"] == "viewing.closed"]
    assert closed == ["success", "unknown"]


def test_work_on_what_is_sealed_is_hidden_too(bureau: Inside, camera: bytes) -> None:
    _, first, _ = two_segments(bureau, camera)
    reviewer, named = bureau.another(Role.REVIEWER), bureau.another(Role.REVIEWER)
    clip = reviewer.post(f"/items/{first}/clips", {"from_ms": 0, "to_ms": 500, "reason": "r"}).json()["id"]
    assert reviewer.post(f"/items/{first}/stills", {"at_us": 0}).status == 202

    def stages(client: Client) -> list[str]:
        jobs = client.get("/jobs").json()["jobs"]
        asked = [one for one in jobs if one["subject"] == clip or one["stage"] == "still"]
        return sorted(one["stage"] for one in asked)

    assert {"clip", "still"} <= set(stages(reviewer))
    before = stages(named)
    sealed_for(bureau, first, named)
    assert stages(named) == before
    left = stages(reviewer)
    assert "clip" not in left
    assert left.count("still") == before.count("still") - 1
