"""A long recording is made playable in parts: none is made twice, none is needed for the rest to go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from custos.clock import SystemClock
from evidence.agents import Role
from evidence.ids import new_id
from evidence.jobs import LEASE, JobState, Stage
from evidence.parts import PARTS_KEPT, Part
from evidence.ports.objects import NotStored
from evidence.timekeeping import to_micros
from tests.media import ffmpeg
from tests.serving.inside import Inside, served_inside

#: Parts of three seconds where there are more than six.
SHORT = {"parts_over_seconds": 6, "part_seconds": 3}


@pytest.fixture(scope="module")
def long_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A server to which six seconds are long."""
    with served_inside(tmp_path_factory.mktemp("long") / "data", SHORT) as server:
        yield server


def _recording(path: Path, tone: int) -> bytes:
    """14 s as older cameras write them, each of another tone."""
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=14"),
        *("-f", "lavfi", "-i", f"sine=frequency={tone}:duration=14"),
        *("-f", "lavfi", "-i", f"sine=frequency={2 * tone}:duration=14"),
        *("-map", "0", "-map", "1", "-map", "2", "-c:v", "mpeg4", "-g", "12", "-c:a", "libmp3lame"),
        str(path),
    )
    return path.read_bytes()


@contextmanager
def _by_hand(server: Inside) -> Iterator[None]:
    """Jobs stay rows until the test does them."""
    server.bell.answers = False
    try:
        yield
    finally:
        server.bell.answers = True


def _planned(server: Inside, data: bytes) -> str:
    """An item whose parts are planned and not begun."""
    upload = server.client(Role.STATION).send(data, "long.avi")
    server.run(Stage.COMMIT)
    item = server.client(Role.STATION).committed(upload)
    server.run(Stage.DESCRIBE)
    (playable,) = server.run(Stage.PLAYABLE)
    assert playable.state is JobState.WAITING
    return item


def _parts(server: Inside, item: str) -> list[Part]:
    return list(server.do(server.services.catalogue.read(lambda tx: tx.parts.of_item(item))))


def _shown(server: Inside, item: str) -> dict[str, Any]:
    found: dict[str, Any] = server.client(Role.REVIEWER).get(f"/items/{item}").json()
    return found


def _renditions(server: Inside, item: str) -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in _shown(server, item)["renditions"]}


def _change(server: Inside, statement: str, *values: object) -> None:
    server.do(
        server.services.catalogue.write(lambda tx: tx.connection.exec_driver_sql(statement, values))  # type: ignore[attr-defined]
    )


def test_it_is_made_in_parts_and_says_of_which(long_server: Inside, tmp_path: Path) -> None:
    item = long_server.client(Role.STATION).kept(_recording(tmp_path / "long.avi", 300), "long.avi")
    made = _renditions(long_server, item)
    parts = [kind for kind in made if kind.startswith("part-")]
    assert len(parts) >= 4
    assert {"playable", "presentation", "track-2", "poster", "sprite", "analysis"} <= made.keys()
    assert [one["rendition"] for one in made["playable"]["provenance"]["joined"]] == [
        made[f"part-{number}"]["id"] for number in range(1, len(parts))
    ]
    events = [event["detail"]["kind"] for event in long_server.events("rendition.made")]
    assert set(parts) <= set(events)
    proven = long_server.client(Role.REVIEWER).get(f"/items/{item}/presentation.json").json()["map"]
    assert (proven["frames_shown"], proven["original_not_shown"]) == (350, 0)
    assert proven["shown_without_original"] == 0
    assert _shown(long_server, item)["duration_ms"] == pytest.approx(14_000, abs=100)


def test_what_grows_is_shown_to_whoever_may_see_it_and_on_record(long_server: Inside, tmp_path: Path) -> None:
    reviewer = long_server.another(Role.REVIEWER)
    with _by_hand(long_server):
        item = _planned(long_server, _recording(tmp_path / "long.avi", 320))
        jobs = {job.subject: job.id for job in long_server.jobs(Stage.PART)}
        sound, first, second, *_ = (jobs[part.id] for part in _parts(long_server, item))
        addresses = [f"/items/{item}/growing/{name}.m3u8" for name in ("playlist", "picture", "sound")]
        for job in (second, first):
            assert [reviewer.get(address).status for address in addresses] == [404] * 3
            assert _shown(long_server, item)["playable_until_ms"] is None
            long_server.do(long_server.services.work.run(job))
        assert _shown(long_server, item)["playable_until_ms"] is None
        long_server.do(long_server.services.work.run(sound))
        until = _shown(long_server, item)["playable_until_ms"]
        assert until == pytest.approx(6_500, abs=1000)
        (listed,) = (one for one in reviewer.get("/items").json()["items"] if one["id"] == item)
        assert listed["playable_until_ms"] == until
        already = len(long_server.events("viewing.opened"))
        master, picture, heard = (reviewer.get(address).body.decode() for address in addresses)
        assert "picture.m3u8" in master
        assert "sound.m3u8" in master
        assert picture.count("EXT-X-MAP") == 2
        assert "ENDLIST" not in picture + heard
        viewed = [event["detail"]["content"] for event in long_server.events("viewing.opened")[already:]]
        made = _renditions(long_server, item)
        assert viewed == [made["part-1"]["id"], made["part-0"]["id"]]
        part = reviewer.get(f"/items/{item}/growing/part-2.mp4", Range="bytes=0-99")
        assert (part.status, len(part.body), part.body[4:8]) == (206, 100, b"ftyp")
        elsewhere = long_server.client(Role.REVIEWER, "south")
        for address in [*addresses, f"/items/{item}/growing/part-2.mp4"]:
            assert (elsewhere.get(address).status, elsewhere.get(address).code) == (404, "not-found")
        assert reviewer.get(f"/items/{item}/growing/part-99.mp4").status == 404
        assert reviewer.get(f"/items/{item}/growing/part-x.mp4").status == 404
        long_server.run(Stage.PART)
        long_server.run(Stage.PLAYABLE)
    for address in addresses[1:]:
        assert reviewer.get(address).body.decode().endswith("#EXT-X-ENDLIST\n")
    assert _shown(long_server, item)["playable_until_ms"] is None


def test_a_killed_worker_costs_the_part_that_it_was_at(long_server: Inside, tmp_path: Path) -> None:
    with _by_hand(long_server):
        item = _planned(long_server, _recording(tmp_path / "long.avi", 350))
        catalogue = long_server.services.catalogue
        sound, first, second, *_ = (
            next(job for job in long_server.jobs(Stage.PART) if job.subject == part.id)
            for part in _parts(long_server, item)
        )
        for job in (sound, first):
            long_server.do(long_server.services.work.run(job.id))
        before = {part.number: part.made_at for part in _parts(long_server, item)}
        (waiting,) = (job for job in long_server.jobs(Stage.PLAYABLE) if job.state is JobState.WAITING)
        assert 0 < waiting.progress < 950
        # Claimed so long ago that its worker must be dead.
        long_ago = second.not_before - LEASE - timedelta(seconds=1)
        _change(long_server, "UPDATE jobs SET not_before = ? WHERE id = ?", to_micros(long_ago), second.id)
        assert long_server.do(catalogue.write(lambda tx: tx.jobs.claim(second.id, long_ago))) is not None
        long_server.do(long_server.services.work.run(second.id))
        long_server.run(Stage.PART)
        (playable,) = long_server.run(Stage.PLAYABLE)
    assert playable.state is JobState.DONE
    after = {part.number: part.made_at for part in _parts(long_server, item)}
    assert {number: after[number] for number in (0, 1)} == {number: before[number] for number in (0, 1)}
    attempts = {job.subject: job.attempts for job in long_server.jobs(Stage.PART)}
    assert [attempts[part.id] for part in _parts(long_server, item)][:3] == [1, 1, 2]


def test_what_a_part_cannot_is_made_in_one_go(long_server: Inside, tmp_path: Path) -> None:
    with _by_hand(long_server):
        item = _planned(long_server, _recording(tmp_path / "long.avi", 400))
        *_, last = _parts(long_server, item)
        how = json.dumps({**last.how, "seek_us": last.begins_us + 500_000})
        _change(long_server, "UPDATE parts SET how = ? WHERE id = ?", how, last.id)
        (failed,) = (job for job in long_server.jobs(Stage.PART) if job.subject == last.id)
        long_server.do(long_server.services.work.run(failed.id))
        (playable,) = long_server.run(Stage.PLAYABLE)
        long_server.run(Stage.PART)
    assert playable.state is JobState.DONE
    made = _renditions(long_server, item)
    assert "joined" not in made["playable"]["provenance"]
    assert not [kind for kind in made if kind.startswith("part-")]
    *_, last = _parts(long_server, item)
    assert last.given_up is not None
    assert "in one go" in last.given_up
    about = {"id": last.id, "kind": "part"}
    failures = [event for event in long_server.events("stage.failed") if about in event["subjects"]]
    assert [event["detail"]["code"] for event in failures] == ["no-entry"]


def test_parts_go_once_nobody_can_be_watching_them(long_server: Inside, tmp_path: Path) -> None:
    item = long_server.client(Role.STATION).kept(_recording(tmp_path / "long.avi", 450), "long.avi")
    made = _renditions(long_server, item)
    parts = {kind: one for kind, one in made.items() if kind.startswith("part-")}
    store, sweep = long_server.services.store, long_server.services.sweep
    catalogue = long_server.services.catalogue
    keys = [
        one.key
        for one in long_server.do(catalogue.read(lambda tx: tx.items.renditions(item)))
        if one.kind in parts
    ]
    long_server.do(sweep.run())
    assert _renditions(long_server, item).keys() == made.keys()
    _change(
        long_server,
        "UPDATE renditions SET made_at = made_at - ? WHERE item_id = ? AND kind = 'playable'",
        PARTS_KEPT // timedelta(microseconds=1),
        item,
    )
    long_server.do(sweep.run())
    assert _renditions(long_server, item).keys() == made.keys() - parts.keys()
    for key in keys:
        with pytest.raises(NotStored):
            long_server.do(store.stat(key))
    gone = {
        event["digests"]["sha256"]
        for event in long_server.events("rendition.discarded")
        if {"id": item, "kind": "item"} in event["subjects"]
    }
    assert gone == {one["sha256"] for one in parts.values()}
    assert _parts(long_server, item) == []
    assert long_server.client(Role.REVIEWER).get(f"/items/{item}/playable.mp4").status == 200


def test_a_track_that_is_missing_is_made_by_itself(long_server: Inside, tmp_path: Path) -> None:
    item = long_server.client(Role.STATION).kept(_recording(tmp_path / "long.avi", 500), "long.avi")
    made = _renditions(long_server, item)
    catalogue = long_server.services.catalogue
    now = long_server.jobs(Stage.PLAYABLE)[-1].updated_at

    def lose(tx: Any) -> None:
        tx.items.drop_rendition(made["track-2"]["id"])
        tx.jobs.add(Stage.TRACKS, item, "north", now, again=True)

    long_server.do(catalogue.write(lose))
    assert "track-2" not in _renditions(long_server, item)
    (job,) = (job for job in long_server.run(Stage.TRACKS) if job.subject == item)
    assert job.state is JobState.DONE
    again = _renditions(long_server, item)["track-2"]
    assert again["provenance"]["tool"] == "ffmpeg"


def test_a_part_that_nobody_knows_is_a_failure_on_record(long_server: Inside) -> None:
    catalogue = long_server.services.catalogue
    now = SystemClock().now()
    subject = new_id(now)
    long_server.do(catalogue.write(lambda tx: tx.jobs.add(Stage.PART, subject, "north", now)))
    (job,) = long_server.run(Stage.PART)
    assert (job.state, job.code) == (JobState.FAILED, "no-part")
