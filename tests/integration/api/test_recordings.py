"""Segments appear as one recording, late ones join, and what is missing is named; all of it on record."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from evidence.agents import Role
from evidence.jobs import Stage
from evidence.recordings import own_recording
from tests.media import ffmpeg, make_clip
from tests.serving.client import Client
from tests.serving.inside import Inside


@pytest.fixture(scope="module")
def bytes_of(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Four seconds of a camera."""
    return make_clip(tmp_path_factory.mktemp("media") / "clip.mp4", seconds=4).read_bytes()


@pytest.fixture
def device() -> str:
    """A camera of this test alone."""
    return f"DSJ-{os.urandom(5).hex().upper()}"


def _named(device: str, clock: str, number: int) -> str:
    return f"{device}_20261121{clock}_{number:04d}.mp4"


def _keep(inside: Inside, data: bytes, filename: str, unit: str = "north", **pairs: str) -> str:
    """An item, described and playable; bytes that no other item has."""
    unique = data + b"\0\0\0\x18free" + os.urandom(16)
    return inside.client(Role.STATION, unit).kept(unique, filename, **pairs)


def _recording(client: Client, item: str) -> dict[str, Any]:
    answer = client.get(f"/items/{item}/recording")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def _gaps(client: Client, device: str, day: str = "2026-11-21", zone: str = "%2B08:00") -> dict[str, Any]:
    answer = client.get(f"/gaps?device={device}&day={day}&zone={zone}")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def test_late_segments_join_and_two_recordings_become_one(
    inside: Inside, bytes_of: bytes, device: str
) -> None:
    reviewer = inside.client(Role.REVIEWER)
    third = _keep(inside, bytes_of, _named(device, "100008", 3))
    first = _keep(inside, bytes_of, _named(device, "100000", 1))
    apart = [_recording(reviewer, item) for item in (first, third)]
    assert [len(one["segments"]) for one in apart] == [1, 1]
    assert [one["joined_by"] for one in apart] == [None, None]
    second = _keep(inside, bytes_of, _named(device, "100004", 2))
    whole = _recording(reviewer, second)
    assert [one["item"] for one in whole["segments"]] == [first, second, third]
    assert [one["offset_ms"] for one in whole["segments"]] == [0, 4000, 8000]
    assert whole["segments"][0]["plays_at_ms"] == 0
    assert (whole["joined_by"], whole["device"], whole["device_source"]) == ("time", device, "file name")
    assert whole["clock"] == {"origin": "file-name", "source": "file name", "zoned": False}
    assert whole["begins"] == "2026-11-21T10:00:00.000"
    assert (whole["holes"], whole["overlaps"], whole["missing"]) == ([], [], [])
    # Whichever identifier somebody kept still names it.
    for one in apart:
        assert reviewer.get(f"/recordings/{one['id']}").json() == whole
    assert {one["id"] for one in apart} == {own_recording(first), own_recording(third)}
    assert whole["id"] == min(own_recording(item) for item in (first, second, third))
    (joined,) = (
        event
        for event in inside.events("recording.joined")
        if {"id": second, "kind": "item"} in event["subjects"]
    )
    assert joined["detail"]["recording"] == whole["id"]
    assert {one["rule"] for one in joined["detail"]["because"]} == {"time"}
    assert {one["time_source"] for one in joined["detail"]["because"]} == {"file name"}


def test_describing_again_changes_nothing(inside: Inside, bytes_of: bytes, device: str) -> None:
    reviewer = inside.client(Role.REVIEWER)
    items = [_keep(inside, bytes_of, _named(device, f"10000{n * 4}", n + 1)) for n in range(2)]
    before = _recording(reviewer, items[0])
    already = len(inside.events("recording.joined"))
    now = inside.jobs(Stage.COMMIT)[-1].updated_at
    catalogue = inside.services.catalogue
    for item in items:
        inside.do(
            catalogue.write(lambda tx, item=item: tx.jobs.add(Stage.DESCRIBE, item, "north", now, again=True))
        )
    inside.run(Stage.DESCRIBE)
    assert _recording(reviewer, items[1]) == before
    assert len(inside.events("recording.joined")) == already


@pytest.mark.long
def test_what_the_submitter_names_alike_is_one_and_missing_numbers_are_named(
    inside: Inside, bytes_of: bytes, device: str
) -> None:
    reviewer = inside.client(Role.REVIEWER)
    said = {"device": device, "recording": f"R-{device}"}
    items = [
        _keep(
            inside,
            bytes_of,
            f"clip{number}.mp4",
            segment=str(number),
            **{**said, "time-start.camera": f"2026-11-21T10:00:{at:02d}+08:00"},
        )
        for number, at in ((2, 4), (3, 5), (6, 30))
    ]
    whole = _recording(reviewer, items[0])
    assert [(one["number"], one["offset_ms"]) for one in whole["segments"]] == [(2, 0), (3, 1000), (6, 26000)]
    assert {one["number_source"] for one in whole["segments"]} == {"submitted"}
    assert whole["joined_by"] == "submitted"
    assert whole["begins"] == "2026-11-21T02:00:04.000+00:00"
    assert [(one["first"], one["last"]) for one in whole["missing"]] == [(1, 1), (4, 5)]
    item = whole["segments"][0]["item"]
    custody_report = reviewer.get(f"/items/{item}/report.html?lang=en").body.decode()
    assert "segments with the numbers 1; 4–5 are not among those" in custody_report
    assert [(one["from_ms"], one["after"], one["before"]) for one in whole["holes"]] == [
        (pytest.approx(5000, abs=100), items[1], items[2])
    ]
    (overlap,) = whole["overlaps"]
    assert (overlap["after"], overlap["before"]) == (items[0], items[1])
    report = _gaps(reviewer, device)
    assert [one["recording"] for one in report["recordings"]] == [whole["id"]]
    assert report["recordings"][0]["missing"] == whole["missing"]
    (hole,) = report["holes"]
    assert hole["recording"] == whole["id"]
    assert hole["ends"] == "2026-11-21T10:00:30.000+08:00"


@pytest.mark.long
def test_a_gap_report_names_files_holes_and_counters_that_went_back(
    inside: Inside, bytes_of: bytes, device: str
) -> None:
    reviewer = inside.client(Role.REVIEWER)
    names = [("235958", 1), ("100000", 2), ("100004", 3), ("100100", 7), ("100200", 5)]
    items = [_keep(inside, bytes_of, _named(device, clock, number)) for clock, number in names]
    report = _gaps(reviewer, device)
    assert (report["zone"], report["unit"], report["more"]) == ("+08:00", "north", False)
    assert [one["item"] for one in report["segments"]] == [*items[1:], items[0]]
    assert [(one["first"], one["last"]) for one in report["missing_file_numbers"]] == [(4, 6)]
    assert [(one["number"], one["to"]) for one in report["counter_restarts"]] == [(7, 5), (5, 1)]
    assert [one["after"] for one in report["holes"]] == items[2:]
    assert report["holes"][0]["ends"] == "2026-11-21T10:01:00.000"
    assert {one["recording"] for one in report["holes"]} == {None}
    (shown,) = inside.events("list.shown")[-1:]
    assert {one["id"] for one in shown["subjects"]} == set(items)
    assert (shown["detail"]["of"], shown["detail"]["device"]) == ("gaps", device)
    # What runs past midnight lies on both days.
    assert [one["item"] for one in _gaps(reviewer, device, "2026-11-22")["segments"]] == [items[0]]
    assert _gaps(reviewer, device, "2026-11-20")["segments"] == []


def test_silence_before_the_alarm_is_likely_a_buffer(inside: Inside, device: str, tmp_path: Path) -> None:
    path = tmp_path / "quiet.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=24"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=24"),
        *("-af", "volume=0:enable='lt(t,18)'", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
        str(path),
    )
    data = path.read_bytes()
    items = [
        _keep(inside, data, _named(device, clock, number))
        for clock, number in (("100000", 1), ("100024", 2), ("110000", 3))
    ]
    reviewer = inside.client(Role.REVIEWER)
    report = _gaps(reviewer, device)
    assert report["likely_pre_event"] == [
        {"item": items[0], "likely_ms": pytest.approx(18_000, abs=200)},
        {"item": items[2], "likely_ms": pytest.approx(18_000, abs=200)},
    ]
    whole = _recording(reviewer, items[1])
    assert whole["likely_pre_event_ms"] == report["likely_pre_event"][0]["likely_ms"]


def test_who_may_not_see_it_is_told_nothing(inside: Inside, bytes_of: bytes, device: str) -> None:
    officer, colleague = (inside.another(Role.OFFICER) for _ in range(2))
    own = officer.kept(bytes_of + b"\0\0\0\x18free" + os.urandom(16), _named(device, "100000", 1))
    other = colleague.kept(bytes_of + b"\0\0\0\x18free" + os.urandom(16), _named(device, "100004", 2))
    whole = _recording(inside.client(Role.REVIEWER), own)
    assert len(whole["segments"]) == 2
    # An officer sees what they sent, in the same recording, and nothing of the rest.
    for client, item in ((officer, own), (colleague, other)):
        assert [one["item"] for one in _recording(client, item)["segments"]] == [item]
        assert [one["item"] for one in _gaps(client, device)["segments"]] == [item]
        listed = client.get("/recordings").json()["recordings"]
        (alone,) = listed
        assert alone["segments"] == 1
        # Its name is that of their own segment, and tells of no other.
        assert alone["id"] == own_recording(item) == client.get(f"/recordings/{alone['id']}").json()["id"]
        text = client.get(f"/recordings/{whole['id']}/playlist.m3u8").body.decode()
        assert text.count("EXT-X-MAP") == 1
    hidden = officer.get(f"/items/{other}/recording")
    elsewhere = inside.client(Role.REVIEWER, "south")
    unknown = elsewhere.get("/recordings/01a20244-e800-7e03-9a6d-19572ef95ecf")
    for answer in (
        hidden,
        elsewhere.get(f"/recordings/{whole['id']}"),
        elsewhere.get(f"/recordings/{whole['id']}/playlist.m3u8"),
        elsewhere.get(f"/items/{own}/recording"),
        elsewhere.get("/recordings/none"),
        inside.client(Role.STATION).get(f"/recordings/{whole['id']}"),
        inside.client(Role.ADMINISTRATOR).get("/recordings"),
        inside.client(Role.AUDITOR).get(f"/gaps?device={device}&day=2026-11-21&zone=Z"),
    ):
        assert (answer.status, answer.body) == (404, unknown.body)
    nothing = _gaps(elsewhere, device)
    assert {**nothing, "device": ""} == {**_gaps(elsewhere, "NEVER"), "device": ""}
    spying = elsewhere.get(f"/gaps?device={device}&day=2026-11-21&zone=Z&unit=north").json()
    assert (spying["segments"], spying["holes"]) == ([], [])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("day=2026-11-21&zone=Z", "bad-device"),
        ("device=D&day=2026-11-31&zone=Z", "bad-day"),
        ("device=D&day=20261121&zone=Z", "bad-day"),
        ("device=D&zone=Z", "bad-day"),
        ("device=D&day=2026-11-21", "bad-zone"),
        ("device=D&day=2026-11-21&zone=%2B15:00", "bad-zone"),
        ("device=D&day=2026-11-21&zone=Beijing", "bad-zone"),
    ],
)
def test_a_report_that_cannot_be_meant_is_refused(inside: Inside, query: str, code: str) -> None:
    answer = inside.client(Role.REVIEWER).get(f"/gaps?{query}")
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize("query", ["day=0001-01-01&zone=%2B14:59", "day=9999-12-31&zone=-14:59"])
def test_the_first_and_the_last_day_there_is(inside: Inside, query: str) -> None:
    assert inside.client(Role.REVIEWER).get(f"/gaps?device=D&{query}").json()["segments"] == []


def test_the_playlist_goes_over_all_segments_and_is_on_record(
    inside: Inside, bytes_of: bytes, device: str
) -> None:
    items = [_keep(inside, bytes_of, _named(device, clock, n)) for n, clock in ((1, "100000"), (2, "100004"))]
    reviewer = inside.another(Role.REVIEWER)
    whole = _recording(reviewer, items[0])
    answer = reviewer.get(f"/recordings/{whole['id']}/playlist.m3u8")
    assert answer.headers.get_content_type() == "application/vnd.apple.mpegurl"
    assert answer.headers["Cache-Control"] == "private, no-store"
    lines = answer.body.decode().splitlines()
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    addresses = [line for line in lines if not line.startswith("#")]
    assert list(dict.fromkeys(addresses)) == [f"../../items/{item}/playable.mp4" for item in items]
    shown, opened = inside.events("list.shown")[-1], inside.events("viewing.opened")[-1]
    assert {one["id"] for one in shown["subjects"] if one["kind"] == "item"} == set(items)
    assert shown["detail"] == {"of": "recording", "to": "play", "recording": whole["id"]}
    assert {"id": items[0], "kind": "item"} in opened["subjects"]
    assert whole["playing_ms"] == pytest.approx(8000, abs=200)


def test_what_cannot_be_played_is_left_out_and_said_so(
    inside: Inside, bytes_of: bytes, device: str, tmp_path: Path
) -> None:
    mute = tmp_path / "mute.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=4"),
        *("-c:v", "libx264", "-preset", "ultrafast", str(mute)),
    )
    reviewer = inside.client(Role.REVIEWER)
    said = {"device": device, "recording": f"R-{device}"}
    broken = _keep(inside, bytes_of[: len(bytes_of) // 2], "a.mp4", segment="1", **said)
    assert reviewer.get(f"/recordings/{_recording(reviewer, broken)['id']}/playlist.m3u8").status == 404
    whole = _keep(inside, bytes_of, "b.mp4", segment="2", **said)
    silent = _keep(inside, mute.read_bytes(), "c.mp4", segment="3", **said)
    found = _recording(reviewer, whole)
    assert [(one["item"], one["left_out"]) for one in found["segments"]] == [
        (broken, "not-playable"), (whole, None), (silent, "other-tracks"),
    ]  # fmt: skip
    assert [one["plays_at_ms"] for one in found["segments"]] == [None, 0, None]
    assert reviewer.get(f"/recordings/{found['id']}/playlist.m3u8").body.decode().count("EXT-X-MAP") == 1


@pytest.fixture
def statements(inside: Inside) -> Iterator[list[str]]:
    """Every statement that reads the catalogue from here on."""
    engine: Any = inside.services.catalogue._readers  # type: ignore[attr-defined]
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.long
def test_no_answer_costs_a_query_per_row(
    inside: Inside, bytes_of: bytes, device: str, statements: list[str]
) -> None:
    reviewer = inside.client(Role.REVIEWER)
    item = _keep(inside, bytes_of, _named(device, "100000", 1))
    recording = _recording(reviewer, item)["id"]
    asked = [
        f"/items/{item}/recording",
        f"/recordings/{recording}",
        f"/recordings/{recording}/playlist.m3u8",
        "/recordings",
        f"/gaps?device={device}&day=2026-11-21&zone=Z",
    ]

    def counted() -> list[int]:
        counts = []
        for address in asked:
            statements.clear()
            assert reviewer.get(address).status == 200
            counts.append(len(statements))
        return counts

    few = counted()
    for number in range(2, 6):
        _keep(inside, bytes_of, _named(device, f"1000{number * 4 - 4:02d}", number))
    _keep(inside, bytes_of, _named(device, "120000", 9))
    assert len(_recording(reviewer, item)["segments"]) == 5
    assert counted() == few
