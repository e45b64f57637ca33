"""Disposal 销毁: proposed by one, approved by two others, carried out by trusted time, proven afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cases.disposing import Carried, Disposing
from custody.signing import open_signer
from custody.trusted_time import TimeAuthorities, read_roots
from custos.cli import main
from custos.clock import SystemClock
from custos.instance import only_disposer
from evidence.agents import Role
from evidence.canonical import canonical
from evidence.disposal import Fate
from evidence.errors import Conflict, Disposed, Unavailable
from evidence.ids import new_id
from evidence.items import Intent
from evidence.jobs import JobState, Stage
from evidence.keys import certificate_key
from storage.objects.disposer import FilesystemDisposer
from tests.fault.scenario import Shift
from tests.integration.api.test_cases import number, opened, photo
from tests.integration.api.test_retention import HALF_A_YEAR, in_force
from tests.serving.client import Client, statement
from tests.serving.inside import Inside, served_inside
from tests.serving.waiting import eventually
from tests.time_authority import TimeAuthority, time_authority

LONG_AGO = timedelta(days=300)


@dataclass
class Office:
    """A server at which recordings came in 300 days ago, under a schedule of half a year."""

    server: Inside
    authority: TimeAuthority
    items: list[str]
    sender: Client

    @property
    def disposing(self) -> Disposing:
        services = self.server.services
        return Disposing(
            services.catalogue,
            services.store,
            FilesystemDisposer(self.server.data / "store"),
            services.index,
            TimeAuthorities(read_roots({self.authority.url: str(self.authority.root)})),
            services.signer,
            SystemClock(),
        )

    def run(self, proposal: str) -> Carried:
        return self.server.do(self.disposing.carry_out(proposal))

    def proposed(self, *items: str) -> str:
        answer = self.server.client(Role.ARCHIVIST).post("/disposals", {"items": items, "reason": "到期"})
        assert answer.status == 201, answer.body
        found: str = answer.json()["disposal"]["id"]
        return found

    def approved(self, *items: str) -> str:
        proposal = self.proposed(*items)
        for role in (Role.SUPERVISOR, Role.LEGAL_REVIEWER):
            assert self.server.client(role).ask("POST", f"/disposals/{proposal}/approval").status == 200
        return proposal

    def files(self) -> list[str]:
        root = self.server.data / "store" / "objects"
        found = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
        return sorted(one for one in found if not one.startswith("disposals/"))

    def row(self, query: str, *values: object) -> Any:
        catalogue = self.server.services.catalogue
        return self.server.do(
            catalogue.write(lambda tx: tx.connection.exec_driver_sql(query, values).fetchall())  # type: ignore[attr-defined]
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    with time_authority(tmp_path_factory.mktemp("time") / "authority") as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, authority: TimeAuthority) -> Iterator[Office]:
    authority.spoil = bytes
    with Shift.installed(), served_inside(tmp_path / "data") as server:
        Shift.forward = -LONG_AGO
        in_force(server, HALF_A_YEAR)
        sender = server.another(Role.OFFICER)
        items = [sender.kept(photo(), f"{n}.png", device="CAM-1") for n in range(3)]
        for item in items:
            sender.settled(item)
        Shift.forward = timedelta()
        server._made.clear()
        yield Office(server, authority, items, sender)


def fates(office: Office, *items: str) -> list[str]:
    wanted = {"items": items, "reason": "r", "preview": True}
    judged = office.server.client(Role.ARCHIVIST).post("/disposals", wanted).json()
    assert judged["disposal"] is None
    return [one["fate"] for one in judged["items"]]


def test_the_whole_way(office: Office) -> None:
    server, (item, other, _) = office.server, office.items
    supervisor, archivist = server.client(Role.SUPERVISOR), server.client(Role.ARCHIVIST)
    case = opened(supervisor, number())
    supervisor.post(f"/cases/{case}/links", {"items": [other]})
    before = supervisor.get("/search").json()
    figures = supervisor.get("/figures?by=kind").json()
    assert supervisor.get(f"/items/{item}/original").status == 200
    eventually(lambda: "busy" not in fates(office, *office.items), "the viewing is closed")
    due = archivist.get("/disposals/due").json()["items"]
    assert {one["item"]: one["fate"] for one in due} == dict.fromkeys(office.items, "due")
    whole = office.files()
    proposal = office.approved(item)
    assert fates(office, item, other, "0" * 36) == ["proposed-already", "due", "not-found"]
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
    assert fates(office, item) == ["disposed"]
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
    assert fates(office, item) == ["due"]
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


def test_the_store_is_told_of_a_hold_and_refuses_by_itself(office: Office) -> None:
    server, item = office.server, office.items[0]
    legal = server.client(Role.LEGAL_REVIEWER)
    found = server.do(server.services.catalogue.read(lambda tx: tx.items.get(item)))
    assert found is not None
    proposal = office.approved(item)
    hold = legal.post(f"/items/{item}/holds", {"reason": "r", "authority": "a"}).json()["id"]
    server.do(server.services.sweep._tell_holds())
    assert server.do(server.services.store.stat(found.key)).held
    with pytest.raises(Conflict) as error:
        server.do(FilesystemDisposer(server.data / "store").dispose(found.key, datetime.now(UTC)))
    assert error.value.code == "held"
    legal.post(f"/holds/{hold}/lifting", {"reason": "r"})
    assert office.run(proposal).postponed == {item: Fate.BUSY}
    server.do(server.services.sweep._tell_holds())
    assert not server.do(server.services.store.stat(found.key)).held
    assert office.run(proposal).disposed == 1


def test_what_has_begun_is_not_refused(office: Office) -> None:
    server, (item, other, _) = office.server, office.items
    proposal = office.approved(item, other)
    who = server.client(Role.SUPERVISOR).get("/session").json()["username"]
    services = server.services
    agent = server.do(services.catalogue.read(lambda tx: tx.agents.by_username(who)))[0]  # type: ignore[index]
    content = server.do(services.reading.content(agent, other, "original", None))
    entered = server.do(services.reading.enter(agent, content, (0, 1)))
    assert office.run(proposal).postponed == {other: Fate.BUSY}
    refusal = f"/disposals/{proposal}/refusal"
    assert server.client(Role.SUPERVISOR).post(refusal, {"reason": "r"}).code == "begun"
    # What was looked up before the tombstone opens no viewing after it.
    late = server.do(services.reading.content(agent, other, "original", None))
    server.do(services.desk.leave(entered, done=True))
    assert office.run(proposal).disposed == 2
    with pytest.raises(Disposed):
        server.do(services.reading.enter(agent, late, (0, 1)))
    assert server.client(Role.SUPERVISOR).post(refusal, {"reason": "r"}).code == "not-open"


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
    assert fates(office, *office.items) == ["due"] * 3
    assert len(office.files()) >= 6


def test_a_hold_wins_until_the_tombstone(office: Office) -> None:
    server, (item, other, third) = office.server, office.items
    legal = server.client(Role.LEGAL_REVIEWER)
    wanted = {"reason": "行政诉讼", "authority": "区法院"}
    hold = legal.post(f"/items/{item}/holds", wanted).json()["id"]
    assert fates(office, item, other) == ["held", "due"]
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


def test_an_open_viewing_postpones_it_and_a_lock_of_the_store_spares_it(office: Office) -> None:
    server, (item, other, _) = office.server, office.items
    proposal = office.approved(item, other)
    services = server.services
    who = server.client(Role.SUPERVISOR).get("/session").json()["username"]
    agent = server.do(services.catalogue.read(lambda tx: tx.agents.by_username(who)))[0]  # type: ignore[index]
    content = server.do(services.reading.content(agent, item, "original", None))
    entered = server.do(services.reading.enter(agent, content, (0, 1)))
    (key,) = [one for one in office.files() if other in one and one.endswith("manifest.json")]
    until = datetime.now(UTC) + timedelta(seconds=1000)
    server.do(services.store.extend_lock(key, until))
    carried = office.run(proposal)
    assert (carried.disposed, carried.spared, carried.postponed) == (0, 1, {item: Fate.BUSY})
    server.do(services.desk.leave(entered, done=True))
    carried = office.run(proposal)
    assert (carried.disposed, carried.spared, carried.done) == (1, 1, True)
    assert [one for one in office.files() if other in one]
    assert not [one for one in office.files() if item in one]


def test_a_clock_set_forward_ends_nothing(office: Office, tmp_path: Path) -> None:
    server = office.server
    young = server.client(Role.OFFICER).kept(photo(), "young.png")
    server.client(Role.OFFICER).settled(young)
    Shift.forward = timedelta(days=200)
    server._made.clear()
    proposal = office.approved(young)
    with pytest.raises(Unavailable) as error:
        office.run(proposal)
    assert error.value.code == "clock-disagrees"
    assert [one for one in office.files() if young in one]
    # Put right again, the proposal that was approved under it is judged by trusted time.
    Shift.forward = timedelta()
    carried = office.run(proposal)
    assert (carried.disposed, carried.spared, carried.done) == (0, 1, True)
    assert [one for one in office.files() if young in one]


def test_only_time_that_can_be_trusted_counts(office: Office, tmp_path: Path) -> None:
    proposal = office.approved(*office.items)
    before = office.files()
    kept: list[bytes] = []

    def replay(answer: bytes) -> bytes:
        kept.append(answer)
        return kept[0]

    def forge(answer: bytes) -> bytes:
        return answer[:-5] + bytes([answer[-5] ^ 1]) + answer[-4:]

    office.authority.spoil = lambda answer: kept.append(answer) or answer  # type: ignore[func-returns-value]
    office.server.do(office.disposing._trusted.stamp(b"another statement"))
    for spoil in (replay, forge, lambda _: b"", lambda answer: answer[:100], lambda _: b"\x30" * 99_999):
        office.authority.spoil = spoil
        with pytest.raises(Unavailable) as error:
            office.run(proposal)
        assert error.value.code == "no-trusted-time"
    office.authority.spoil = bytes
    with time_authority(tmp_path / "other") as other:
        roots = read_roots({office.authority.url: str(other.root)})
        with pytest.raises(Unavailable) as error:
            office.server.do(TimeAuthorities(roots).stamp(b"x"))
        assert error.value.code == "no-trusted-time"
        # The second one answers rightly.
        roots = {**roots, other.url: other.root.read_bytes()}
        assert office.server.do(TimeAuthorities(roots).stamp(b"x")).authority == other.url
    with pytest.raises(Unavailable) as error:
        office.server.do(TimeAuthorities({}).stamp(b"x"))
    assert error.value.code == "no-trusted-time"
    assert office.files() == before
    assert office.run(proposal).disposed == 3


def test_what_was_disposed_of_and_is_sent_again_is_an_item_of_its_own(office: Office) -> None:
    data = photo()
    Shift.forward = -LONG_AGO
    sender = office.server.another(Role.OFFICER)
    first = sender.kept(data, "x.png", device="CAM-9")
    sender.settled(first)
    Shift.forward = timedelta()
    office.run(office.approved(first))
    again = office.server.client(Role.OFFICER).kept(data, "x.png", device="CAM-9")
    assert again != first
    assert office.server.client(Role.SUPERVISOR).get(f"/items/{again}/original").status == 200


def test_what_is_sent_again_while_it_is_disposed_of_is_not_acknowledged(office: Office) -> None:
    server, item = office.server, office.items[0]
    services, now = server.services, SystemClock().now()
    found = server.do(services.catalogue.read(lambda tx: tx.items.get(item)))
    assert found is not None
    server.bell.answers = False
    sender = server.client(Role.OFFICER)
    upload = sender.send(b"the same bytes, as far as the commit knows", "again.png", device="CAM-1")
    intent = Intent(
        upload.rpartition("/")[2], item, new_id(now), found.key, found.sha256, now, now, now, "image",
        "image/png", resubmission=True,
    )  # fmt: skip
    server.do(services.catalogue.write(lambda tx: tx.uploads.add_intent(intent)))
    office.run(office.approved(item))
    (job,) = server.run(Stage.COMMIT)
    assert (job.state, job.code) == (JobState.FAILED, "disposed")
    assert sender.get(f"{upload}/receipt").code == "not-yet"
    assert sender.get(upload).json()["state"] == "accepted"


def test_the_command(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server, (item, other, _) = office.server, office.items
    monkeypatch.setenv("CUSTOS_DATA", str(server.data))
    monkeypatch.setenv("CUSTOS_PROTECTION__IMMUTABLE", "false")
    monkeypatch.setenv("CUSTOS_MEDIA__SANDBOX", "prefer")

    def custos(*arguments: str) -> tuple[int, str]:
        status = main(["dispose", *arguments])
        said = capsys.readouterr()
        return status, said.out + said.err

    assert custos("list") == (0, "No approved disposal waits.\n")
    assert custos("run") == (0, "No approved disposal waits.\n")
    first, second = office.approved(item), office.approved(other)
    status, words = custos("list")
    assert (status, first in words, second in words, "到期" in words) == (0, True, True, True)
    status, words = custos("run")
    assert (status, "[no-trusted-time]" in words) == (2, True)
    authorities = {office.authority.url: str(office.authority.root)}
    monkeypatch.setenv("CUSTOS_DISPOSAL__TIME_AUTHORITIES", json.dumps(authorities))
    with only_disposer(server.data, server.data / "run"):
        status, words = custos("run")
        assert (status, "[already-running]" in words) == (2, True)
    status, words = custos("run", "--proposal", second)
    assert (status, "1 disposed of, 0 spared" in words, first in words) == (0, True, False)
    assert custos("run", "--proposal", second)[0] == 2
    assert custos("run", "--proposal", "x")[0] == 2
    who = server.client(Role.SUPERVISOR).get("/session").json()["username"]
    services = server.services
    agent = server.do(services.catalogue.read(lambda tx: tx.agents.by_username(who)))[0]  # type: ignore[index]
    content = server.do(services.reading.content(agent, item, "original", None))
    entered = server.do(services.reading.enter(agent, content, (0, 1)))
    status, words = custos("run")
    assert (status, f"{item} waits: busy" in words) == (1, True)
    server.do(services.desk.leave(entered, done=True))
    assert custos("run")[0] == 0
    assert office.files() == [one for one in office.files() if office.items[2] in one]
    monkeypatch.setenv("CUSTOS_DISPOSAL__TIME_AUTHORITIES", json.dumps({"http://x": "/nowhere.pem"}))
    status, words = custos("run")
    assert (status, "[no-such-file]" in words) == (2, True)


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


def test_the_certificate_is_proven_offline(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal = office.approved(*office.items)
    office.run(proposal)
    supervisor = office.server.client(Role.SUPERVISOR)
    certificate = supervisor.get(f"/disposals/{proposal}/certificate").body.decode()
    said = statement(certificate)
    assert "到期" not in json.dumps(said, ensure_ascii=False)
    assert "north" not in json.dumps(said)
    shown = supervisor.get(f"/disposals/{proposal}").json()
    detail = canonical({"unit": shown["unit"], "reason": shown["reason"]})
    assert said["detail"] == hashlib.sha256(bytes.fromhex(shown["salt"]) + detail).hexdigest()

    public = office.server.services.signer.public_pem
    (tmp_path / "key.pem").write_bytes(public)
    file = tmp_path / "certificate"

    def verified(text: str, key: str = "key.pem", root: Path = office.authority.root) -> tuple[int, str]:
        file.write_text(text)
        arguments = ("--key", str(tmp_path / key), "--root", str(root))
        status = main(["verify", "certificate", str(file), *arguments])
        return status, capsys.readouterr().out

    status, words = verified(certificate)
    assert (status, words.count("disposed    ")) == (0, 3)
    head, payload, signature = certificate.split(".")
    assert verified(f"{head}.{payload[:-4]}AAAA.{signature}")[0] == 1
    (tmp_path / "other.pem").write_bytes(open_signer(tmp_path / "keys").public_pem)
    assert verified(certificate, "other.pem")[0] == 1
    with time_authority(tmp_path / "other") as other:
        status, words = verified(certificate, root=other.root)
        assert (status, "cannot be proven" in words) == (1, True)
    sign = office.server.services.signer.sign_statement
    (time,) = said["trusted_times"]
    first, *rest = said["items"]
    for wrong, reason in (
        ({"approvals": said["approvals"][:1]}, "two people"),
        ({"approvals": [said["approvals"][0]] * 2}, "two people"),
        ({"proposed_by": said["approvals"][0]["agent"]}, "two people"),
        ({"items": rest}, "cannot be proven"),
        ({"items": [*rest, first, first]}, "each item once"),
        ({"items": [*rest, {**first, "disposed_at": said["proposed_at"]}]}, "trusted time"),
        ({"trusted_times": [{**time, "at": said["proposed_at"]}]}, "not the one"),
        ({"trusted_times": [{**time, "token": "AAAA"}]}, "cannot be proven"),
        ({"trusted_times": [{**time, "token": "?"}]}, "lacks"),
        ({"trusted_times": []}, "trusted time"),
        ({"checked": {"at": said["checked"]["at"], "found": 1}}, "left"),
        ({"v": "custos/receipt/1"}, "version 1"),
    ):
        status, words = verified(sign(canonical({**said, **wrong})))
        assert (status, reason in words) == (1, True), (wrong, words)
