"""No byte leaves unlogged, and a denied request says nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evidence.agents import Role
from evidence.errors import EventNotWritten, Unavailable
from evidence.events import EventDraft
from tests.serving.client import Answer, Client
from tests.serving.inside import Inside
from tests.serving.waiting import eventually

BIG = 64 << 20
MEDIA = ("original", "playlist.m3u8", "playable.mp4", "poster.jpg")
NOWHERE = "01a20000-0000-7000-8000-000000000000"


@pytest.fixture
def reviewer(inside: Inside) -> Client:
    return inside.client(Role.REVIEWER)


@pytest.fixture(scope="module")
def small(inside: Inside) -> str:
    """An item of a few bytes."""
    return inside.client(Role.STATION).kept(b"a few bytes")


@pytest.fixture(scope="module")
def big(inside: Inside) -> str:
    """An item that no socket buffer holds."""
    return inside.client(Role.STATION).kept(random.Random(64).randbytes(BIG))


@pytest.fixture(scope="module")
def recording(inside: Inside, clip: Path) -> str:
    """An item that plays."""
    return inside.client(Role.STATION).kept(clip.read_bytes(), "clip.mp4")


def viewings(client: Client, item: str) -> list[dict[str, Any]]:
    """The item's viewing events."""
    return [event for event in client.history(item) if event["type"].startswith("viewing.")]


def viewing_of(event: dict[str, Any]) -> str:
    """Which viewing an event is about."""
    (found,) = [one["id"] for one in event["subjects"] if one["kind"] == "viewing"]
    return str(found)


def latest(client: Client, item: str) -> list[dict[str, Any]]:
    """The events of the item's newest viewing."""
    found = viewings(client, item)
    opened = [event for event in found if event["type"] == "viewing.opened"]
    return [event for event in found if viewing_of(event) == viewing_of(opened[-1])]


def closed(client: Client, item: str) -> list[dict[str, Any]]:
    """The newest viewing's two events, once there are two."""

    def look() -> list[dict[str, Any]] | None:
        events = latest(client, item)
        return events if len(events) == 2 else None

    return eventually(look, "the viewing is closed")


def test_a_whole_original_is_one_viewing(reviewer: Client, small: str) -> None:
    answer = reviewer.ask("GET", f"/items/{small}/original", headers={"X-Purpose": "case 12"})
    assert answer.body == b"a few bytes"
    opening, closing = closed(reviewer, small)
    assert opening["type"] == "viewing.opened"
    assert opening["detail"]["content"] == "original"
    assert (opening["detail"]["from"], opening["detail"]["to"]) == (0, 11)
    assert opening["detail"]["seconds"] <= 300
    assert opening["detail"]["purpose"] == "case 12"
    assert closing["detail"] == {"content": "original", "bytes": 11, "ranges": [[0, 11]]}


def test_the_closing_event_lists_what_was_sent(reviewer: Client, big: str) -> None:
    wanted = "bytes=10-19,1000000-1999999,15-24"
    assert reviewer.get(f"/items/{big}/original", Range=wanted).status == 206
    opening, closing = closed(reviewer, big)
    assert (opening["detail"]["from"], opening["detail"]["to"]) == (10, 2_000_000)
    assert closing["detail"]["ranges"] == [[10, 25], [1_000_000, 2_000_000]]
    assert closing["detail"]["bytes"] == 1_000_015


def test_a_viewing_is_on_record_before_the_first_byte_and_closes_with_what_left(
    reviewer: Client, big: str
) -> None:
    before = len(viewings(reviewer, big))
    with reviewer.dial(receive_bytes=65_536) as line:
        line.sendall(reviewer.request_head("GET", f"/items/{big}/original"))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += line.recv(1)
        assert answer.startswith(b"HTTP/1.1 200 ")
        # Not one byte of the body has been read; the kernels' buffers cannot hold all of it.
        now = viewings(reviewer, big)[before:]
        assert [event["type"] for event in now] == ["viewing.opened"]
        read = 0
        while read < 1 << 20:
            read += len(line.recv(65_536))
    _, closing = closed(reviewer, big)
    assert closing["outcome"] == "success"
    assert read <= closing["detail"]["bytes"] < BIG
    assert closing["detail"]["ranges"] == [[0, closing["detail"]["bytes"]]]


def test_asking_for_the_headers_alone_shows_nothing(reviewer: Client, small: str) -> None:
    before = len(viewings(reviewer, small))
    assert reviewer.ask("HEAD", f"/items/{small}/original").status == 200
    assert reviewer.get(f"/items/{small}/original", Range="bytes=11-").status == 416
    assert len(viewings(reviewer, small)) == before


def test_the_segments_of_a_recording_share_one_viewing(inside: Inside, reviewer: Client, clip: Path) -> None:
    recording = inside.client(Role.STATION).kept(clip.read_bytes(), "clip.mp4")
    playlist = reviewer.get(f"/items/{recording}/playlist.m3u8")
    assert playlist.status == 200
    assert playlist.headers["Cache-Control"] == "private, no-store"
    text = playlist.body.decode()
    ranges = [(int(at), int(at) + int(n)) for n, at in re.findall(r'BYTERANGE[:=]"?(\d+)@(\d+)', text)]
    assert len(ranges) > 2
    for start, end in ranges[:-1]:
        part = reviewer.get(f"/items/{recording}/playable.mp4", Range=f"bytes={start}-{end - 1}")
        assert (part.status, len(part.body)) == (206, end - start)
    assert [event["type"] for event in viewings(reviewer, recording)] == ["viewing.opened"]
    inside.close_viewings()
    opening, closing = closed(reviewer, recording)
    whole = reviewer.ask("HEAD", f"/items/{recording}/playable.mp4").headers["Content-Length"]
    assert (opening["detail"]["from"], opening["detail"]["to"]) == (0, int(whole))
    assert closing["detail"]["ranges"] == [[0, ranges[-1][0]]]


def test_a_poster_is_a_picture(inside: Inside, recording: str) -> None:
    answer = inside.another(Role.REVIEWER).get(f"/items/{recording}/poster.jpg")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.body.startswith(b"\xff\xd8")


def test_a_list_is_one_event_that_names_every_item(inside: Inside, small: str, recording: str) -> None:
    reader = inside.another(Role.REVIEWER)
    before = len(inside.events("list.shown"))
    shown = [item["id"] for item in reader.get("/items").json()["items"]]
    assert {small, recording} <= set(shown)
    (event,) = inside.events("list.shown")[before:]
    assert sorted(one["id"] for one in event["subjects"]) == sorted(shown)


def test_looking_at_an_item_and_at_its_history_is_on_record(reviewer: Client, small: str) -> None:
    reviewer.get(f"/items/{small}")
    reviewer.history(small)
    kinds = [event["type"] for event in reviewer.history(small)]
    assert kinds[-3:] == ["item.shown", "history.shown", "history.shown"]


@pytest.mark.parametrize("below", ["", "/history", *(f"/{name}" for name in MEDIA)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_another_unit_has_looks_like_nothing(
    inside: Inside, recording: str, method: str, below: str
) -> None:
    foreign = inside.client(Role.SUPERVISOR, "south")
    before = len(inside.events("access.denied"))
    there = foreign.ask(method, f"/items/{recording}{below}")
    none = foreign.ask(method, f"/items/{NOWHERE}{below}")
    _assert_alike(there, none)
    denied = inside.events("access.denied")[before:]
    assert [event["outcome"] for event in denied] == ["denied", "denied"]
    assert denied[0]["detail"] == {"method": method, "path": f"/items/{recording}{below}"}
    assert [event["subjects"] for event in denied] == [[{"id": recording, "kind": "item"}], []]


def _assert_alike(there: Answer, none: Answer) -> None:
    assert there.status == none.status == 404
    assert there.body == none.body
    kept = [[pair for pair in one.headers.items() if pair[0] != "Date"] for one in (there, none)]
    assert kept[0] == kept[1]


def test_another_units_list_is_empty(inside: Inside, small: str) -> None:
    stranger = inside.another(Role.SUPERVISOR, "a unit of its own")
    assert stranger.get("/items").json() == {"items": [], "next": None}


def test_an_auditor_sees_the_log_and_no_media(inside: Inside, recording: str) -> None:
    auditor = inside.client(Role.AUDITOR, "south")
    assert {event["type"] for event in auditor.history(recording)} >= {"item.ingested", "item.locked"}
    for path in ("/items", f"/items/{recording}", *(f"/items/{recording}/{name}" for name in MEDIA)):
        assert auditor.get(path).status == 404, path


def test_an_administrator_sees_no_media(inside: Inside, recording: str) -> None:
    administrator = inside.client(Role.ADMINISTRATOR)
    below = ("", "/history", *(f"/{name}" for name in MEDIA))
    for path in ("/items", *(f"/items/{recording}{one}" for one in below)):
        assert administrator.get(path).status == 404, path
    assert administrator.get("/jobs").status == 200


def test_a_station_sees_no_media(inside: Inside, recording: str) -> None:
    for name in MEDIA:
        assert inside.client(Role.STATION).get(f"/items/{recording}/{name}").status == 404


def test_officers_play_their_own_and_nothing_else(inside: Inside, recording: str, clip: Path) -> None:
    officer = inside.another(Role.OFFICER)
    own = officer.kept(clip.read_bytes())
    assert [item["id"] for item in officer.get("/items").json()["items"]] == [own]
    assert officer.get(f"/items/{own}/playlist.m3u8").status == 200
    assert officer.get(f"/items/{own}/original").status == 404
    for name in MEDIA:
        assert officer.get(f"/items/{recording}/{name}").status == 404


def _no_writing(*_: object) -> None:
    raise Unavailable("catalogue", "The catalogue does not answer.")


async def _unwritten(_draft: EventDraft) -> None:
    raise EventNotWritten


async def _unavailable(_work: Callable[..., object]) -> None:
    _no_writing()


@pytest.mark.parametrize("below", ["", "/history", *(f"/{name}" for name in MEDIA)])
def test_what_cannot_be_put_on_record_is_not_served(
    inside: Inside, recording: str, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    reader = inside.another(Role.REVIEWER)
    with monkeypatch.context() as patched:
        patched.setattr(inside.services.catalogue, "write", _unavailable)
        patched.setattr(inside.services.catalogue, "record", _unwritten)
        answer = reader.get(f"/items/{recording}{below}")
    assert (answer.status, answer.code) == (503, "not-on-record")
    assert recording.encode() not in answer.body
    assert reader.get(f"/items/{recording}{below}").status == 200


def test_a_denial_that_cannot_be_put_on_record_is_not_answered(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = inside.another(Role.REVIEWER)
    with monkeypatch.context() as patched:
        patched.setattr(inside.services.catalogue, "write", _unavailable)
        patched.setattr(inside.services.catalogue, "record", _unwritten)
        assert reader.get(f"/items/{NOWHERE}").status == 503


@pytest.mark.parametrize("purpose", ["案件 12", "caf\xe9", "a" * 600])
def test_a_purpose_is_put_on_record_or_refused(inside: Inside, small: str, purpose: str) -> None:
    reader = inside.another(Role.REVIEWER)
    latin = purpose.encode("utf-8" if "案" in purpose else "latin-1").decode("latin-1")
    answer = reader.ask("GET", f"/items/{small}/original", headers={"X-Purpose": latin})
    if purpose == "caf\xe9":
        assert (answer.status, answer.code) == (400, "bad-purpose")
    else:
        assert answer.status == 200
        assert latest(inside.client(Role.REVIEWER), small)[0]["detail"]["purpose"] == purpose[:500]


@pytest.mark.parametrize(
    "path", [b"/items/\xff\xfe", b"/items/%ff%00", b"/items/%F0%9F%9A%93", b"/items/..%2f"]
)
def test_any_path_can_be_denied(inside: Inside, path: bytes) -> None:
    reader = inside.client(Role.REVIEWER)
    with reader.dial() as line:
        line.sendall(reader.request_head("GET", "/PATH", {"Connection": "close"}).replace(b"/PATH", path))
        answer = line.recv(65_536)
    assert answer.split(b" ")[1] in (b"404", b"400")
