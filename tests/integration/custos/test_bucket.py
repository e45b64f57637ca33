"""`custos serve` over a bucket: from a camera's upload to what is verified, with a real server."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from clients.verifier.export import verify_export
from clients.verifier.heads import pinned
from custos.cli import main
from custos.stores import open_stores
from evidence.agents import Role
from evidence.errors import Unavailable
from evidence.jobs import Stage
from evidence.keys import manifest_key
from storage.objects.s3.client import Bucket
from storage.objects.s3.reading import open_object
from storage.objects.s3.uploading import lock_arguments, put
from tests.ceph import Ceph
from tests.fault.test_cluster import copied
from tests.media import make_clip
from tests.s3_server import S3Server
from tests.serving.inside import served_inside
from tests.serving.settings import custos_environment, settings_for
from tests.serving.tree import Tree, custos, running_tree
from tests.serving.waiting import eventually


@pytest.mark.long
def test_a_recording_goes_its_whole_way(
    s3_server: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = s3_server.make_bucket()
    with running_tree(tmp_path, s3=s3_server.settings(bucket)) as tree:
        # More than what goes into one request.
        data = make_clip(tmp_path / "clip.mp4", seconds=4).read_bytes()
        data += (20_000_000).to_bytes(4, "big") + b"free" + os.urandom(20_000_000 - 8)
        station, reviewer = tree.client(Role.STATION), tree.client(Role.REVIEWER)
        upload = station.send(data, "DSJ-A1_20261121100000_0001.mp4")
        item = station.committed(upload)
        assert station.receipt(upload)
        reviewer.settled(item)
        assert reviewer.get(f"/items/{item}/original").body == data
        ranged = reviewer.get(f"/items/{item}/original", Range="bytes=15999990-16000009")
        assert (ranged.status, ranged.body) == (206, data[15_999_990:16_000_010])
        assert reviewer.get(f"/items/{item}/playlist.m3u8").status == 200
        exported(tree, item, tmp_path)
        listed = s3_server.administrator().list_objects_v2(Bucket=bucket)["Contents"]
        assert {one["Key"].split("/")[0] for one in listed} >= {"originals", "renditions", "log"}
        assert not (tree.data / "store").exists()
        environment = custos_environment(tree.data, s3_server.settings(bucket))
        said = json.loads(custos(environment, "doctor", "--json"))
        assert [one["level"] for one in said if one["code"] == "store-bucket"] == ["ok"]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            assert main(["verify", "log"]) == 2
        assert "[store-in-bucket]" in capsys.readouterr().err
        key = tmp_path / "key"
        key.write_bytes(reviewer.get("/log/key").body)
    # Each object once, and locked: whatever its server heeds and what not.
    versions = Bucket(s3_server.place(bucket)).versions("originals/")
    assert sorted(one.key.rpartition("/")[2] for one in versions) == sorted(
        [hashlib.sha256(data).hexdigest(), "manifest.json"]
    )
    copied(s3_server, bucket, tmp_path / "copy")
    stored = next((tmp_path / "copy" / "objects" / "originals").rglob(hashlib.sha256(data).hexdigest()))
    assert stored.read_bytes() == data
    assert main(["verify", "log", str(tmp_path / "copy"), "--full", "--key", str(key)]) == 0


def exported(tree: Tree, item: str, place: Path) -> None:
    """An export of the item is asked for, fetched, and verified offline with its seal."""
    supervisor = tree.client(Role.SUPERVISOR)
    wanted = {"profile": "internal", "reason": "a trial", "renditions": []}
    asked = supervisor.post(f"/items/{item}/exports", wanted).json()

    def made() -> Any:
        export = supervisor.get(f"/exports/{asked['id']}").json()
        assert export["job"]["state"] != "failed", export
        return export["made"]

    def sealed() -> Any:
        seal = supervisor.get(found["seal"]).json()
        return seal if seal["leaf"] is not None else None

    found = eventually(made, "the export is made")
    archive = place / "export.zip"
    archive.write_bytes(supervisor.get(found["path"]).body)
    assert archive.stat().st_size == found["size"]
    seal = eventually(sealed, "it is sealed in the log")
    verify_export(archive, pinned(supervisor.get("/log/key").body.decode()), seal)


def test_a_bucket_that_is_unfit_is_no_start(s3_server: S3Server, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, s3=s3_server.settings(s3_server.make_bucket(locking=False)))
    with pytest.raises(Unavailable) as error:
        open_stores(settings)
    assert error.value.code == "store-unfit"


def test_recordings_that_lie_elsewhere_are_not_left_behind(s3_server: S3Server, tmp_path: Path) -> None:
    lying = settings_for(tmp_path).store / "objects" / "originals" / "2026"
    lying.mkdir(parents=True)
    with pytest.raises(Unavailable) as error:
        open_stores(settings_for(tmp_path, s3=s3_server.settings(s3_server.make_bucket())))
    assert error.value.code == "store-elsewhere"


def test_an_audit_tells_of_what_was_put_on_top(s3_server: S3Server, tmp_path: Path) -> None:
    bucket = s3_server.make_bucket()
    with served_inside(tmp_path, s3=s3_server.settings(bucket)) as server:
        item = server.client(Role.STATION).kept(os.urandom(5_000), "note.bin")
        services = server.services
        found = server.do(services.catalogue.read(lambda tx: tx.items.get(item)))
        assert found is not None
        assert found.version

        def audited() -> tuple[list[str], dict[str, Any]]:
            server.do(services.audits.ask([item], None))
            server.do(services.audits.plan())
            server.run(Stage.FIXITY)
            alarms = server.do(services.catalogue.read(lambda tx: tx.oversight.alarms()))
            return [one.kind for one in alarms], server.events("item.audited")[-1]

        admin = s3_server.administrator()
        admin.delete_object(Bucket=bucket, Key=found.key)
        marker = admin.list_object_versions(Bucket=bucket, Prefix=found.key)["DeleteMarkers"][0]["VersionId"]
        alarms, event = audited()
        assert (alarms, event["outcome"]) == (["store-covered"], "success")
        assert event["detail"]["covered"] == [{"what": "original", "versions": 1}]
        assert len(server.client(Role.REVIEWER).get(f"/items/{item}/original").body) == 5_000
        admin.delete_object(Bucket=bucket, Key=found.key, VersionId=marker)
        alarms, event = audited()
        assert alarms == []
        assert event["detail"]["cleared"] == ["store-covered"]
        assert "covered" not in event["detail"]


@pytest.mark.long
def test_what_two_commits_at_once_left_is_no_alarm(ceph: Ceph, tmp_path: Path) -> None:
    bucket = ceph.make_bucket()
    with served_inside(tmp_path, s3=ceph.settings(bucket)) as server:
        data = os.urandom(5_000)
        item = server.client(Role.STATION).kept(data, "note.bin")
        services = server.services
        found = server.do(services.catalogue.read(lambda tx: tx.items.get(item)))
        assert found is not None
        # Sent by a worker that looked before the first one's bytes were there.
        reached = Bucket(ceph.place(bucket))
        for key in (found.key, manifest_key(found.key)):
            with open_object(reached, key, "", reached.versions_of(key)[0].size) as file:
                put(reached, key, file.read(), {"IfNoneMatch": "*", **lock_arguments(found.locked_until)})
            assert len(reached.versions_of(key)) == 2
        server.do(services.audits.ask([item], None))
        server.do(services.audits.plan())
        server.run(Stage.FIXITY)
        event = server.events("item.audited")[-1]
        assert event["outcome"] == "success"
        assert "covered" not in event["detail"]
        assert server.do(services.catalogue.read(lambda tx: tx.oversight.alarms())) == []
        assert server.client(Role.REVIEWER).get(f"/items/{item}/original").body == data
