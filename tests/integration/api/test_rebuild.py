"""A catalogue that is lost, and restored from the store alone: equal in every fact that is kept there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from custos.cli import main
from evidence.agents import Role
from evidence.errors import Conflict, Unavailable
from evidence.jobs import Stage
from ingest.restoring import Found
from storage.catalogue import restoring
from tests.offices import Office, opened_office
from tests.postgres import Server
from tests.s3_server import S3Server
from tests.serving.client import statement
from tests.serving.exports import asked, case_of_two
from tests.serving.inside import served_inside
from tests.serving.lost import Lost, events, kept, rows
from tests.serving.settings import custos_environment, settings_for
from tests.time_authority import TimeAuthority

CEPH = pytest.param("ceph", marks=pytest.mark.long)


@pytest.fixture
def lost(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lost]:
    """Over its own disk; where a test says so, over PostgreSQL and a bucket."""
    with ExitStack() as stack:
        stack_of = getattr(request, "param", "embedded")
        if stack_of == "embedded":
            yield Lost(settings_for(tmp_path / "data"), stack)
            return
        server: S3Server = request.getfixturevalue("ceph" if stack_of == "ceph" else "seaweed")
        postgres: Server = request.getfixturevalue("postgres")
        url = stack.enter_context(postgres.catalogue())
        s3 = server.settings(server.make_bucket())
        yield Lost(settings_for(tmp_path / "data", s3=s3, catalogue=url), stack, postgres)


@pytest.mark.parametrize("lost", ["embedded", "cluster", CEPH], indirect=True)
def test_it_is_equal_in_every_fact(lost: Lost, camera: bytes) -> None:
    with lost.served() as server:
        case = case_of_two(server, camera)
        supervisor, legal = server.client(Role.SUPERVISOR), server.client(Role.LEGAL_REVIEWER)
        items = [one["id"] for one in supervisor.get("/items").json()["items"]]
        held = legal.post(f"/items/{items[0]}/holds", {"reason": "复议", "authority": "法院"})
        assert held.status == 201
        asked(server.client(Role.ARCHIVIST), f"/cases/{case}/exports")
        server.client(Role.OFFICER, "south").kept(b"no recording at all", "秘密.bin")
        shown = {path: supervisor.get(path).json() for path in (f"/cases/{case}", "/units")}
        token = supervisor
        server.do(server.services.sweep.run())
    kept(lost.settings)
    with lost.served() as server:
        before, told = rows(server), events(server)
    # What went on since is lost with the catalogue: two events of the server that was looked at.
    lost.lose()
    with pytest.raises(Unavailable) as refusal, lost.served():
        pass
    assert refusal.value.code == "catalogue-lost"
    found = lost.rebuilt()
    assert (found.is_whole, found.cut_off, dict(found.lost)) == (True, 0, {})
    assert (found.items.manifests, found.items.restored, found.items.differing, found.items.missing) == (
        3,
        0,
        0,
        0,
    )
    assert found.log.without_detail == 0
    with pytest.raises(Conflict) as there:
        lost.rebuilt()
    assert there.value.code == "catalogue-there"
    with lost.served() as server:
        assert rows(server) == before
        assert events(server)[: len(told)] == told
        (said,) = server.events("catalogue.rebuilt")
        assert said["detail"]["reason"] == "lost in a fire"
        # Whoever could before can again, by the same token, and sees the same.
        client = type(token)(server.url, token.token)
        for path, answer in shown.items():
            assert client.get(path).json() == answer
        server.do(server.services.sweep.run())
        assert len(client.get("/search").json()["items"]) == 2
        assert client.get(f"/items/{items[0]}/original").status == 200
    kept(lost.settings)


@pytest.mark.parametrize(
    "lost", ["embedded", pytest.param("cluster", marks=pytest.mark.long), CEPH], indirect=True
)
def test_what_the_journal_had_not_yet_is_restored_from_manifests_or_named(lost: Lost, camera: bytes) -> None:
    with lost.served() as server:
        server.client(Role.OFFICER).kept(camera, "1.mp4", device="CAM-1")
    kept(lost.settings)
    with lost.served() as server:
        officer = server.client(Role.OFFICER)
        upload = officer.send(camera + b"more", "2.mp4", device="CAM-1", officer="李明")
        item = officer.committed(upload)
        before = officer.get(f"/items/{item}").json()
        receipt = officer.receipt(upload)
        supervisor = server.client(Role.SUPERVISOR)
        supervisor.post("/cases", {"number": "1", "category": "penalty", "detail": {"title": "t"}})
        # The log is a second behind, and the journal some.
        server.do(server.services.sequencer.run())
    lost.lose()
    found = lost.rebuilt()
    assert found.items == Found(manifests=2, restored=1)
    assert found.lost.keys() >= {"item.ingested", "case.opened", "agent.registered"}
    with lost.served() as server:
        supervisor = server.another(Role.SUPERVISOR)
        assert supervisor.get(f"/items/{item}/original").body == camera + b"more"
        # Once more read back and described; the history is one, and so is what came in.
        server.run(*Stage)
        shown = supervisor.get(f"/items/{item}").json()
        # Who sent it was registered in those seconds too: their name was a detail, and is lost.
        # What was made of it is made anew.
        for name in shown.keys() - {"agent_name", "renditions", "jobs", "fixity", "read_back"}:
            assert shown[name] == before[name], name
        said = [event["type"] for event in supervisor.history(item)]
        assert said.count("item.ingested") == 1
        again = server.do(server.services.catalogue.read(lambda tx: tx.uploads.receipts_of_item(item)))
        assert [one.completed for one in again] == [False, True]
        first, second = statement(receipt), statement(again[-1].jws)
        for name in ("item", "event", "event_digest", "digests", "size"):
            assert first[name] == second[name], name
        sender = server.do(server.services.catalogue.read(lambda tx: tx.agents.get(shown["agent"])))
        assert sender is not None
        assert (sender.role, sender.disabled) == (Role.OFFICER, True)


def test_an_event_that_the_log_had_not_yet_comes_back_with_its_manifest(lost: Lost) -> None:
    with lost.served() as server:
        server.client(Role.OFFICER).kept(b"one", "1.bin")
    kept(lost.settings)
    with lost.served() as server:
        item = server.client(Role.OFFICER).kept(b"two", "2.bin")
        event = next(one for one in server.events("item.ingested") if item in str(one["subjects"]))
    lost.lose()
    assert lost.rebuilt().items == Found(manifests=2, restored=1, unlogged=1)
    kept(lost.settings)
    with lost.served() as server:
        supervisor = server.client(Role.SUPERVISOR)
        assert [one["id"] for one in supervisor.history(item) if one["type"] == "item.ingested"] == [
            event["id"]
        ]
        assert any(event["id"].encode() in data for data, _ in events(server))


def test_without_the_journal_there_are_the_items_and_who_sent_them(lost: Lost, camera: bytes) -> None:
    with lost.served() as server:
        item = server.client(Role.OFFICER).kept(camera, "1.mp4", device="CAM-1")
    kept(lost.settings)
    lost.lose()
    found = lost.rebuilt(with_journal=False)
    assert (found.through, found.items) == (None, Found(manifests=1, restored=1))
    with lost.served() as server:
        supervisor = server.client(Role.SUPERVISOR)
        assert supervisor.get(f"/items/{item}/original").body == camera
        sender = server.do(server.services.catalogue.read(lambda tx: tx.items.get(item)))
        assert sender is not None
        who = server.do(server.services.catalogue.read(lambda tx: tx.agents.get(sender.agent_id)))
        assert who is not None
        assert who.username.startswith("officer-north-")


def test_what_was_disposed_of_is_not_resurrected(tmp_path: Path, authority: TimeAuthority) -> None:
    data = tmp_path / "data"
    settings = settings_for(data)
    with opened_office(data, authority) as office:
        proposal = office.approved(*office.items[:2])
        office.server.do(office.server.services.sequencer.run())
    kept(settings)
    with served_inside(data) as server:
        office = Office(server, authority, office.items)
        aside = tmp_path / "aside"
        shutil.copytree(next((settings.store / "objects" / "originals").rglob(office.items[0])), aside)
        # The journal knows that it was approved, and not that it was carried out.
        carried = office.run(proposal)
        assert carried.disposed == 2
        certificate = server.client(Role.SUPERVISOR).get(f"/disposals/{proposal}/certificate").body
        server.do(server.services.sequencer.run())
    lost = Lost(settings, ExitStack())
    shutil.copytree(data, tmp_path / "other")
    lost.lose()
    # Somebody puts one of them back, from a copy of their own.
    shutil.copytree(
        aside,
        next((settings.store / "objects" / "originals").rglob(office.items[2])).parent / office.items[0],
    )
    found = lost.rebuilt()
    assert found.items == Found(manifests=2, disposed=1)
    with served_inside(data) as server:
        supervisor = server.another(Role.SUPERVISOR)
        for item in office.items[:2]:
            assert supervisor.get(f"/items/{item}").code == "disposed"
        alarms = server.do(server.services.catalogue.read(lambda tx: tx.oversight.alarms()))
        assert [one.subject for one in alarms if one.kind == "disposal-left-some"] == [office.items[0]]
        assert supervisor.get(f"/items/{office.items[2]}/original").status == 200
        # What was begun is finished by the next run, and its certificate stays the one in the store.
        office = Office(server, authority, office.items)
        with pytest.raises(Conflict):
            office.run(proposal)
        assert supervisor.get(f"/disposals/{proposal}/certificate").body == certificate
    other = Lost(settings_for(tmp_path / "other"), ExitStack())
    other.lose()
    assert other.rebuilt(with_journal=False).items == Found(manifests=1, restored=1)
    with served_inside(tmp_path / "other") as server:
        supervisor = server.another(Role.SUPERVISOR)
        for item in office.items[:2]:
            assert supervisor.get(f"/items/{item}").status in (404, 410)


def test_what_the_store_lost_is_said(tmp_path: Path) -> None:
    lost = Lost(settings_for(tmp_path / "data"), ExitStack())
    with lost.served() as server:
        items = [server.client(Role.OFFICER).kept(bytes([n]), f"{n}.bin") for n in range(3)]
    kept(lost.settings)
    lost.lose()
    objects = lost.settings.store / "objects" / "originals"
    gone, damaged, _ = (next(objects.rglob(item)) for item in items)
    next(path for path in gone.iterdir() if path.name != "manifest.json").unlink()
    manifest = damaged / "manifest.json"
    manifest.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes()[:-1])
    found = lost.rebuilt()
    assert (found.items.missing, found.items.differing) == (1, 1)
    with lost.served() as server:
        alarms = server.do(server.services.catalogue.read(lambda tx: tx.oversight.alarms()))
        assert {one.kind for one in alarms} >= {"original-missing", "manifest-damaged"}


def test_a_row_without_original_and_manifest_is_said(tmp_path: Path) -> None:
    lost = Lost(settings_for(tmp_path / "data"), ExitStack())
    with lost.served() as server:
        first, last = (server.client(Role.OFFICER).kept(bytes([n]), f"{n}.bin") for n in range(2))
    kept(lost.settings)
    lost.lose()
    for item in (first, last):
        shutil.rmtree(next((lost.settings.store / "objects" / "originals").rglob(item)))
    found = lost.rebuilt()
    assert found.items == Found(missing=2)
    with lost.served() as server:
        alarms = server.do(server.services.catalogue.read(lambda tx: tx.oversight.alarms()))
        assert {one.subject for one in alarms if one.kind == "original-missing"} == {first, last}


def test_no_key_is_rotated_over_a_lost_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = Lost(settings_for(tmp_path / "data"), ExitStack())
    with lost.served() as server:
        server.client(Role.OFFICER).kept(b"one", "1.bin")
    kept(lost.settings)
    lost.lose()
    for name, value in custos_environment(lost.settings.data).items():
        monkeypatch.setenv(name, value)
    assert main(["keys", "rotate", "--reason", "yearly"]) == 2
    assert "[catalogue-lost]" in capsys.readouterr().err
    assert lost.rebuilt().is_whole


def test_a_journal_of_a_newer_custos_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Lost(settings_for(tmp_path / "data"), ExitStack())
    with lost.served() as server:
        server.client(Role.OFFICER).kept(b"one", "1.bin")
    kept(lost.settings)
    lost.lose()
    with monkeypatch.context() as patch:
        patch.setattr(restoring, "NEWEST", "0001")
        with pytest.raises(Conflict) as refusal:
            lost.rebuilt()
    assert refusal.value.code == "journal-unfit"
    # Nothing of it is left in the way.
    assert lost.rebuilt().is_whole


def test_right_after_a_rotation_of_the_key_it_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Lost(settings_for(tmp_path / "data"), ExitStack())
    with lost.served() as server:
        item = server.client(Role.OFFICER).kept(b"one", "1.bin")
    kept(lost.settings)
    for name, value in custos_environment(lost.settings.data).items():
        monkeypatch.setenv(name, value)
    assert main(["keys", "rotate", "--reason", "yearly"]) == 0
    lost.lose()
    assert lost.rebuilt().is_whole
    with lost.served() as server:
        assert server.client(Role.SUPERVISOR).get(f"/items/{item}/original").body == b"one"
    kept(lost.settings)
