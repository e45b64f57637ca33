"""Cases, what is linked to them, and who may see them: as somebody with a browser's requests meets them."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from evidence.agents import Role
from tests.serving.client import Client
from tests.serving.inside import Inside


def photo() -> bytes:
    """A small photo, another one each time."""
    file = io.BytesIO()
    Image.frombytes("RGB", (16, 16), os.urandom(768)).save(file, "PNG")
    return file.getvalue()


def number() -> str:
    """A case number that nobody else has."""
    return f"西公（治）行罚〔2026〕{os.urandom(4).hex()}号"


def opened(client: Client, named: str | None = None) -> str:
    answer = client.post("/cases", {"number": named or number(), "category": "penalty"})
    assert answer.status == 201, answer.body
    case: str = answer.json()["id"]
    return case


def linked(client: Client, case: str) -> dict[str, str]:
    """Each item of a case with how it came there, withdrawn links left out."""
    found = client.get(f"/cases/{case}").json()["links"]
    return {link["item"]: link["origin"] for link in found if link["withdrawn_at"] is None}


def inbox(client: Client) -> dict[str, Any]:
    """Everything without a case that the client may see."""
    found: dict[str, Any] = {}
    page = client.get("/inbox").json()
    while True:
        found |= {one["item"]: one for one in page["items"]}
        if page["next"] is None:
            return found
        page = client.get(f"/inbox?before={page['next']}").json()


def test_what_names_a_case_belongs_to_it_whichever_comes_first(bureau: Inside) -> None:
    officer, supervisor = bureau.client(Role.OFFICER), bureau.client(Role.SUPERVISOR)
    first, later = number(), number()
    case = opened(supervisor, first)
    item = officer.kept(photo(), "a.png", case=first)
    assert linked(supervisor, case) == {item: "upload"}
    assert [one["number"] for one in supervisor.get(f"/items/{item}").json()["cases"]] == [first]
    waits = officer.kept(photo(), "b.png", case=later)
    assert inbox(supervisor)[waits]["named"] == later
    assert linked(supervisor, opened(supervisor, later)) == {waits: "upload"}
    assert waits not in inbox(supervisor)


def test_another_units_number_is_another_case(bureau: Inside) -> None:
    same = number()
    south = opened(bureau.client(Role.SUPERVISOR, "south"), same)
    item = bureau.client(Role.OFFICER).kept(photo(), "a.png", case=same)
    assert linked(bureau.client(Role.SUPERVISOR, "south"), south) == {}
    assert item in inbox(bureau.client(Role.SUPERVISOR))
    assert bureau.client(Role.SUPERVISOR).post("/cases", {"number": same}).status == 201
    again = bureau.client(Role.SUPERVISOR).post("/cases", {"number": same})
    assert (again.status, again.code) == (409, "case-exists")


def test_many_are_linked_at_once_and_looked_at_before(bureau: Inside) -> None:
    supervisor = bureau.client(Role.SUPERVISOR)
    mine = [bureau.client(Role.OFFICER).kept(photo(), f"{n}.png") for n in range(3)]
    theirs = bureau.client(Role.OFFICER, "south").kept(photo(), "c.png")
    case = opened(supervisor)
    supervisor.post(f"/cases/{case}/links", {"items": [mine[0]]})
    wanted = {"items": [*mine, theirs, "not-an-item"]}
    expected = ["already-linked", "linked", "linked", "not-found", "not-found"]
    for preview in (True, True, False):
        answer = supervisor.post(f"/cases/{case}/links", {**wanted, "preview": preview}).json()
        assert answer["preview"] is preview
        assert [one["fate"] for one in answer["items"]] == expected
        assert set(linked(supervisor, case)) == (set(mine[:1]) if preview else set(mine))
    events = [event for event in bureau.events("link.made") if event["detail"]["origin"] == "hand"]
    assert set(mine) <= {one["id"] for event in events for one in event["subjects"]}
    for items in ([], ["x"] * 501):
        assert supervisor.post(f"/cases/{case}/links", {"items": items}).code == "bad-body"


def test_a_link_is_withdrawn_with_a_reason_and_stays_in_sight(bureau: Inside) -> None:
    supervisor = bureau.client(Role.SUPERVISOR)
    item = bureau.client(Role.OFFICER).kept(photo(), "a.png")
    case = opened(supervisor)
    supervisor.post(f"/cases/{case}/links", {"items": [item]})
    (link,) = supervisor.get(f"/cases/{case}").json()["links"]
    assert supervisor.post(f"/links/{link['id']}/withdrawal", {"reason": "  "}).code == "reason-needed"
    assert bureau.client(Role.REVIEWER).post(f"/links/{link['id']}/withdrawal", {"reason": "x"}).status == 404
    assert supervisor.post(f"/links/{link['id']}/withdrawal", {"reason": "另案"}).status == 204
    again = supervisor.post(f"/links/{link['id']}/withdrawal", {"reason": "另案"})
    assert (again.status, again.code) == (409, "already-withdrawn")
    (left,) = supervisor.get(f"/cases/{case}").json()["links"]
    assert left["withdrawn_for"] == "另案"
    assert item in inbox(supervisor)
    kinds = [event["type"] for event in supervisor.history(item)]
    assert kinds.count("link.made") == kinds.count("link.withdrawn") == 1


def test_a_joined_case_hands_on_what_it_has_and_what_comes(bureau: Inside) -> None:
    supervisor, officer = bureau.client(Role.SUPERVISOR), bureau.client(Role.OFFICER)
    old, new = number(), number()
    first, into = opened(supervisor, old), opened(supervisor, new)
    before = officer.kept(photo(), "a.png", case=old)
    both = officer.kept(photo(), "b.png", case=new)
    supervisor.post(f"/cases/{first}/links", {"items": [both]})
    itself = supervisor.post(f"/cases/{first}/join", {"into": first, "reason": "x"})
    assert (itself.status, itself.code) == (400, "joined-to-itself")
    joined = supervisor.post(f"/cases/{first}/join", {"into": into, "reason": "同一嫌疑人"})
    assert (joined.status, joined.json()["state"]) == (200, "joined")
    after = officer.kept(photo(), "c.png", case=old)
    assert linked(supervisor, into) == {before: "joined", both: "upload", after: "upload"}
    assert set(linked(supervisor, first)) == {before, both}
    assert supervisor.get(f"/cases/{first}").json()["joined_into"] == new
    refused = supervisor.post(f"/cases/{first}/links", {"items": [after]})
    assert (refused.status, refused.code) == (409, "settled-case")
    back = supervisor.post(f"/cases/{into}/join", {"into": first, "reason": "x"})
    assert (back.status, back.code) == (409, "settled-case")


def test_a_case_goes_its_way_and_no_other(bureau: Inside) -> None:
    supervisor = bureau.client(Role.SUPERVISOR)
    case = opened(supervisor)

    def move(state: str, client: Client = supervisor) -> tuple[int, str]:
        answer = client.post(f"/cases/{case}/state", {"state": state, "about": "依法"})
        return answer.status, answer.json().get("state") or answer.code

    assert move("archived") == (409, "no-such-step")
    assert move("joined") == (400, "joined-into-what")
    assert [move(state) for state in ("filed", "closed", "filed", "closed")] == [
        (200, "filed"), (200, "closed"), (200, "filed"), (200, "closed"),
    ]  # fmt: skip
    assert move("archived", bureau.client(Role.REVIEWER)) == (404, "not-found")
    assert move("archived", bureau.client(Role.ARCHIVIST)) == (200, "archived")
    assert move("filed") == (409, "no-such-step")
    assert supervisor.post(f"/cases/{case}/detail", {"title": "t"}, "PUT").code == "settled-case"
    moves = [event for event in bureau.events("case.moved") if event["subjects"][0]["id"] == case]
    assert [event["detail"]["to"] for event in moves] == ["filed", "closed", "filed", "closed", "archived"]
    detail = {"title": "盗窃", "parties": ["张伟"], "place": "人民路", "fields": {"警情": "7"}}
    other = opened(supervisor)
    assert supervisor.post(f"/cases/{other}/detail", detail, "PUT").json()["detail"] == detail
    (event,) = [one for one in bureau.events("case.described") if one["subjects"][0]["id"] == other]
    assert event["detail"]["is"] == detail


def test_an_officer_works_on_own_cases_and_on_those_assigned(bureau: Inside) -> None:
    officer, colleague = bureau.another(Role.OFFICER), bureau.another(Role.OFFICER)
    supervisor = bureau.client(Role.SUPERVISOR)
    own, item = opened(officer), colleague.kept(photo(), "a.png")
    assert {case["id"] for case in officer.get("/cases").json()["cases"]} == {own}
    assert colleague.get(f"/cases/{own}").status == 404
    username = colleague.get("/session").json()["username"]
    assert supervisor.post(f"/cases/{own}/people", {"username": "nobody"}).code == "no-such-user"
    assert officer.post(f"/cases/{own}/people", {"username": username}).status == 404
    assert supervisor.post(f"/cases/{own}/people", {"username": username}).status == 204
    assert colleague.post(f"/cases/{own}/links", {"items": [item]}).json()["items"][0]["fate"] == "linked"
    # Whoever opened the case sees what somebody else has linked to it.
    assert officer.get(f"/items/{item}").status == 200
    assert linked(officer, own) == linked(colleague, own) == {item: "hand"}
    assert supervisor.ask("DELETE", f"/cases/{own}/people/{username}").status == 204
    assert colleague.get(f"/cases/{own}").status == 404
    assert colleague.get("/items?mine=true").json()["items"][0]["id"] == item
    assert supervisor.get("/items?mine=true").json()["items"] == []
    assert supervisor.get("/items?mine=perhaps").code == "bad-mine"


def test_what_is_sealed_is_nowhere_for_whoever_is_not_named(bureau: Inside, clip: Path) -> None:
    supervisor, named = bureau.client(Role.SUPERVISOR), bureau.another(Role.SUPERVISOR)
    officer = bureau.another(Role.OFFICER)
    username = named.get("/session").json()["username"]
    case = opened(supervisor)
    item = officer.kept(clip.read_bytes() + os.urandom(8), "clip.mp4")
    supervisor.post(f"/cases/{case}/links", {"items": [item]})
    seal = {"restriction": "sealed", "named": [username], "reason": "内部调查"}
    for wrong, code in (
        ({**seal, "named": []}, "nobody-named"),
        ({**seal, "restriction": "restricted"}, "needless-names"),
        ({**seal, "named": ["nobody"]}, "no-such-user"),
        ({**seal, "reason": " "}, "reason-needed"),
    ):
        assert supervisor.post(f"/cases/{case}/restriction", wrong).code == code
    assert supervisor.post(f"/cases/{case}/restriction", seal).status == 204

    def places(client: Client) -> list[bool]:
        return [
            client.get(f"/items/{item}").status == 200,
            client.get(f"/items/{item}/history").status == 200,
            client.get(f"/items/{item}/copies").status == 200,
            client.get(f"/cases/{case}").status == 200,
            item in {one["id"] for one in client.get("/items").json()["items"]},
            item in {job["subject"] for job in client.get("/jobs").json()["jobs"]},
            case in {one["id"] for one in client.get("/cases").json()["cases"]},
        ]

    assert places(named) == [True] * 7
    assert places(supervisor) == [False] * 7
    assert bureau.client(Role.REVIEWER).get(f"/items/{item}/playable.mp4").status == 404
    assert officer.get(f"/items/{item}").status == 404
    # Named, one may look, and says what for.
    assert named.get(f"/items/{item}/playable.mp4").code == "purpose-needed"
    assert named.get(f"/items/{item}/playable.mp4", X_Purpose="complaint").status == 200
    opening = {"restriction": "none", "reason": "结束"}
    assert supervisor.post(f"/cases/{case}/restriction", opening).status == 404
    (link,) = named.get(f"/cases/{case}").json()["links"]
    away = {"reason": "out of sight"}
    assert bureau.client(Role.ARCHIVIST).post(f"/links/{link['id']}/withdrawal", away).status == 404
    assert named.post(f"/cases/{case}/restriction", opening).status == 204
    assert places(supervisor) == [True] * 7


def test_what_is_restricted_asks_what_one_looks_for(bureau: Inside, clip: Path) -> None:
    supervisor, reviewer = bureau.client(Role.SUPERVISOR), bureau.another(Role.REVIEWER)
    item = bureau.client(Role.OFFICER).kept(clip.read_bytes() + os.urandom(8), "clip.mp4")
    close = {"restriction": "restricted", "reason": "未成年人"}
    assert supervisor.post(f"/items/{item}/restriction", close).status == 204
    shown = reviewer.get(f"/items/{item}").json()
    assert shown["restriction"] == "restricted"
    for name in ("playlist.m3u8", "playable.mp4", "original", "poster.jpg"):
        refused = reviewer.get(f"/items/{item}/{name}")
        assert (refused.status, refused.code) == (403, "purpose-needed")
    already = len(bureau.events("viewing.opened"))
    assert reviewer.get(f"/items/{item}/poster.jpg", X_Purpose="header").status == 200
    assert reviewer.post(f"/items/{item}/purpose", {"purpose": " "}).code == "purpose-needed"
    assert reviewer.post(f"/items/{item}/purpose", {"purpose": "复核"}).status == 201
    assert reviewer.get(f"/items/{item}/playlist.m3u8").status == 200
    assert reviewer.get(f"/items/{item}/playable.mp4", Range="bytes=0-9").status == 206
    viewings = [event["detail"]["purpose"] for event in bureau.events("viewing.opened")[already:]]
    assert viewings == ["header", "复核"]
    another = bureau.another(Role.REVIEWER)
    assert another.get(f"/items/{item}/playlist.m3u8").status == 403
    assert bureau.client(Role.REVIEWER, "south").get(f"/items/{item}/playlist.m3u8").status == 404


def test_a_share_shows_one_thing_to_one_person_until_a_day(bureau: Inside, clip: Path) -> None:
    supervisor, guest = bureau.client(Role.SUPERVISOR), bureau.another(Role.REVIEWER, "south")
    username = guest.get("/session").json()["username"]
    item = bureau.client(Role.OFFICER).kept(clip.read_bytes() + os.urandom(8), "clip.mp4")
    until = datetime.now(UTC) + timedelta(days=30)
    wanted = {"username": username, "until": until.isoformat(), "reason": "协查"}
    for days in (-1, 400):
        bad = {**wanted, "until": (datetime.now(UTC) + timedelta(days=days)).isoformat()}
        assert supervisor.post(f"/items/{item}/shares", bad).code == "bad-until"
    assert guest.get(f"/items/{item}").status == 404
    given = supervisor.post(f"/items/{item}/shares", wanted)
    assert given.status == 201
    assert guest.get(f"/items/{item}").status == 200
    assert guest.get(f"/items/{item}/playlist.m3u8").status == 200
    assert guest.get(f"/items/{item}/original").status == 404
    assert item in {one["id"] for one in guest.get("/items").json()["items"]}
    assert guest.ask("DELETE", f"/shares/{given.json()['id']}").status == 404
    assert supervisor.ask("DELETE", f"/shares/{given.json()['id']}").status == 204
    assert guest.get(f"/items/{item}").status == 404
    assert supervisor.ask("DELETE", f"/shares/{given.json()['id']}").status == 404


def test_an_item_is_found_by_the_cases_that_it_is_linked_to(bureau: Inside) -> None:
    supervisor = bureau.client(Role.SUPERVISOR)
    named, party = number(), f"张{os.urandom(3).hex()}"
    item = bureau.client(Role.OFFICER).kept(photo(), "a.png")

    def found() -> list[int]:
        questions = (f"case={quote(named)}", f"text={quote(party)}")
        pages = [supervisor.get(f"/search?{one}").json() for one in questions]
        assert all({one["id"] for one in page["items"]} <= {item} for page in pages)
        return [len(page["items"]) for page in pages]

    case = opened(supervisor, named)
    supervisor.post(f"/cases/{case}/links", {"items": [item]})
    assert found() == [1, 0]
    supervisor.post(f"/cases/{case}/detail", {"parties": [party]}, "PUT")
    assert found() == [1, 1]
    restriction = {"restriction": "restricted", "reason": "r"}
    supervisor.post(f"/cases/{case}/restriction", restriction)
    assert found() == [1, 0]
    supervisor.post(f"/cases/{case}/restriction", {**restriction, "restriction": "none"})
    (link,) = supervisor.get(f"/cases/{case}").json()["links"]
    supervisor.post(f"/links/{link['id']}/withdrawal", {"reason": "另案"})
    assert found() == [0, 0]


def test_a_unit_above_sees_what_lies_below(bureau: Inside) -> None:
    top = bureau.client(Role.SUPERVISOR, "bureau")
    item = bureau.client(Role.OFFICER, "squad").kept(photo(), "a.png")
    case = opened(bureau.client(Role.SUPERVISOR, "squad"))
    assert top.get(f"/items/{item}").status == top.get(f"/cases/{case}").status == 404
    rights = bureau.services.rights
    bureau.do(rights.place_unit(None, "squad", "brigade"))
    bureau.do(rights.place_unit(None, "brigade", "bureau"))
    assert top.get(f"/items/{item}").status == top.get(f"/cases/{case}").status == 200
    assert item in inbox(top)
    assert opened(top)
    below = top.post("/cases", {"number": number(), "unit": "squad"})
    assert (below.status, below.json()["unit"]) == (201, "squad")
    assert (
        bureau.client(Role.SUPERVISOR, "squad").post("/cases", {"number": number(), "unit": "bureau"}).status
        == 404
    )
    assert bureau.client(Role.SUPERVISOR, "squad").get("/items").status == 200


def test_what_a_station_sends_for_an_officer_is_that_officers(bureau: Inside) -> None:
    station, officer = bureau.client(Role.STATION), bureau.another(Role.OFFICER)
    name = officer.get("/session").json()["username"]
    item = station.kept(photo(), "a.png", officer=f" {name} ")
    assert [one["id"] for one in officer.get("/items?mine=true").json()["items"]] == [item]
    assert officer.get("/figures?by=kind").json()["total"]["items"] == 1
    assert [one["id"] for one in officer.get("/search?text=a.png").json()["items"]] == [item]
    case = opened(officer)
    assert officer.post(f"/cases/{case}/links", {"items": [item]}).json()["items"][0]["fate"] == "linked"
    assert officer.get(f"/items/{item}/original").status == 404
    (event,) = [event for event in bureau.events("item.ingested") if item in str(event["subjects"])]
    assert event["agent"] == station.get("/session").json()["id"]


def test_nobody_elses_word_makes_something_an_officers(bureau: Inside) -> None:
    officer, colleague = bureau.another(Role.OFFICER), bureau.another(Role.OFFICER)
    elsewhere = bureau.another(Role.OFFICER, "south")
    reviewer = bureau.client(Role.REVIEWER)
    names = [one.get("/session").json()["username"] for one in (officer, elsewhere, reviewer)]
    colleague.kept(photo(), "a.png", officer=names[0])
    for name in (names[1], names[2], "nobody", ""):
        bureau.client(Role.STATION).kept(photo(), "b.png", officer=name or "-")
    for client in (officer, elsewhere):
        assert client.get("/items?mine=true").json()["items"] == []
    bureau.do(bureau.services.rights.place_unit(None, "southern-post", "south"))
    below = bureau.another(Role.OFFICER, "southern-post")
    above = bureau.client(Role.STATION, "south")
    item = above.kept(photo(), "c.png", officer=below.get("/session").json()["username"])
    assert [one["id"] for one in below.get("/items?mine=true").json()["items"]] == [item]
