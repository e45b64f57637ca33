"""Carrying out a disposal: by trusted time, judged again, finished by the next run, proven offline."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from clients.verifier.receipt import NotVerified
from clients.verifier.tokens import TimeTrust, verified_token
from custody.trusted_time import TimeAuthorities, read_roots
from custos.cli import main
from custos.clock import SystemClock
from custos.commands.dispose import _disposing
from custos.instance import only_disposer
from custos.sections import CustodySettings
from custos.settings import Settings
from evidence.agents import Role
from evidence.disposal import Fate, time_statement
from evidence.errors import Conflict, Disposed, Unavailable
from evidence.ids import new_id
from evidence.items import Intent, Viewing
from evidence.jobs import JobState, Stage
from storage.objects.disposer import FilesystemDisposer
from tests.fault.scenario import Shift
from tests.integration.api.test_cases import photo
from tests.offices import LONG_AGO, Office, opened_office
from tests.serving.client import statement
from tests.serving.waiting import eventually
from tests.time_authority import TimeAuthority, time_authority


def test_the_store_is_told_of_a_hold_and_refuses_by_itself(office: Office) -> None:
    server, item = office.server, office.items[0]
    legal = server.client(Role.LEGAL_REVIEWER)
    found = server.do(server.services.catalogue.read(lambda tx: tx.items.get(item)))
    assert found is not None
    proposal = office.approved(item)
    hold = legal.post(f"/items/{item}/holds", {"reason": "r", "authority": "a"}).json()["id"]
    server.do(server.services.sweep.run())
    assert server.do(server.services.store.stat(found.key)).held
    with pytest.raises(Conflict) as error:
        server.do(FilesystemDisposer(server.data / "store").dispose(found.key, datetime.now(UTC)))
    assert error.value.code == "held"
    legal.post(f"/holds/{hold}/lifting", {"reason": "r"})
    assert office.run(proposal).postponed == {item: Fate.BUSY}
    server.do(server.services.sweep.run())
    assert not server.do(server.services.store.stat(found.key)).held
    assert office.run(proposal).disposed == 1


def test_what_has_begun_is_not_refused(office: Office) -> None:
    server, (item, other, _) = office.server, office.items
    proposal = office.approved(item, other)
    services = server.services
    agent = office.agent(Role.SUPERVISOR)
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


def test_an_open_viewing_postpones_it_and_a_lock_of_the_store_spares_it(office: Office) -> None:
    server, (item, other, _) = office.server, office.items
    proposal = office.approved(item, other)
    services = server.services
    agent = office.agent(Role.SUPERVISOR)
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
    assert carried.proposal.certificate is not None
    said = statement(carried.proposal.certificate)
    # The time by which nothing went is left out.
    assert [one["id"] for one in said["trusted_times"]] == [one["trusted_time"] for one in said["items"]]
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


def test_only_time_that_can_be_trusted_counts(
    office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    proposal = office.approved(*office.items)
    before = office.files()
    earlier: list[bytes] = []

    def keep(answer: bytes) -> bytes:
        earlier.append(answer)
        return answer

    def forge(answer: bytes) -> bytes:
        return answer[:-5] + bytes([answer[-5] ^ 1]) + answer[-4:]

    office.authority.spoil = keep
    for said in (time_statement(proposal, office.items), b"another statement"):
        office.server.do(office.disposing._trusted.stamp(said))
    hostile: list[tuple[Callable[[bytes], bytes], str]] = [
        (lambda _: earlier[0], "Nonce mismatch"),
        (lambda _: earlier[1], "Nonce mismatch"),
        (forge, "verifying certificates"),
        (lambda _: b"", "no RFC 3161 response"),
        (lambda answer: answer[:100], "no RFC 3161 response"),
        (lambda _: b"\x30" * 99_999, "too long"),
    ]
    for spoil, reason in hostile:
        office.authority.spoil = spoil
        caplog.clear()
        with pytest.raises(Unavailable) as error:
            office.run(proposal)
        assert error.value.code == "no-trusted-time"
        assert reason in caplog.text
    trust = TimeTrust((office.authority.root.read_bytes(),))
    with pytest.raises(NotVerified):
        verified_token(earlier[0], b"another statement", trust, "it")
    at = verified_token(earlier[1], b"another statement", trust, "it").at
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=5)
    office.authority.spoil = bytes
    with time_authority(tmp_path / "other") as other:
        roots = read_roots({office.authority.url: str(other.root)})
        with pytest.raises(Unavailable) as error:
            office.server.do(TimeAuthorities(roots).stamp(b"x"))
        assert error.value.code == "no-trusted-time"
        # The second one answers rightly.
        roots = {**roots, other.url: other.root.read_bytes()}
        assert office.server.do(TimeAuthorities(roots).stamp(b"x")).authority == other.url
    roots = read_roots({office.authority.url: str(office.authority.root)})
    caplog.clear()
    with pytest.raises(Unavailable) as error:
        office.server.do(TimeAuthorities(roots, {office.authority.url: "1.2.3.4.2"}).stamp(b"x"))
    assert error.value.code == "no-trusted-time"
    assert "Policy ID mismatch" in caplog.text
    bound = CustodySettings(
        time_authorities={office.authority.url: str(office.authority.root)},
        time_authority_policies={office.authority.url: "1.2.3.4.2"},
    )
    command = _disposing(Settings(data=office.server.data, custody=bound), office.server.services)
    with pytest.raises(Unavailable):
        office.server.do(command._trusted.stamp(b"x"))
    assert office.server.do(TimeAuthorities(roots, {office.authority.url: "1.2.3.4.1"}).stamp_all(b"x"))
    assert not office.server.do(TimeAuthorities(roots, {office.authority.url: "1.2.3.4.2"}).stamp_all(b"x"))
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
    supervisor = office.server.client(Role.SUPERVISOR)
    assert supervisor.get(f"/items/{again}/original").status == 200
    # Of the one that is gone there is a report still, which says so.
    office.server.do(office.server.services.sequencer.run())
    report = supervisor.get(f"/items/{first}/report.html?lang=en").body.decode()
    assert "This item was disposed of on" in report
    assert "Disposed of; time by" in report
    assert "Locked until" not in report


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


def test_what_custos_did_not_put_there_stops_it(office: Office) -> None:
    item = office.items[0]
    proposal = office.approved(item)
    (manifest,) = [one for one in office.files() if item in one and one.endswith("manifest.json")]
    foreign = (office.server.data / "store" / "objects" / manifest).with_name("Copy of it")
    foreign.write_bytes(b"?")
    before = office.files()
    with pytest.raises(Unavailable) as error:
        office.run(proposal)
    assert error.value.code == "foreign-object"
    assert office.files() == before
    assert office.server.client(Role.SUPERVISOR).get(f"/items/{item}").status == 200
    foreign.unlink()
    assert office.run(proposal).disposed == 1


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
    before = office.files()
    first, second = office.approved(item), office.approved(other)
    status, words = custos("list")
    assert (status, first in words, second in words, "到期" in words) == (0, True, True, True)
    status, words = custos("run")
    assert (status, "[no-trusted-time]" in words) == (2, True)
    assert len(office.files()) == len(before)
    authorities = {office.authority.url: str(office.authority.root)}
    monkeypatch.setenv("CUSTOS_CUSTODY__TIME_AUTHORITIES", json.dumps(authorities))
    with only_disposer(server.data, server.data / "run"):
        status, words = custos("run")
        assert (status, "[already-running]" in words) == (2, True)
    long_ago = SystemClock().now() - timedelta(hours=1)
    abandoned = Viewing(
        new_id(long_ago), office.agent(Role.SUPERVISOR).id, other, "original", (0, 1), None, long_ago,
        long_ago, new_id(long_ago),
    )  # fmt: skip
    server.do(server.services.catalogue.write(lambda tx: tx.viewings.open(abandoned)))
    status, words = custos("run", "--proposal", second)
    assert (status, "1 disposed of, 0 spared" in words, first in words) == (0, True, False)
    assert custos("run", "--proposal", second)[0] == 2
    assert custos("run", "--proposal", "x")[0] == 2
    services = server.services
    agent = office.agent(Role.SUPERVISOR)
    content = server.do(services.reading.content(agent, item, "original", None))
    entered = server.do(services.reading.enter(agent, content, (0, 1)))
    status, words = custos("run")
    assert (status, f"{item} waits: busy" in words) == (1, True)
    server.do(services.desk.leave(entered, done=True))
    assert custos("run")[0] == 0
    assert custos("run") == (0, "No approved disposal waits.\n")
    assert office.files() == [one for one in office.files() if office.items[2] in one]
    monkeypatch.setenv("CUSTOS_CUSTODY__TIME_AUTHORITIES", json.dumps({"http://x": "/nowhere.pem"}))
    status, words = custos("run")
    assert (status, "[no-such-file]" in words) == (2, True)


def test_with_an_item_go_its_marks_its_clips_and_the_words_of_its_reviews(
    tmp_path: Path, clip: Path, authority: TimeAuthority
) -> None:
    with opened_office(tmp_path / "data", authority, moving=clip.read_bytes()) as office:
        server, (first, second, _) = office.server, office.items
        reviewer, supervisor = server.client(Role.REVIEWER), server.client(Role.SUPERVISOR)
        found = reviewer.get(f"/items/{first}/recording").json()
        recording, joint = found["id"], found["segments"][1]["offset_ms"]
        span = {"from_ms": joint - 500, "to_ms": joint + 500}
        assert reviewer.post(f"/recordings/{recording}/marks", span | {"label": "毒品交易"}).status == 201
        assert (
            reviewer.post(f"/items/{first}/marks", {"from_ms": 0, "to_ms": 0, "label": "其他"}).status == 201
        )
        note = {"outcome": "flawed", "findings": ["too dark"], "note": "毒品"}
        assert reviewer.post(f"/items/{second}/reviews", note).status == 201
        cut = supervisor.post(f"/recordings/{recording}/clips", span | {"reason": "r"}).json()["id"]
        own = supervisor.post(f"/items/{first}/clips", {"from_ms": 0, "to_ms": 1000, "reason": "r"}).json()[
            "id"
        ]
        for one in (cut, own):
            eventually(lambda one=one: supervisor.get(f"/clips/{one}").json()["made"], "the clip is made")
        assert [
            one["id"] for one in supervisor.get(f"/search?text={quote('毒品交易')}").json()["items"]
        ] != []
        sent = len(supervisor.get(f"/clips/{cut}/clip.mp4").body)
        server.close_viewings()
        before = office.files()
        carried = office.run(office.approved(second))
        assert carried.disposed == 1
        assert carried.proposal.certificate is not None
        (told,) = statement(carried.proposal.certificate)["items"]
        assert [(one["kind"], one["bytes"]) for one in told["copies"]] == [("clip", sent)]
        gone = [one for one in before if one not in office.files()]
        # The clip over both lay with the first.
        assert [one for one in gone if second not in one and f"renditions/{first}" in one]
        assert supervisor.get(f"/clips/{cut}").status == 404
        assert supervisor.get(f"/clips/{own}/clip.mp4").status == 200
        assert [one["label"] for one in reviewer.get(f"/items/{first}/marks").json()["marks"]] == ["其他"]
        server.do(server.services.sweep.run())
        assert supervisor.get(f"/search?text={quote('毒品交易')}").json()["items"] == []
        assert "毒品" not in str(office.row("SELECT findings, note FROM reviews"))
        assert supervisor.get("/figures?by=kind").json()["total"]["reviewed"] == 1
        assert not server.do(server.services.catalogue.read(lambda tx: tx.figures.difference()))
