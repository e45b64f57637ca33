"""Searching over HTTP: what is found, for whom, and what stands on record of it."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from evidence.agents import Role
from evidence.jobs import Stage
from evidence.projection import rebuild, refresh_state
from retrieval import search as use_case
from tests.media import ffmpeg
from tests.searching import statements
from tests.serving.client import Answer, Client
from tests.serving.inside import Inside

NOWHERE = "01a20000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Office:
    """A unit of its own with a few recordings, so that no other test's are among them."""

    inside: Inside
    unit: str
    items: dict[str, str]

    def client(self, role: Role) -> Client:
        return self.inside.client(role, self.unit)


@pytest.fixture(scope="module")
def office(inside: Inside) -> Office:
    unit = f"城南二大队-{os.urandom(3).hex()}"
    station = inside.client(Role.STATION, unit)
    times = {"time-start.device-clock": "2026-03-01T08:00:00+08:00"}
    items = {
        "wei": station.kept(
            b"one", "DSJ-7_执法现场.bin", officer="张伟", device="DSJ-7", case="沪公行罚〔2026〕12号",
            category="inspection", **times,
        ),
        "fang": station.kept(b"two", "夜间巡查.bin", officer="王芳", device="DSJ-8", category="penalty"),
        "big": station.kept(b"three", "=cmd|calc.bin", officer="013579", device="DSJ-7"),
    }  # fmt: skip
    return Office(inside, unit, items)


def ask(client: Client, path: str = "/search", **criteria: str) -> Answer:
    """A question; an underscore at the end of a name is left out."""
    named = {name.rstrip("_"): value for name, value in criteria.items()}
    return client.get(f"{path}?{urlencode(named)}")


def found(client: Client, **criteria: str) -> list[str]:
    """The items that are found."""
    answer = ask(client, **criteria)
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.json()["items"]]


def posted(client: Client, path: str, body: Any) -> Answer:
    return client.ask("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("criteria", "names"),
    [
        ({}, ["big", "fang", "wei"]),
        ({"text": "张伟"}, ["wei"]),
        ({"text": "伟"}, ["wei"]),
        ({"text": "二大队"}, ["big", "fang", "wei"]),
        ({"text": "dsj 现场"}, ["wei"]),
        ({"text": "巡查"}, ["fang"]),
        ({"case": "沪公行罚〔2026〕12号"}, ["wei"]),
        ({"officer": "王芳"}, ["fang"]),
        ({"badge": "013579"}, ["big"]),
        ({"device": "dsj-7"}, ["big", "wei"]),
        ({"category": "penalty"}, ["fang"]),
        ({"kind": "video"}, []),
        ({"state": "playable"}, []),
        ({"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, ["wei"]),
        ({"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T01:00:00Z", "clock": "gps"}, []),
        ({"near": "116.4,39.9,1000"}, []),
        ({"device": "DSJ-7", "text": "张"}, ["wei"]),
    ],
)
def test_each_criterion_finds_what_meets_it(
    office: Office, criteria: dict[str, str], names: list[str]
) -> None:
    assert found(office.client(Role.REVIEWER), **criteria) == [office.items[name] for name in names]


def test_what_is_read_out_of_a_recording_is_searched(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=12:duration=2", "-c:v", "libx264"),
        *("-preset", "ultrafast", "-pix_fmt", "yuv420p", "-metadata", "title=庭审录像"),
        *("-metadata", "creation_time=2025-07-01T02:00:00Z", "-metadata", "location=+39.9042+116.4074/"),
        str(path),
    )
    unit = f"{office.unit}-media"
    station = office.inside.client(Role.STATION, unit)
    item = station.kept(path.read_bytes(), "DSJ-A12345_012345_20250701100000_0001.mp4")
    reviewer = office.inside.client(Role.REVIEWER, unit)
    for criteria in (
        {"state": "playable", "kind": "video"},
        {"near": "116.4074,39.9042,20"},
        {"box": "116,39,117,40", "text": "庭审"},
        {"badge": "012345", "device": "dsj-a12345"},
        {"from": "2025-07-01T10:00:01+08:00", "to": "2025-07-01T10:00:01+08:00", "clock": "file-name"},
        {"from": "2025-07-01T02:00:00Z", "to": "2025-07-01T02:00:00Z", "clock": "file"},
    ):
        assert found(reviewer, **criteria) == [item], criteria
    for criteria in (
        {"state": "working"},
        {"near": "116.4174,39.9042,200"},
        {"from": "2025-07-02T02:00:00Z", "clock": "file,file-name"},
    ):
        assert found(reviewer, **criteria) == [], criteria
    # The box of an MP4 is UTC by its format, and a camera may have written its local time all the same.
    answer = ask(reviewer, from_="2025-06-30T18:00:00Z", to="2025-06-30T18:00:01Z").json()
    assert {clock["assumed"] for clock in answer["items"][0]["clocks"]} == {"+08:00"}


def test_work_that_failed_and_is_tried_again_changes_the_state(office: Office) -> None:
    unit = f"{office.unit}-failing"
    item = office.inside.client(Role.STATION, unit).kept(b"nothing that plays")
    reviewer = office.inside.client(Role.REVIEWER, unit)
    assert found(reviewer, state="stored") == [item]
    services = office.inside.services
    # There is no playable copy that could be proven, which is final.
    job = office.inside.do(
        services.catalogue.write(
            lambda tx: tx.jobs.add(Stage.PROVE, item, unit, services.work._clock.now(), again=True)
        )
    )
    office.inside.do(services.work.run(job))
    assert found(reviewer, state="failed") == [item]

    def queue(tx: Any) -> None:
        tx.jobs.retry(job, services.work._clock.now())
        refresh_state(tx, item)

    office.inside.do(services.catalogue.write(queue))
    assert found(reviewer, state="working") == [item]
    office.inside.do(services.work.run(job))
    assert found(reviewer, state="failed") == [item]


def test_the_clock_that_matched_is_named(office: Office) -> None:
    answer = ask(office.client(Role.REVIEWER), from_="2026-03-01T00:00:00Z", to="2026-03-02T00:00:00Z").json()
    (item,) = answer["items"]
    assert item["clocks"] == [
        {
            "clock": "submitted",
            "source": "device-clock",
            "stated": "2026-03-01T08:00:00+08:00",
            "zone": "+08:00",
            "assumed": None,
            "marks": "start",
            "begins": "2026-03-01T00:00:00.000000Z",
            "ends": "2026-03-01T00:00:00.000000Z",
        }
    ]


def test_each_search_shown_is_one_event_that_names_every_item_and_the_query(office: Office) -> None:
    reviewer = office.inside.another(Role.REVIEWER, office.unit)
    before = len(office.inside.events("list.shown"))
    assert len(found(reviewer, device="dsj-7")) == 2
    ask(reviewer, "/search/facets", device="dsj-7")
    ask(reviewer, "/search/suggest", text="张")
    pages, counts, suggested = office.inside.events("list.shown")[before:]
    assert pages["detail"] == {"of": "search", "query": {"device": "DSJ-7"}}
    assert {one["id"] for one in pages["subjects"]} == {office.items["wei"], office.items["big"]}
    assert counts["detail"] == {"of": "counts", "query": {"device": "DSJ-7"}}
    assert suggested["detail"] == {"of": "suggestions", "beginning": "张"}


def test_pages_follow_each_other_and_belong_to_their_question(office: Office) -> None:
    reviewer = office.client(Role.REVIEWER)
    first = ask(reviewer, limit="2").json()
    second = ask(reviewer, limit="2", cursor=first["next"]).json()
    assert [item["id"] for item in first["items"] + second["items"]] == found(reviewer)
    assert second["next"] is None
    others = [
        ask(reviewer, limit="2", cursor=first["next"], officer="王芳"),
        ask(reviewer, cursor="AAAA"),
        ask(office.inside.another(Role.REVIEWER, office.unit), cursor=first["next"]),
    ]
    assert [(other.status, other.code) for other in others] == [(400, "bad-cursor")] * 3


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ({"colour": "red"}, "unknown-criterion"),
        ({"limit": "0"}, "bad-limit"),
        ({"limit": "201"}, "bad-limit"),
        ({"limit": "many"}, "bad-limit"),
        ({"state": "gone"}, "bad-state"),
    ],
)
def test_what_cannot_be_asked_is_refused(office: Office, criteria: dict[str, str], code: str) -> None:
    answer = ask(office.client(Role.REVIEWER), **criteria)
    assert (answer.status, answer.code) == (400, code)


def test_a_criterion_given_twice_is_refused(office: Office) -> None:
    answer = office.client(Role.REVIEWER).get("/search?kind=video&kind=audio")
    assert (answer.status, answer.code) == (400, "given-twice")


def test_counts_are_of_what_may_be_seen(office: Office) -> None:
    counted = ask(office.client(Role.REVIEWER), "/search/facets").json()
    assert counted["total"] == 3
    assert counted["unit"] == [{"value": office.unit, "count": 3}]
    assert counted["device"] == [{"value": "DSJ-7", "count": 2}, {"value": "DSJ-8", "count": 1}]
    assert {one["value"] for one in counted["officer"]} == {"013579", "张伟", "王芳"}
    assert ask(office.client(Role.REVIEWER), "/search/suggest", text="张").json()["officer"] == ["张伟"]
    for stranger in (office.inside.client(Role.REVIEWER, "nobody's"), office.client(Role.OFFICER)):
        assert ask(stranger, "/search/facets").json()["total"] == 0
        assert ask(stranger, "/search/suggest", text="张").json()["officer"] == []
        assert found(stranger, text="张伟") == []


@pytest.mark.parametrize("path", ["/search", "/search/facets", "/search/suggest?text=a", "/searches"])
def test_who_sees_no_items_searches_none(office: Office, path: str) -> None:
    assert office.client(Role.AUDITOR).get(path).status == 404
    assert Client(office.inside.url).get(path).status == 401


def test_suggestions_need_a_beginning(office: Office) -> None:
    for text in ("", " ", "x" * 65):
        assert ask(office.client(Role.REVIEWER), "/search/suggest", text=text).code == "bad-beginning"


def test_a_list_as_a_file_opens_in_a_spreadsheet_and_is_on_record(office: Office) -> None:
    reviewer = office.client(Role.REVIEWER)
    before = len(office.inside.events("list.exported"))
    answer = posted(reviewer, "/search/csv", {"query": {"text": "二大队"}})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.body.startswith(b"\xef\xbb\xbf")
    rows = [*csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig")))]
    assert [row["item"] for row in rows] == found(reviewer)
    assert [row["filename"] for row in rows] == ["'=cmd|calc.bin", "夜间巡查.bin", "DSJ-7_执法现场.bin"]
    (event,) = office.inside.events("list.exported")[before:]
    assert event["detail"] == {"of": "search", "query": {"text": "二大队"}, "first_row": 1}
    assert {one["id"] for one in event["subjects"]} == set(office.items.values())
    assert event["premis"] == "dissemination"


def test_a_long_list_is_several_events_and_too_long_a_one_is_refused(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewer = office.client(Role.REVIEWER)
    before = len(office.inside.events("list.exported"))
    monkeypatch.setattr(use_case, "_ROWS_AN_EVENT", 2)
    answer = posted(reviewer, "/search/csv", {"query": {"text": "二大队"}})
    assert len(answer.body.splitlines()) == 4
    events = office.inside.events("list.exported")[before:]
    assert [(event["detail"]["first_row"], len(event["subjects"])) for event in events] == [(1, 2), (3, 1)]
    monkeypatch.setattr(use_case, "MOST_EXPORTED", 2)
    refused = posted(reviewer, "/search/csv", {"query": {"text": "二大队"}})
    assert (refused.status, refused.code) == (413, "too-many-rows")
    assert len(office.inside.events("list.exported")) == before + 2


def test_a_file_of_nothing_is_on_record_too(office: Office) -> None:
    before = len(office.inside.events("list.exported"))
    answer = posted(office.client(Role.REVIEWER), "/search/csv", {"query": {"text": "无此"}})
    assert len(answer.body.splitlines()) == 1
    assert [event["subjects"] for event in office.inside.events("list.exported")[before:]] == [[]]


def test_searches_are_kept_and_dropped_by_their_owner(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = (office.inside.another(Role.REVIEWER, office.unit) for _ in range(2))
    wanted = {"name": "张伟的夜班", "query": {"officer": "张伟", "from": "2026-03-01T00:00:00+08:00"}}
    saved = posted(mine, "/searches", wanted)
    assert saved.status == 201
    kept = mine.get("/searches").json()["searches"]
    assert kept == [saved.json()]
    assert kept[0]["query"] == {"officer": "张伟", "from": "2026-02-28T16:00:00.000000Z"}
    assert found(mine, **kept[0]["query"]) == [office.items["wei"]]
    assert other.get("/searches").json()["searches"] == []
    assert other.ask("DELETE", f"/searches/{kept[0]['id']}").status == 404
    assert mine.ask("DELETE", "/searches/none").status == 404
    monkeypatch.setattr(use_case, "MOST_SAVED", 1)
    assert posted(mine, "/searches", {**wanted, "query": {}}).status == 201
    assert posted(mine, "/searches", {**wanted, "name": "another"}).code == "too-many-saved"
    assert posted(mine, "/searches", {**wanted, "query": {"state": "gone"}}).code == "bad-state"
    assert posted(mine, "/searches", {**wanted, "name": " "}).code == "bad-body"
    (again,) = mine.get("/searches").json()["searches"]
    assert mine.ask("DELETE", f"/searches/{again['id']}").status == 204
    assert mine.ask("DELETE", f"/searches/{again['id']}").status == 404


def test_what_is_kept_is_what_a_rebuild_makes(office: Office) -> None:
    def both(tx: Any) -> tuple[Any, Any]:
        ids = list(office.items.values())
        kept = [tx.search.entry(item) for item in ids]
        for item in ids:
            tx.search.drop(item)
        last, count = None, 1
        while count:
            last, count = rebuild(tx, last, 100)
        return kept, [tx.search.entry(item) for item in ids]

    kept, rebuilt = office.inside.do(office.inside.services.catalogue.write(both))
    assert None not in kept
    assert rebuilt == kept


def test_a_page_costs_as_many_statements_for_many_rows_as_for_one(office: Office) -> None:
    reviewer = office.client(Role.REVIEWER)
    engine = office.inside.services.catalogue._readers

    def cost(path: str, reviewer: Client = reviewer) -> int:
        counted = []
        for _ in range(3):
            with statements(engine) as seen:
                assert reviewer.get(path).status == 200
            counted.append(sum(statement.lstrip().startswith("SELECT") for statement, _ in seen))
        # The server's own upkeep asks too, now and then.
        return min(counted)

    assert cost("/search?limit=1") == cost("/search?limit=3") > 0
    one = urlencode({"officer": "王芳"})
    assert cost(f"/search?{one}") == cost("/search?device=DSJ-7")
    lonely = f"{office.unit}-alone"
    office.inside.client(Role.STATION, lonely).kept(b"alone")
    assert cost("/items", office.inside.client(Role.REVIEWER, lonely)) == cost("/items") > 0
