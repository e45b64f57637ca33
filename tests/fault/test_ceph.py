"""What a RADOS Gateway does otherwise, and what whoever runs it can do: held against what docs/s3.md says."""

from __future__ import annotations

import asyncio
import io
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from custos.doctor import examine_bucket
from evidence.errors import Unavailable
from evidence.ports.objects import NotStored
from storage.objects.s3.abilities import Abilities
from storage.objects.s3.client import Bucket
from storage.objects.s3.log import S3Log
from tests.buckets import Held
from tests.ceph import Ceph
from tests.s3_server import ADMIN, SERVICE, S3Server
from tests.serving.waiting import eventually

pytestmark = pytest.mark.long


@pytest.fixture
def s3_server(ceph: Ceph) -> S3Server:
    return ceph


def test_what_it_does_not_do_is_said(ceph: Ceph) -> None:
    place = ceph.place(ceph.make_bucket())
    bucket = Bucket(place)
    assert bucket.abilities() == Abilities(
        creates_once=False,
        exchanges=False,
        checks_digests=False,
        checks_signatures=True,
        locks_parts=False,
        speaks_swift=False,
    )
    assert not list(bucket.versions(""))
    said = examine_bucket(place)
    assert [one.level for one in said] == ["ok", "ok", "ok", "ok", "warning"]


async def test_bytes_that_change_on_the_way_are_refused(held: Held) -> None:
    def alter(request: Any, **_: Any) -> None:
        request.body = io.BytesIO(b"as it was sent!")

    client = held.bucket._client(True, True)
    for operation in ("PutObject", "UploadPart"):
        client.meta.events.register(f"before-send.s3.{operation}", alter)
    with pytest.raises(Unavailable):
        held.bucket.send("put_object", b"as it was sent.", once=True, Key="renditions/x")
    begun = held.bucket.ask("create_multipart_upload", Key="renditions/x")["UploadId"]
    with pytest.raises(Unavailable):
        held.bucket.send(
            "upload_part", b"as it was sent.", once=True, Key="renditions/x", UploadId=begun, PartNumber=1
        )
    assert not held.versions("renditions/x")


async def test_of_many_that_exchange_the_head_at_once_one_succeeds(held: Held) -> None:
    log = S3Log(held.store)
    for number in range(20):
        before = await log.read("checkpoint")
        offered = [f"{number} of {one}".encode() for one in range(8)]
        found = await asyncio.gather(*(log.swap(before, one) for one in offered))
        now = await log.read("checkpoint")
        assert now in offered
        assert {one for one in found if one in offered} == {now}
    # Whoever came too late removed what was too late.
    assert len(held.versions("log/checkpoint")) == 1


def test_the_service_has_no_buckets_of_its_own(ceph: Ceph) -> None:
    with pytest.raises(ClientError):
        ceph.raw(SERVICE).create_bucket(Bucket="evidence-of-its-own")


async def test_whoever_administers_the_gateway_ends_what_is_locked(ceph: Ceph, held: Held) -> None:
    """No promise, a limit: docs/threat-model.md names it, and this shows that it is so."""
    key, version, _ = await held.stored()
    ceph.gateway_admin(
        "object", "rm", f"--bucket={held.name}", f"--object={key}", f"--object-version={version}"
    )
    await _is_gone(held, key, version)
    key, version, _ = await held.stored()
    (below,) = [one for one in ceph.rados("ls").splitlines() if version in one]
    ceph.rados("rmxattr", below, "user.rgw.object-retention")
    assert (await held.store.stat(key, version=version)).locked_until is None
    held.admin.delete_object(Bucket=held.name, Key=key, VersionId=version)
    await _is_gone(held, key, version)
    key, version, _ = await held.stored()
    ceph.gateway_admin("bucket", "rm", f"--bucket={held.name}", "--purge-objects", "--bypass-gc")
    await _is_gone(held, key, version)


async def test_other_ways_into_the_gateway_end_what_is_locked(ceph: Ceph, held: Held) -> None:
    """Why docs/s3.md has `rgw enable apis = s3, iam`: Swift's expiry and administration ask for no lock."""
    key, version, data = await held.stored()
    ceph.gateway_admin(
        "subuser", "create", f"--uid={SERVICE[0]}", f"--subuser={SERVICE[0]}:swift", "--access=full",
        "--key-type=swift", "--secret=swift",
    )  # fmt: skip
    # That took its policy away.
    with pytest.raises(Unavailable):
        held.bucket.first_of(key)
    ceph.grant()
    ceph.gateway_admin("caps", "add", f"--uid={ADMIN[0]}", "--caps=buckets=*")
    introduced = {"X-Auth-User": f"{SERVICE[0]}:swift", "X-Auth-Key": "swift"}
    with pytest.raises(urllib.error.HTTPError):
        _asked("GET", f"{ceph.endpoint}/auth/v1.0", introduced)
    purge = f"/admin/bucket?bucket={held.name}&purge-objects=true"
    with pytest.raises(urllib.error.HTTPError):
        _asked("DELETE", f"{ceph.endpoint}{purge}", _signed("DELETE", f"{ceph.endpoint}{purge}"))
    assert await held.read(key, version) == data
    with ceph.open_gateway() as other:
        said = examine_bucket(ceph.place(held.name, endpoint=other))
        assert [one.level for one in said if "Swift" in one.words] == ["warning"]
        token = _asked("GET", f"{other}/auth/v1.0", introduced)["X-Auth-Token"]
        leaves = {"X-Auth-Token": token, "X-Delete-At": str(int(time.time()) + 2)}
        _asked("POST", f"{other}/swift/v1/{held.name}/{key}", leaves)

        def expired() -> bool:
            ceph.gateway_admin("objects", "expire")
            return not held.versions(key)

        eventually(expired, "Swift's expiry has removed what is locked")
        key, version, _ = await held.stored()
        _asked("DELETE", f"{other}{purge}", _signed("DELETE", f"{other}{purge}"))
        await _is_gone(held, key, version)


async def _is_gone(held: Held, key: str, version: str) -> None:
    with pytest.raises((NotStored, Unavailable)):
        await held.read(key, version)


def _signed(method: str, url: str) -> dict[str, str]:
    request = AWSRequest(method, url)
    S3SigV4Auth(Credentials(*ADMIN), "s3", "us-east-1").add_auth(request)
    return dict(request.prepare().headers)


def _asked(method: str, url: str, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, method=method, headers=headers)  # our own server
    with urllib.request.urlopen(request, timeout=60) as answer:  # the same
        return answer.headers
