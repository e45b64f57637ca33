"""Disposal 销毁: proposed by one, approved by two others, carried out by trusted time, proven afterwards."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from evidence.agents import Role
from evidence.errors import Conflict
from evidence.keys import certificate_key
from tests.fault.scenario import Shift
from tests.integration.api.test_cases import number, opened
from tests.offices import Office
from tests.serving.client import Client, statement
from tests.serving.waiting import eventually


def test_the_whole_way(office: Office) -> None:
    server, (item, other, _) = office.server, office.items
    supervisor, archivist = server.client(Role.SUPERVISOR), server.client(Role.ARCHIVIST)
    case = opened(supervisor, number())
    supervisor.post(f"/cases/{case}/links", {"items": [other]})
    before = supervisor.get("/search").json()
    figures = supervisor.get("/figures?by=kind").json()
    assert supervisor.get(f"/items/{item}/original").status == 200
    eventually(lambda: "busy" not in office.fates(*office.items), "the viewing is closed")
    due = archivist.get("/disposals/due").json()["items"]
    assert {one["item"]: one["fate"] for one in due} == dict.fromkeys(office.items, "due")
    whole = office.files()
    proposal = office.approved(item)
    assert office.fates(item, other, "0" * 36) == ["proposed-already", "due", "not-found"]
    assert supervisor.get(f"/disposals/{proposal}/certificate").code == "not-yet"
    carried = office.run(proposal)
    assert (carried.disposed, carried.spared, carried.done) == (1, 0, True)

    gone = supervisor.get(f"/items/{item}")
    assert (gone.status, gone.code) == (410, "disposed")
    assert proposal in gone.json()["detail"]
    for path in ("original", "playlist.m3u8", "particulars", "holds", "copies", "recording"):
        assert supervisor.get(f"/items/{item}/{path}").status in (404, 410), path
    assert supervisor.get(f"/items/{item}/original").code == "disposed"
    assert server.client(Role.SUPERVISOR, "south").get(f"/items/{item}").code == "not-found"
    assert item not in [one["id"] for one in supervisor.get("/items").json()["items"]]
    assert item not in [one["item"] for one in supervisor.get("/inbox").json()["items"]]
    after = supervisor.get("/search").json()
    assert len(after["items"]) == len(before["items"]) - 1
    assert supervisor.get("/figures?by=kind").json() == figures
    assert not [one for one in office.files() if item in one]
    assert [one for one in office.files() if other in one]
    assert supervisor.post(f"/cases/{case}/links", {"items": [item]}).json()["items"] == [
        {"item": item, "fate": "disposed"}
    ]
    assert "item.disposed" in [event["type"] for event in supervisor.history(item)]
    assert office.fates(item) == ["disposed"]
    (shown,) = archivist.get("/disposals").json()["disposals"]
    assert (shown["id"], shown["state"], len(shown["approvals"])) == (proposal, "carried-out", 2)

    certificate = supervisor.get(f"/disposals/{proposal}/certificate").body.decode()
    said = statement(certificate)
    (entry,) = said["items"]
    assert entry["id"] == item
    assert sorted(entry["keys"]) == [one for one in whole if item in one]
    assert entry["keys"][-1].endswith("/manifest.json")
    assert entry["keys"][0].startswith("renditions/")
    (copy,) = entry["copies"]
    assert (copy["kind"], copy["bytes"]) == ("original", entry["size"])
    assert said["checked"]["found"] == 0
    assert said["spared"] == []
    stored = (server.data / "store" / "objects" / certificate_key(proposal)).read_text()
    assert stored == certificate
    (event,) = server.events("item.disposed")
    assert event["id"] == entry["event"]
    assert event["premis"] == "deletion"
    assert len(server.events("disposal.certified")) == 1
    with pytest.raises(Conflict):
        office.run(proposal)


def test_a_case_says_what_of_it_was_disposed_of(office: Office) -> None:
    server, (item, other, _) = office.server, office.items
    supervisor = server.client(Role.SUPERVISOR)
    case = opened(supervisor, number())
    supervisor.post(f"/cases/{case}/links", {"items": [item, other]})
    wanted = {"maker": "m", "proves": "要点"}
    assert supervisor.post(f"/items/{item}/particulars", wanted, "PUT").status == 200
    assert supervisor.get(f"/search?text={quote('要点')}").json()["items"]
    assert office.fates(item) == ["due"]
    proposal = office.approved(item)
    office.run(proposal)
    links = {one["item"]: one for one in supervisor.get(f"/cases/{case}").json()["links"]}
    assert (links[item]["disposal"], links[other]["disposal"]) == (proposal, None)
    assert links[item]["disposed_at"] is not None
    assert supervisor.get(f"/search?text={quote('要点')}").json()["items"] == []
    assert office.row("SELECT count(*) FROM particulars") == [(0,)]
    for table in ("descriptions", "renditions", "search_rows", "jobs"):
        column = "subject" if table == "jobs" else "item_id"
        query = f"SELECT count(*) > 0 FROM {table} WHERE {column} = ?"
        assert (office.row(query, item), office.row(query, other)) == ([(0,)], [(1,)]), table
    # A hold on the case is on what is there.
    hold = {"reason": "r", "authority": "a"}
    assert server.client(Role.LEGAL_REVIEWER).post(f"/cases/{case}/holds", hold).status == 201
    held = office.row("SELECT id FROM items WHERE held")
    assert held == [(other,)]
    assert server.do(server.services.catalogue.read(lambda tx: tx.figures.difference())) == 0


def test_two_others_approve_and_a_refusal_ends_it(office: Office) -> None:
    server = office.server
    proposer, other = server.client(Role.SUPERVISOR), server.another(Role.SUPERVISOR)
    proposal = proposer.post("/disposals", {"items": office.items, "reason": "到期"}).json()["disposal"]["id"]

    def ask(client: Client, what: str = "approval", body: object = None) -> tuple[int, str]:
        answer = client.post(f"/disposals/{proposal}/{what}", body or {})
        return answer.status, answer.json().get("state", answer.json().get("code"))

    assert ask(proposer) == (409, "own-proposal")
    assert ask(server.client(Role.ARCHIVIST)) == (404, "not-found")
    assert ask(server.client(Role.SUPERVISOR, "south")) == (404, "not-found")
    assert ask(other) == (200, "proposed")
    assert ask(other) == (409, "approved-already")
    with pytest.raises(Conflict) as error:
        office.run(proposal)
    assert error.value.code == "not-approved"
    assert ask(server.client(Role.LEGAL_REVIEWER)) == (200, "approved")
    assert ask(server.another(Role.LEGAL_REVIEWER)) == (409, "not-open")
    assert ask(server.client(Role.ARCHIVIST), "refusal", {"reason": "另案"}) == (404, "not-found")
    assert ask(other, "refusal", {"reason": " "}) == (400, "reason-needed")
    assert ask(proposer, "refusal", {"reason": "另案"}) == (200, "refused")
    with pytest.raises(Conflict):
        office.run(proposal)
    assert office.fates(*office.items) == ["due"] * 3
    assert len(office.files()) >= 6


def test_a_hold_wins_until_the_tombstone(office: Office) -> None:
    server, (item, other, third) = office.server, office.items
    legal = server.client(Role.LEGAL_REVIEWER)
    wanted = {"reason": "行政诉讼", "authority": "区法院"}
    hold = legal.post(f"/items/{item}/holds", wanted).json()["id"]
    assert office.fates(item, other) == ["held", "due"]
    judged = server.client(Role.ARCHIVIST).post("/disposals", {"items": [item], "reason": "r"})
    assert (judged.status, judged.json()["disposal"]) == (200, None)
    assert legal.post(f"/holds/{hold}/lifting", {"reason": "判决生效"}).status == 204
    proposal = office.proposed(item, other, third)
    assert server.client(Role.SUPERVISOR).ask("POST", f"/disposals/{proposal}/approval").status == 200
    hold = legal.post(f"/items/{other}/holds", wanted).json()["id"]
    assert legal.ask("POST", f"/disposals/{proposal}/approval").code == "not-due"
    legal.post(f"/holds/{hold}/lifting", {"reason": "r"})
    assert legal.ask("POST", f"/disposals/{proposal}/approval").status == 200
    legal.post(f"/items/{third}/holds", wanted)
    carried = office.run(proposal)
    assert (carried.disposed, carried.spared, carried.done) == (2, 1, True)
    shown = server.client(Role.SUPERVISOR).get(f"/disposals/{proposal}").json()["outcomes"]
    assert {one["item"]: one["spared"] for one in shown} == {item: None, other: None, third: "held"}
    assert server.client(Role.SUPERVISOR).get(f"/items/{third}/original").status == 200
    certificate = server.client(Role.SUPERVISOR).get(f"/disposals/{proposal}/certificate").body.decode()
    assert statement(certificate)["spared"] == [{"id": third, "fate": "held"}]


def test_a_unit_is_told_once_a_week_what_falls_due(office: Office) -> None:
    server, disposal = office.server, office.server.services.disposal
    assert server.do(disposal.give_notice()) == 1
    assert server.do(disposal.give_notice()) == 0
    Shift.forward = timedelta(days=8)
    server._made.clear()
    assert server.do(disposal.give_notice()) == 1
    newest, oldest = server.client(Role.SUPERVISOR).get("/disposals/notices").json()["notices"]
    assert sorted(newest["items"]) == sorted(oldest["items"]) == sorted(office.items)
    assert newest["unit"] == "north"
    assert server.client(Role.SUPERVISOR, "south").get("/disposals/notices").json() == {"notices": []}
    assert server.client(Role.OFFICER).get("/disposals/notices").status == 404
    assert len(server.events("disposal.noticed")) == 2


def test_what_is_sealed_is_disposed_of_by_people_named_on_it(office: Office) -> None:
    server, (item, other, _) = office.server, office.items
    supervisor, archivist = server.client(Role.SUPERVISOR), server.client(Role.ARCHIVIST)
    named = archivist.get("/session").json()["username"]
    both = office.proposed(item, other)
    sealing = {"restriction": "sealed", "named": [named], "reason": "r"}
    assert supervisor.post(f"/items/{item}/restriction", sealing).status == 204
    for answer in (
        supervisor.get(f"/disposals/{both}"),
        supervisor.ask("POST", f"/disposals/{both}/approval"),
        supervisor.post(f"/disposals/{both}/refusal", {"reason": "r"}),
    ):
        assert answer.code == "not-found"
    assert supervisor.get("/disposals").json()["disposals"] == []
    assert archivist.get(f"/disposals/{both}").status == 200
    judged = supervisor.post("/disposals", {"items": [item], "reason": "r", "preview": True}).json()
    assert judged["items"] == [{"item": item, "fate": "not-found"}]
    assert item not in [one["item"] for one in supervisor.get("/disposals/due").json()["items"]]


def test_an_approved_disposal_that_nobody_carries_out_raises_an_alarm(office: Office) -> None:
    proposal = office.approved(office.items[0])
    services = office.server.services

    def alarms() -> list[tuple[str, str]]:
        found = office.server.do(services.catalogue.read(lambda tx: tx.oversight.alarms()))
        return [(one.kind, one.subject) for one in found if one.kind == "disposal-not-carried-out"]

    office.server.do(services.disposal.watch())
    assert alarms() == []
    Shift.forward = timedelta(days=8)
    office.server.do(services.disposal.watch())
    assert alarms() == [("disposal-not-carried-out", proposal)]
    Shift.forward = timedelta()
    office.run(proposal)
    assert alarms() == []
