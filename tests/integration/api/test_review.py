"""Marks, sessions, reviews and samples, as somebody with a browser's requests meets them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import event

from evidence.agents import Role
from tests.places import ROOT
from tests.serving.client import Client
from tests.serving.films import sealed_for, two_segments
from tests.serving.inside import Inside
from tests.serving.waiting import eventually


def test_marks_are_found_withdrawn_by_whoever_made_them_and_stay(bureau: Inside, camera: bytes) -> None:
    recording, first, second = two_segments(bureau, camera)
    officer, reviewer = bureau.another(Role.REVIEWER), bureau.another(Role.REVIEWER)
    word = f"执法记录{os.urandom(3).hex()}"
    made = officer.post(f"/items/{first}/marks", {"from_ms": 500, "to_ms": 500, "label": word})
    assert (made.status, made.json()["kind"]) == (201, "marker")
    assert made.json()["spans"] == [{"item": first, "from_ms": 500, "to_ms": 500, "at_ms": None}]
    assert [one["id"] for one in reviewer.get(f"/search?text={quote(word)}").json()["items"]] == [first]
    withdrawal = f"/marks/{made.json()['id']}/withdrawal"
    assert reviewer.post(withdrawal, {"reason": "x"}).status == 404
    assert officer.post(withdrawal, {"reason": "  "}).code == "reason-needed"
    assert officer.post(withdrawal, {"reason": "标错位置"}).status == 204
    assert officer.post(withdrawal, {"reason": "标错位置"}).code == "already-withdrawn"
    assert reviewer.get(f"/search?text={quote(word)}").json()["items"] == []
    (shown,) = reviewer.get(f"/items/{first}/marks").json()["marks"]
    assert (shown["label"], shown["withdrawn_for"]) == (word, "标错位置")
    assert reviewer.get(f"/items/{second}/marks").json()["marks"] == []
    kinds = [event["type"] for event in officer.history(first)]
    assert [kinds.count(kind) for kind in ("mark.made", "mark.withdrawn")] == [1, 1]
    for path, stretch, code in (
        (f"/items/{first}/marks", (0, 4001), "outside"),
        (f"/items/{first}/marks", (5, 4), "outside"),
        (f"/recordings/{recording}/marks", (0, 8001), "outside"),
    ):
        wanted = {"from_ms": stretch[0], "to_ms": stretch[1], "label": "x"}
        assert officer.post(path, wanted).code == code
    assert officer.post(f"/items/{first}/marks", {"from_ms": 0, "to_ms": 1, "label": " "}).code == "bad-mark"


def test_what_is_on_a_sealed_segment_too_is_shown_to_nobody_else(bureau: Inside, camera: bytes) -> None:
    recording, first, second = two_segments(bureau, camera)
    reviewer, named = bureau.another(Role.REVIEWER), bureau.another(Role.REVIEWER)
    stretch = {"from_ms": 3000, "to_ms": 5000}
    assert reviewer.post(f"/recordings/{recording}/marks", stretch | {"label": "x"}).status == 201
    clip = reviewer.post(f"/recordings/{recording}/clips", stretch | {"reason": "r"}).json()["id"]
    session = reviewer.post("/playbacks", {"recording": recording}).json()["id"]
    lists = [f"/items/{first}/marks", f"/recordings/{recording}/marks", f"/items/{first}/clips"]
    before = [reviewer.get(path).json() for path in lists]
    assert all(len(next(iter(found.values()))) == 1 for found in before)
    sealed_for(bureau, second, named)
    for path in lists:
        assert next(iter(reviewer.get(path).json().values())) == []
    for path in (f"/clips/{clip}", f"/clips/{clip}/clip.mp4", f"/items/{second}/clips"):
        assert reviewer.get(path).status == reviewer.ask("HEAD", path).status == 404
    # By itself the first segment is cut and watched as before; of the other nothing is told.
    short = {"from_ms": 0, "to_ms": 8000, "reason": "r"}
    assert reviewer.post(f"/recordings/{recording}/clips", short).code == "outside"
    told = {"spans": [{"item": second, "from_ms": 0, "to_ms": 10}]}
    assert reviewer.post(f"/playbacks/{session}/watched", told).status == 404
    told = {"spans": [{"item": first, "from_ms": 0, "to_ms": 10}]}
    assert reviewer.post(f"/playbacks/{session}/watched", told).status == 200
    assert reviewer.ask("DELETE", f"/playbacks/{session}").status == 204
    assert named.get(f"/clips/{clip}").status == 200
    assert named.get(f"/clips/{clip}/clip.mp4").code == "purpose-needed"
    assert named.get(f"/clips/{clip}/clip.mp4", X_Purpose="litigation").status == 200
    opened = [one for one in named.history(first) if one["type"] == "viewing.opened"]
    assert opened[-1]["detail"]["purpose"] == "litigation"


def test_a_player_tells_of_what_it_plays_and_no_more(bureau: Inside, camera: bytes) -> None:
    recording, first, second = two_segments(bureau, camera)
    reviewer = bureau.another(Role.REVIEWER)
    for body in ({}, {"item": first, "recording": recording}):
        assert reviewer.post("/playbacks", body).code == "one-of-both"
    note = bureau.client(Role.STATION).kept(b"no recording at all", "x.bin")
    assert reviewer.post("/playbacks", {"item": note}).code == "no-length"
    session = reviewer.post("/playbacks", {"item": first}).json()["id"]

    def told(item: str, begins: int, ends: int, client: Client = reviewer) -> str:
        body = {"spans": [{"item": item, "from_ms": begins, "to_ms": ends}]}
        answer = client.post(f"/playbacks/{session}/watched", body)
        return "" if answer.status == 200 else answer.code

    assert told(second, 0, 5) == "not-in-session"
    assert told(first, 0, 4001) == told(first, 5, 5) == told(first, 6, 5) == "outside"
    assert told(first, 0, 5, bureau.client(Role.REVIEWER)) == "not-found"
    assert told(first, 0, 4000) == ""
    (person,) = reviewer.get(f"/items/{first}/watched").json()["people"]
    assert (person["covered_permille"], person["items"][0]["sent_permille"]) == (1000, 0)
    # What was sent is the server's own word, and stands beside.
    assert reviewer.get(f"/items/{first}/playable.mp4").status == 200
    bureau.close_viewings()
    (person,) = reviewer.get(f"/items/{first}/watched").json()["people"]
    assert person["items"][0]["sent_permille"] == 1000
    assert bureau.client(Role.AUDITOR).get(f"/items/{first}/watched").status == 200


def test_what_was_left_open_is_closed_by_the_sweep_and_on_record_once(bureau: Inside, camera: bytes) -> None:
    _, first, _ = two_segments(bureau, camera)
    reviewer = bureau.another(Role.REVIEWER)
    session = reviewer.post("/playbacks", {"item": first}).json()["id"]
    told = {"spans": [{"item": first, "from_ms": 0, "to_ms": 1500}]}
    assert reviewer.post(f"/playbacks/{session}/watched", told).status == 200
    bureau.do(bureau.services.sweep.run())
    assert not [one for one in reviewer.history(first) if one["type"] == "playback.closed"]
    bureau.do(
        bureau.services.catalogue.write(
            lambda tx: tx.connection.exec_driver_sql(  # type: ignore[attr-defined]
                "UPDATE playbacks SET touched_at = touched_at - 601000000 WHERE id = ?", (session,)
            )
        )
    )
    for _ in range(2):
        bureau.do(bureau.services.sweep.run())
    (closed,) = [one for one in reviewer.history(first) if one["type"] == "playback.closed"]
    assert closed["detail"]["closed_by"] == "sweep"
    assert closed["detail"]["watched"][0]["ranges"] == [[0, 1500]]
    assert reviewer.post(f"/playbacks/{session}/watched", told).code == "playback-closed"


def test_a_review_says_how_much_its_author_had_watched(bureau: Inside, camera: bytes) -> None:
    _, first, second = two_segments(bureau, camera)
    reviewer, legal = bureau.another(Role.REVIEWER), bureau.another(Role.LEGAL_REVIEWER)
    session = reviewer.post("/playbacks", {"item": first}).json()["id"]
    told = {"spans": [{"item": first, "from_ms": 0, "to_ms": 1400}]}
    reviewer.post(f"/playbacks/{session}/watched", told)
    wanted = {"outcome": "flawed", "findings": ["未出示证件"], "note": "已通知"}
    review = reviewer.post(f"/items/{first}/reviews", wanted)
    assert (review.status, review.json()["covered_permille"]) == (201, 350)
    unseen = legal.post(f"/items/{first}/reviews", {"outcome": "in-order"}).json()
    assert (unseen["covered_ms"], unseen["duration_ms"]) == (0, 4000)
    found = legal.get(f"/items/{first}/reviews").json()["reviews"]
    assert [(one["outcome"], one["findings"]) for one in found] == [
        ("flawed", ["未出示证件"]),
        ("in-order", []),
    ]
    withdrawal = f"/reviews/{review.json()['id']}/withdrawal"
    assert legal.post(withdrawal, {"reason": "x"}).status == 404
    assert reviewer.post(withdrawal, {"reason": "看错了"}).status == 204
    assert reviewer.post(withdrawal, {"reason": "看错了"}).code == "already-withdrawn"
    found = legal.get(f"/items/{first}/reviews").json()["reviews"]
    assert [one["withdrawn_for"] for one in found] == ["看错了", None]
    (made, *_) = [one for one in legal.history(first) if one["type"] == "review.made"]
    assert (made["detail"]["covered_ms"], made["detail"]["duration_ms"]) == (1400, 4000)
    assert reviewer.post(f"/items/{second}/reviews", {"outcome": "splendid"}).code == "bad-body"
    assert bureau.client(Role.ARCHIVIST).post(f"/items/{second}/reviews", wanted).status == 404
    own = bureau.client(Role.SUPERVISOR).kept(b"own" + os.urandom(8), "x.bin")
    assert bureau.client(Role.SUPERVISOR).post(f"/items/{own}/reviews", wanted).code == "own-recording"
    plain = reviewer.post(f"/items/{own}/reviews", {"outcome": "to-follow"}).json()
    assert (plain["covered_ms"], plain["covered_permille"]) == (None, None)


def test_drawing_puts_at_the_queues_head_and_can_be_checked(bureau: Inside, tmp_path: Path) -> None:
    unit = f"unit-{os.urandom(4).hex()}"
    station, supervisor = bureau.another(Role.STATION, unit), bureau.another(Role.SUPERVISOR, unit)
    reviewer = bureau.another(Role.REVIEWER, unit)
    items = sorted(station.kept(b"item" + os.urandom(8), f"{number}.bin") for number in range(6))
    frame = {"since": "2020-01-01T00:00:00Z", "reason": "季度抽查"}
    assert supervisor.post("/samples", frame).code == "bad-count"
    assert supervisor.post("/samples", frame | {"count": 1, "until": frame["since"]}).code == "bad-period"
    assert supervisor.post("/samples", frame | {"count": 1, "kind": "video"}).code == "nothing-there"
    assert supervisor.post("/samples", frame | {"count": 1, "category": "fees"}).code == "nothing-there"
    assert supervisor.post("/samples", frame | {"count": 1, "unit": "north"}).status == 404
    until = supervisor.post("/samples", frame | {"percent": 1}).json()["until"]
    seed = "1f" * 32
    made = supervisor.post("/samples", frame | {"count": 2, "seed": seed, "until": until})
    assert made.status == 201
    expected = sorted(items, key=lambda one: hashlib.sha256(bytes.fromhex(seed) + one.encode()).digest())[:2]
    path = f"/samples/{made.json()['id']}"
    found = reviewer.get(path).json()
    assert [one["id"] for one in found["items"]] == expected
    digest = hashlib.sha256("".join(f"{one}\n" for one in items).encode()).hexdigest()
    assert (found["population"], found["population_sha256"]) == (6, digest)
    checked = reviewer.get(f"{path}/population").json()
    assert checked == {"items": items, "sha256": digest, "same": True}
    # The guide's own words check it.
    for name, answer in (("sample", found), ("population", checked)):
        (tmp_path / f"{name}.json").write_text(json.dumps(answer))
    (words,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "review.md").read_text(), re.DOTALL)
    subprocess.run([sys.executable, "-c", words], check=True, cwd=tmp_path)
    again = supervisor.post("/samples", frame | {"count": 2, "seed": seed, "until": until}).json()
    listed = reviewer.get("/samples").json()["samples"]
    assert listed[0]["id"] == again["id"]
    assert made.json()["id"] in listed[0]["earlier"]
    assert again["earlier"] == [listed[2]["id"], made.json()["id"]]
    # A period that is a little longer hides nothing.
    assert supervisor.post("/samples", frame | {"count": 1}).json()["earlier"][-1] == again["id"]
    event = bureau.events("sample.drawn")[-2]["detail"]
    assert (event["seed"], event["population_sha256"], event["seed_given"]) == (seed, digest, True)
    first = bureau.events("sample.drawn")[-4]
    assert (len(first["detail"]["seed"]), first["detail"]["seed_given"]) == (64, False)

    queue = reviewer.get("/reviews/queue").json()["items"]
    drawn = [one["id"] for one in queue if one["drawn"]]
    assert set(expected) <= set(drawn)
    assert drawn == sorted(drawn)
    assert [one["id"] for one in queue] == drawn + [item for item in items if item not in drawn]
    for item in drawn:
        assert reviewer.post(f"/items/{item}/reviews", {"outcome": "in-order"}).status == 201
    assert not any(one["drawn"] for one in reviewer.get("/reviews/queue").json()["items"])
    assert [reviewer.get(path).json()[name] for name in ("reviewed", "count")] == [2, 2]
    figures = supervisor.get("/figures?by=unit").json()["total"]
    assert (figures["items"], figures["reviewed"]) == (6, len(drawn))
    sealed_for_unit = {
        "restriction": "sealed",
        "named": [supervisor.get("/session").json()["username"]],
        "reason": "r",
    }
    assert supervisor.post(f"/items/{expected[0]}/restriction", sealed_for_unit).status == 204
    assert [one["id"] for one in reviewer.get(path).json()["items"]] == expected[1:]
    assert reviewer.get(f"{path}/population").json()["same"] is False
    assert bureau.client(Role.REVIEWER).get(path).status == 404


def test_the_queue_goes_by_pages_and_takes_no_other_cursor(bureau: Inside) -> None:
    unit = f"unit-{os.urandom(4).hex()}"
    reviewer = bureau.another(Role.REVIEWER, unit)
    assert reviewer.get("/reviews/queue").json() == {"items": [], "next": None}
    for cursor in ("", "x", "2.0", "1.abc", "9.0190a0a0-0000-7000-8000-000000000000"):
        assert reviewer.get(f"/reviews/queue?after={cursor}").code == "bad-cursor"
    item = bureau.another(Role.STATION, unit).kept(b"item" + os.urandom(8), "a.bin")
    assert [one["id"] for one in reviewer.get("/reviews/queue").json()["items"]] == [item]
    assert reviewer.get(f"/reviews/queue?after=1.{item}").json()["items"] == []


def test_a_body_that_breaks_off_is_no_defect(bureau: Inside, camera: bytes) -> None:
    _, first, _ = two_segments(bureau, camera)
    reviewer = bureau.another(Role.REVIEWER)
    head = reviewer.request_head(
        "POST", f"/items/{first}/marks", {"Content-Type": "application/json", "Content-Length": "100"}
    )

    def counted() -> Counter[str]:
        lines = reviewer.get("/metrics").body.decode().splitlines()
        of_route = (
            one for one in lines if one.startswith('custos_requests_total{route="/items/{item}/marks"')
        )
        return Counter({one.split('"')[3]: int(float(one.split()[-1])) for one in of_route})

    before = counted()
    with reviewer.dial() as line:
        line.sendall(head + b'{"label":')
        line.shutdown(socket.SHUT_WR)
        line.recv(1)
    # Nobody is left to be answered; what it was counted as says what became of it.
    assert eventually(lambda: counted() - before or None, "the request is counted") == {"400": 1}


@pytest.fixture
def statements(bureau: Inside) -> Iterator[list[str]]:
    """Every statement that reads the catalogue from here on."""
    engine: Any = bureau.services.catalogue._readers  # type: ignore[attr-defined]
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.long
def test_no_list_costs_a_query_per_row(bureau: Inside, camera: bytes, statements: list[str]) -> None:
    unit = f"unit-{os.urandom(4).hex()}"
    station, supervisor = bureau.another(Role.STATION, unit), bureau.another(Role.SUPERVISOR, unit)
    said = {"device": "D", "recording": "R"}
    people = [bureau.another(Role.REVIEWER, unit) for _ in range(4)]

    def grow(number: int, person: Client) -> str:
        item = station.kept(camera + b"\0\0\0\x18free" + os.urandom(16), "a.mp4", segment=str(number), **said)
        recording: str = person.get(f"/items/{item}/recording").json()["id"]
        session = person.post("/playbacks", {"recording": recording}).json()
        told = {"spans": [{"item": one["item"], "from_ms": 0, "to_ms": 9} for one in session["items"]]}
        person.post(f"/playbacks/{session['id']}/watched", told)
        span = {"from_ms": 0, "to_ms": 100}
        for _ in range(2):
            person.post(f"/recordings/{recording}/marks", span | {"label": "x"})
            person.post(f"/recordings/{recording}/clips", span | {"reason": "r"})
            person.post(f"/items/{item}/reviews", {"outcome": "in-order"})
        drawing = {"since": "2020-01-01T00:00:00Z", "percent": 100, "reason": "r"}
        supervisor.post("/samples", drawing)
        return recording

    recording = grow(1, people[0])
    item = people[0].get(f"/recordings/{recording}").json()["segments"][0]["item"]

    def counted() -> dict[str, int]:
        sample = supervisor.get("/samples").json()["samples"][0]["id"]
        counts = {}
        for path in (
            f"/recordings/{recording}/marks",
            f"/recordings/{recording}/clips",
            f"/recordings/{recording}/watched",
            f"/items/{item}/reviews",
            "/reviews/queue",
            "/samples",
            f"/samples/{sample}",
        ):
            statements.clear()
            assert people[0].get(path).status == 200
            counts[path.replace(sample, "")] = len(statements)
        return counts

    few = counted()
    for number, person in enumerate(people[1:], 2):
        grow(number, person)
    assert len(people[0].get(f"/recordings/{recording}").json()["segments"]) == 4
    assert counted() == few
