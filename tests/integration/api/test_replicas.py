"""Copies of originals in other stores: proven before a camera is freed, mended, and disposed of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from custos.cli import main
from custos.keeping_sections import ReplicaSettings
from custos.replicas import MARKER
from custos.stores import open_stores
from evidence.agents import Role
from evidence.errors import CustosError, Invalid
from evidence.items import Item
from evidence.jobs import JobState, Stage
from evidence.keys import manifest_key
from evidence.retention import ROLLING_LOCK
from tests.offices import opened_office
from tests.s3_server import S3Server
from tests.serving.client import statement
from tests.serving.inside import Inside, served_inside
from tests.serving.settings import custos_environment, settings_for
from tests.time_authority import TimeAuthority


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """Another disk."""
    root = tmp_path / "vault"
    root.mkdir()
    (root / MARKER).touch()
    return root


@pytest.fixture
def both(s3_server: S3Server, vault: Path, tmp_path: Path) -> ReplicaSettings:
    """A directory and a bucket."""
    told = s3_server.settings(s3_server.make_bucket()).model_dump(mode="json", exclude_none=True)
    file = tmp_path / "cloud.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items()))
    return ReplicaSettings(directories={"vault": vault}, buckets={"cloud": file})


@pytest.fixture
def kept(vault: Path, tmp_path: Path) -> Iterator[tuple[Inside, Item, Path]]:
    """A server with a vault, an item, and where the vault has it."""
    replicas = ReplicaSettings(directories={"vault": vault})
    with served_inside(tmp_path / "data", replicas=replicas) as server:
        found = item(server, server.client(Role.OFFICER).kept(b"only once", "1.bin"))
        yield server, found, vault / "objects" / found.key


def item(server: Inside, item_id: str) -> Item:
    found = server.do(server.services.catalogue.read(lambda tx: tx.items.get(item_id)))
    assert found is not None
    return found


def told(server: Inside, kind: str) -> list[dict[str, Any]]:
    return [one["detail"] for one in server.events(kind)]


def audited(server: Inside, item_id: str) -> dict[str, Any]:
    """What an audit of it found."""
    server.do(server.services.audits.ask([item_id], None))
    server.do(server.services.audits.plan())
    server.run(Stage.FIXITY)
    detail: dict[str, Any] = told(server, "item.audited")[-1]
    return detail


def alarms(server: Inside) -> set[str]:
    return {one.kind for one in server.do(server.services.catalogue.read(lambda tx: tx.oversight.alarms()))}


def test_a_camera_is_freed_once_every_copy_is_proven(tmp_path: Path, both: ReplicaSettings) -> None:
    settings = settings_for(tmp_path / "data", replicas=both)
    with served_inside(settings.data, replicas=both) as server:
        officer = server.client(Role.OFFICER)
        upload = officer.send(b"only once", "1.bin")
        found = item(server, officer.committed(upload))
        assert statement(officer.receipt(upload))["read_back"]
        made = told(server, "copy.made")
        assert {(one["store"], one["from"]) for one in made} == {("vault", "primary"), ("cloud", "primary")}
        rows = server.do(server.services.catalogue.read(lambda tx: tx.replicas.of_item(found.id)))
        assert rows.keys() == {"vault", "cloud"}
        copies = open_stores(settings).copies
        assert copies is not None
        for replica in copies.others:
            for key in (found.key, manifest_key(found.key)):
                stat = asyncio.run(replica.store.stat(key))
                assert stat.locked_until is not None
                assert stat.locked_until >= found.locked_until
            digests = asyncio.run(replica.store.read_back(found.key, version=rows[replica.name].version))
            assert digests.sha256 == found.sha256


def test_a_store_that_is_away_keeps_the_camera_until_it_is_back(tmp_path: Path, vault: Path) -> None:
    marker = vault / MARKER
    marker.unlink()
    replicas = ReplicaSettings(directories={"vault": vault})
    with served_inside(tmp_path / "data", replicas=replicas) as server:
        officer = server.client(Role.OFFICER)
        upload = officer.send(b"only once", "1.bin")
        found = item(server, officer.committed(upload))
        assert not statement(officer.receipt(upload, completed=False))["read_back"]
        (job,) = server.jobs(Stage.READ_BACK)
        assert job.state is JobState.WAITING
        assert "copy-owed" in alarms(server)
        # The disk is not mounted: nothing was written where it would be.
        assert not list(vault.iterdir())
        marker.touch()
        server.do(server.services.sweep.run())
        server.run(Stage.READ_BACK)
        assert statement(officer.receipt(upload))["read_back"]
        assert (vault / "objects" / found.key).read_bytes() == b"only once"
        assert "copy-owed" not in alarms(server)


def test_where_fewer_are_needed_the_rest_is_owed(tmp_path: Path, vault: Path) -> None:
    (vault / MARKER).unlink()
    replicas = ReplicaSettings(directories={"vault": vault}, needed=1)
    with served_inside(tmp_path / "data", replicas=replicas) as server:
        officer = server.client(Role.OFFICER)
        upload = officer.send(b"only once", "1.bin")
        found = item(server, officer.committed(upload))
        assert statement(officer.receipt(upload))["read_back"]
        assert "copy-owed" in alarms(server)
        (vault / MARKER).touch()
        assert audited(server, found.id)["copies"] == {
            "proven": ["vault"],
            "made": ["vault"],
            "away": [],
            "wrong": [],
            "missing": [],
        }
        assert "copy-owed" not in alarms(server)


def test_what_the_store_has_lost_is_read_from_a_copy_and_mended_by_it(
    kept: tuple[Inside, Item, Path], tmp_path: Path
) -> None:
    server, found, copy = kept
    path = tmp_path / "data" / "store" / "objects" / found.key
    path.unlink()
    (path.parent / "manifest.json").unlink()
    supervisor = server.client(Role.SUPERVISOR)
    assert supervisor.get(f"/items/{found.id}/original").body == b"only once"
    server.close_viewings()
    detail = audited(server, found.id)
    assert detail["findings"] == []
    assert told(server, "copy.mended") == [
        {"what": "original", "store": "primary", "from": "vault", "method": detail["method"]}
    ]
    assert path.read_bytes() == b"only once" == copy.read_bytes()
    assert (path.parent / "manifest.json").read_bytes() == (copy.parent / "manifest.json").read_bytes()
    stat = server.do(server.services.store.stat(found.key))
    assert stat.locked_until == found.locked_until
    assert not alarms(server)


def test_a_copy_that_is_gone_is_mended(kept: tuple[Inside, Item, Path]) -> None:
    server, found, copy = kept
    copy.unlink()
    assert audited(server, found.id)["copies"]["made"] == ["vault"]
    (said,) = told(server, "copy.mended")
    assert (said["store"], said["from"]) == ("vault", "primary")
    assert copy.read_bytes() == b"only once"


def test_a_manifest_that_is_gone_is_put_back(kept: tuple[Inside, Item, Path]) -> None:
    server, found, copy = kept
    manifest = copy.parent / "manifest.json"
    data = manifest.read_bytes()
    manifest.unlink()
    detail = audited(server, found.id)
    assert (detail["copies"]["proven"], detail["copies"]["made"]) == (["vault"], [])
    assert told(server, "copy.mended") == [
        {"what": "manifest", "store": "vault", "from": "catalogue", "method": None}
    ]
    assert manifest.read_bytes() == data


def test_where_no_copy_is_left_it_is_owed(kept: tuple[Inside, Item, Path], tmp_path: Path) -> None:
    server, found, copy = kept
    original = tmp_path / "data" / "store" / "objects" / found.key
    for path in (original, copy):
        path.unlink()
    detail = audited(server, found.id)
    assert [one["finding"] for one in detail["findings"]] == ["missing"]
    assert detail["copies"]["missing"] == ["vault"]
    assert "copy-owed" in alarms(server)
    assert not server.do(server.services.catalogue.read(lambda tx: tx.replicas.of_item(found.id)))


def test_other_bytes_are_never_replaced(kept: tuple[Inside, Item, Path], tmp_path: Path) -> None:
    server, found, copy = kept
    copy.chmod(0o600)
    copy.write_bytes(b"ecno ylno")
    assert audited(server, found.id)["copies"]["wrong"] == ["vault"]
    assert "copy-wrong" in alarms(server)
    assert copy.read_bytes() == b"ecno ylno"
    assert not server.do(server.services.catalogue.read(lambda tx: tx.replicas.of_item(found.id)))
    # Nor are they taken for what mends.
    original = tmp_path / "data" / "store" / "objects" / found.key
    original.unlink()
    assert [one["finding"] for one in audited(server, found.id)["findings"]] == ["missing"]
    assert not original.exists()
    assert not told(server, "copy.mended")


def test_holds_and_locks_go_to_every_copy(tmp_path: Path, both: ReplicaSettings) -> None:
    settings = settings_for(tmp_path / "data", replicas=both)
    with served_inside(settings.data, replicas=both) as server:
        found = item(server, server.client(Role.OFFICER).kept(b"only once", "1.bin"))
        legal = server.client(Role.LEGAL_REVIEWER)
        assert legal.post(f"/items/{found.id}/holds", {"reason": "r", "authority": "a"}).status == 201
        server.do(server.services.sweep.run())
        until = found.locked_until + ROLLING_LOCK
        server.do(server.services.store.extend_lock(found.key, until, version=found.version))
        copies = open_stores(settings).copies
        assert copies is not None
        for replica in copies.others:
            stat = asyncio.run(replica.store.stat(found.key))
            assert stat.held
            assert stat.locked_until is not None
            assert stat.locked_until >= until


def test_one_store_that_is_away_keeps_no_other_from_hearing(tmp_path: Path, both: ReplicaSettings) -> None:
    settings = settings_for(tmp_path / "data", replicas=both)
    with served_inside(settings.data, replicas=both) as server:
        found, second = (
            item(server, server.client(Role.OFFICER).kept(data, "1.bin")) for data in (b"only once", b"two")
        )
        legal = server.client(Role.LEGAL_REVIEWER)
        # The first of the copies is away.
        first = next(iter(both.directories.values())) / MARKER
        first.unlink()
        for one in (found, second):
            assert legal.post(f"/items/{one.id}/holds", {"reason": "r", "authority": "a"}).status == 201
        server.do(server.services.sweep.run())
        until = found.locked_until + ROLLING_LOCK
        with pytest.raises(CustosError):
            server.do(server.services.store.extend_lock(found.key, until, version=found.version))
        copies = open_stores(settings).copies
        assert copies is not None
        cloud = next(replica.store for replica in copies.others if replica.name == "cloud")
        for store in (copies.primary, cloud):
            stat = asyncio.run(store.stat(found.key))
            assert stat.held
            assert stat.locked_until is not None
            assert stat.locked_until >= until
            assert asyncio.run(store.stat(second.key)).held
        first.touch()
        server.do(server.services.sweep.run())
        vault = next(replica.store for replica in copies.others if replica.name == "vault")
        assert asyncio.run(vault.stat(found.key)).held


def test_a_disposal_reaches_every_copy(
    tmp_path: Path,
    vault: Path,
    authority: TimeAuthority,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    replicas = ReplicaSettings(directories={"vault": vault})
    with opened_office(tmp_path / "data", authority, replicas=replicas) as office:
        gone, stays = (item(office.server, one) for one in office.items[:2])
        for name, value in custos_environment(
            tmp_path / "data",
            CUSTOS_REPLICAS__DIRECTORIES=json.dumps({"vault": str(vault)}),
            CUSTOS_CUSTODY__TIME_AUTHORITIES=json.dumps({authority.url: str(authority.root)}),
        ).items():
            monkeypatch.setenv(name, value)
        proposal = office.approved(gone.id)
        (vault / MARKER).rename(vault / "away")
        assert main(["dispose", "run", "--proposal", proposal]) == 2
        assert "[not-mounted]" in capsys.readouterr().err
        assert (vault / "objects" / gone.key).exists()
        (vault / "away").rename(vault / MARKER)
        assert main(["dispose", "run", "--proposal", proposal]) == 0
        assert not [path for path in (vault / "objects").rglob("*") if gone.id in str(path)]
        assert (vault / "objects" / stays.key).exists()
        certificate = next((vault / "objects" / "disposals").rglob("certificate"))
        assert (
            certificate.read_bytes()
            == office.server.client(Role.SUPERVISOR).get(f"/disposals/{proposal}/certificate").body
        )


def test_what_cannot_be_a_replica_is_refused(tmp_path: Path, vault: Path) -> None:
    inside = tmp_path / "data" / "vault"
    for replicas in (
        ReplicaSettings(directories={"vault": inside}),
        ReplicaSettings(directories={"vault": vault}, needed=3),
        ReplicaSettings(buckets={"cloud": tmp_path / "nowhere.toml"}),
        ReplicaSettings(directories={"vault": vault}, buckets={"vault": tmp_path / "nowhere.toml"}),
    ):
        with pytest.raises(Invalid) as refusal:
            open_stores(settings_for(tmp_path / "data", replicas=replicas))
        assert refusal.value.code == "bad-replica"
    for directories in ({"primary": vault}, {"a b": vault}, {"vault": Path("relative")}):
        with pytest.raises(ValueError):
            ReplicaSettings(directories=directories)


def test_the_doctor_looks_at_them(
    tmp_path: Path, both: ReplicaSettings, vault: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name, value in custos_environment(
        tmp_path / "data",
        CUSTOS_REPLICAS__DIRECTORIES=json.dumps({name: str(path) for name, path in both.directories.items()}),
        CUSTOS_REPLICAS__BUCKETS=json.dumps({name: str(path) for name, path in both.buckets.items()}),
    ).items():
        monkeypatch.setenv(name, value)
    main(["doctor", "--json"])
    found = [one for one in json.loads(capsys.readouterr().out) if one["code"] == "replica"]
    # What is said of the bucket's server comes after it.
    assert [one["level"] for one in found][:2] == ["ok", "ok"]
    assert "problem" not in {one["level"] for one in found}
    (vault / MARKER).unlink()
    main(["doctor", "--json"])
    found = [one for one in json.loads(capsys.readouterr().out) if one["code"] == "replica"]
    assert [one["level"] for one in found][:2] == ["problem", "ok"]
