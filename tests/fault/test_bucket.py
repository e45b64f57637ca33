"""A bucket under attack: what was stored stays found, whole and locked."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
from botocore.exceptions import ClientError

from evidence.errors import Conflict, NoSpace, Unavailable
from evidence.ids import new_id
from evidence.items import Item, Submission
from evidence.keys import rendition_key
from evidence.ports.objects import AlreadyStored, NotStored
from storage.objects.s3.checking import MOST_SKEW, require_fit
from storage.objects.s3.client import Bucket
from storage.objects.s3.disposer import S3Disposer
from storage.objects.s3.heads import after
from storage.objects.s3.log import S3Log
from storage.objects.s3.place import Place
from storage.objects.s3.store import S3Store
from tests.buckets import NOW, SIZES, UNTIL, Held, key_of, opened
from tests.faulty_store import FaultyStore
from tests.s3_server import ADMIN, DISPOSAL, SERVICE, S3Server
from tests.seaweed import Seaweed
from tests.serving.waiting import eventually


@pytest.mark.parametrize("size", SIZES)
async def test_an_administrator_of_the_store_ends_nothing_early(held: Held, size: int) -> None:
    key, version, data = await held.stored(size)
    one = {"Bucket": held.name, "Key": key, "VersionId": version}

    def retain(mode: str, until: datetime) -> Any:
        return lambda: held.admin.put_object_retention(
            **one, Retention={"Mode": mode, "RetainUntilDate": until}, BypassGovernanceRetention=True
        )

    attempts = {
        "delete": lambda: held.admin.delete_object(**one),
        "delete, bypassing": lambda: held.admin.delete_object(**one, BypassGovernanceRetention=True),
        "shorten": retain("COMPLIANCE", UNTIL - timedelta(hours=1)),
        "downgrade": retain("GOVERNANCE", UNTIL + timedelta(days=1)),
        "suspend versions": lambda: held.admin.put_bucket_versioning(
            Bucket=held.name, VersioningConfiguration={"Status": "Suspended"}
        ),
        "delete the bucket": lambda: held.admin.delete_bucket(Bucket=held.name),
    }
    if held.bucket.abilities().creates_once:
        attempts["create over it"] = lambda: held.admin.put_object(
            Bucket=held.name, Key=key, Body=b"other", IfNoneMatch="*"
        )
    for what, attempt in attempts.items():
        with pytest.raises(ClientError):
            attempt()
        assert (await held.store.stat(key, version=version)).locked_until == UNTIL, what
    assert await held.read(key, version) == data


async def test_removing_many_at_once_removes_nothing_locked(held: Held) -> None:
    for size in SIZES:
        key, version, data = await held.stored(size)
        removed = held.admin.delete_objects(
            Bucket=held.name, Delete={"Objects": [{"Key": key, "VersionId": version}]}
        )
        assert [one["Code"] for one in removed["Errors"]] == ["AccessDenied"]
        assert await held.read(key, version) == data


async def test_the_services_own_rights_end_nothing(s3_server: S3Server, held: Held) -> None:
    key, version, data = await held.stored()
    loose = key_of(b"never locked")
    lying = held.admin.put_object(Bucket=held.name, Key=loose, Body=b"never locked")["VersionId"]
    head = held.admin.put_object(Bucket=held.name, Key="catalogue/tail", Body=b"t")["VersionId"]
    service, disposal = (Bucket(s3_server.place(held.name, who)) for who in (SERVICE, DISPOSAL))
    refused = [
        lambda: service.ask("delete_object", Key=key),
        lambda: service.ask("delete_object", Key=loose),
        # Not even what nothing locks: that is for the process that disposes.
        lambda: service.ask("delete_object", Key=loose, VersionId=lying),
        lambda: service.ask("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}),
        lambda: service.ask("put_bucket_policy", Policy="{}"),
        lambda: service.ask("delete_bucket_lifecycle"),
        # Whoever puts an object owns it on some servers, and an owner may open it to all unless denied.
        lambda: service.ask("put_object_acl", Key=key, VersionId=version, ACL="public-read"),
        lambda: disposal.ask("delete_object", Key=key, VersionId=version),
        lambda: disposal.ask("put_object", Key=key, Body=b"other"),
        lambda: disposal.ask("delete_object", Key="log/checkpoint"),
        lambda: disposal.ask("delete_object", Key="catalogue/tail", VersionId=head),
    ]
    for attempt in refused:
        with pytest.raises(Unavailable) as error:
            attempt()
        assert error.value.code == "store-refused"
    assert await held.read(key, version) == data
    disposal.ask("delete_object", Key=loose, VersionId=lying)
    # What tells of an item that went, and what no restoration needs any more.
    for key in ("exports/1/2/metadata.bin", "catalogue/000/000/000"):
        lying = held.admin.put_object(Bucket=held.name, Key=key, Body=b"x")["VersionId"]
        disposal.ask("delete_object", Key=key, VersionId=lying)


async def test_what_is_put_on_top_covers_nothing_up(held: Held) -> None:
    key, version, data = await held.stored()
    covers = (
        lambda: held.admin.delete_object(Bucket=held.name, Key=key),
        lambda: held.admin.put_object(Bucket=held.name, Key=key, Body=b"another recording"),
        lambda: held.admin.delete_object(Bucket=held.name, Key=key),
    )
    found = await held.store.read_back(key, version=version)
    assert await held.store.covers(key, found) == 0
    for number, cover in enumerate(covers, 1):
        cover()
        assert await held.store.covers(key, found, version=version) == number
        for named in (version, ""):
            assert await held.read(key, named) == data
            assert (await held.store.stat(key, version=named)).version == version
        assert (await held.store.read_back(key)).sha256 == hashlib.sha256(data).hexdigest()
        assert [found async for found in held.store.keys("originals/")] == [key]
        # Sent once more, it is found below what was put on top and makes no second one.
        assert (await held.commit(key, data)).version == version
    later = UNTIL + timedelta(days=30)
    assert (await held.store.extend_lock(key, later)).version == version
    # Some stores give a version another instant with its lock; it stays the first.
    since = datetime.now(UTC)
    eventually(lambda: datetime.now(UTC) - since > timedelta(seconds=1.1), "another second")
    later += timedelta(days=1)
    assert (await held.store.extend_lock(key, later)).version == version
    await held.store.set_hold(key, True)
    assert (await held.store.stat(key, version=version)).held
    assert (await held.store.stat(key, version=version)).locked_until == later
    with pytest.raises(AlreadyStored):
        await held.commit(key, b"another recording")


async def test_what_covers_is_other_bytes_or_such_as_custos_may_not_read(
    seaweed: Seaweed, tmp_path: Path
) -> None:
    held = opened(seaweed, seaweed.make_bucket(), tmp_path)
    key, version, data = await held.stored()
    found = await held.store.read_back(key, version=version)
    hidden = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    for body, extra, covers in ((data, {}, 0), (bytes(len(data)), {}, 1), (data, hidden, 2), (data, {}, 2)):
        held.admin.put_object(Bucket=held.name, Key=key, Body=body, **extra)
        assert await held.store.covers(key, found, version=version) == covers
        assert await held.store.covers(key, found) == covers


async def test_what_is_put_over_the_logs_files_covers_nothing_up(held: Held) -> None:
    log = S3Log(held.store)
    await log.put("bodies/000", b"what the events said", UNTIL)
    key = "log/bodies/000"
    held.admin.put_object(Bucket=held.name, Key=key, Body=b"something else")
    assert await log.read_kept("bodies/000") == b"what the events said"
    held.admin.delete_object(Bucket=held.name, Key=key)
    assert await log.read_kept("bodies/000") == b"what the events said"
    assert await log.read_kept("bodies/001") is None


async def test_what_lay_there_first_under_its_name_is_no_original_of_ours(held: Held) -> None:
    data = os.urandom(SIZES[0])
    key = key_of(data)
    held.admin.put_object(Bucket=held.name, Key=key, Body=b"planted")
    with pytest.raises(AlreadyStored):
        await held.commit(key, data)
    with pytest.raises(AlreadyStored):
        await held.store.put(key, data, locked_until=UNTIL)


async def test_a_lock_that_can_be_lifted_counts_as_none(held: Held) -> None:
    data = os.urandom(SIZES[0])
    key, staged = key_of(data), held.staged(data)
    held.admin.put_object(
        Bucket=held.name,
        Key=key,
        Body=data,
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=UNTIL + timedelta(days=99),
    )
    assert (await held.store.stat(key)).locked_until is None
    # The service may not lift it, and this server puts no other over it: then nothing is acknowledged.
    with pytest.raises(Unavailable) as error:
        await held.store.commit(
            key, staged, size=len(data), sha256=hashlib.sha256(data).hexdigest(), locked_until=UNTIL
        )
    assert error.value.code == "store-refused"
    assert staged.exists()


async def test_a_version_that_is_not_there_is_not_replaced_by_another(held: Held) -> None:
    key, version, _ = await held.stored()
    _, other, _ = await held.stored()
    for wrong in (other, "0" * len(version)):
        with pytest.raises(NotStored):
            await held.read(key, wrong)
        with pytest.raises(NotStored):
            await held.store.extend_lock(key, UNTIL + timedelta(days=1), version=wrong)


def test_a_bucket_that_would_not_keep_it_is_refused_with_reasons(s3_server: S3Server) -> None:
    admin = s3_server.administrator()

    def refused(name: str, now: datetime | None = None) -> str:
        bucket = Bucket(s3_server.place(name))
        with pytest.raises(Unavailable) as error:
            require_fit(bucket, lambda: now or datetime.now(UTC))
        assert error.value.code == "store-unfit"
        return error.value.message

    plain = s3_server.make_bucket(locking=False)
    assert "does not keep versions" in refused(plain)
    assert "no Object Lock" in refused(plain)
    lasting = s3_server.make_bucket()
    admin.put_object_lock_configuration(
        Bucket=lasting,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    assert "default retention" in refused(lasting)
    passing = s3_server.make_bucket()
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}
    admin.put_bucket_lifecycle_configuration(Bucket=passing, LifecycleConfiguration={"Rules": [rule]})
    assert "lifecycle rule tidy" in refused(passing)
    fit = s3_server.make_bucket()
    require_fit(Bucket(s3_server.place(fit)))
    for way in (1, -1):
        assert "clock differs" in refused(fit, datetime.now(UTC) + way * (MOST_SKEW + timedelta(seconds=9)))


def test_a_server_that_would_store_what_changed_on_the_way_is_refused(s3_server: S3Server) -> None:
    bucket = Bucket(s3_server.place(s3_server.make_bucket()))
    found = bucket.abilities()
    assert found.checks_bytes
    assert not list(bucket.versions(""))
    bucket._abilities = replace(found, checks_digests=False, checks_signatures=False)
    with pytest.raises(Unavailable, match="changes on the way") as error:
        require_fit(bucket)
    assert error.value.code == "store-unfit"


async def test_a_full_store_is_a_start_all_the_same(held: Held, faulty: FaultyStore) -> None:
    key, version, data = await held.stored()
    assert await S3Log(held.store).swap(None, b"a head") == b"a head"
    full = True
    faulty.plan = lambda method, path: 507 if full and method in {"PUT", "POST"} else None
    bucket = Bucket(replace(held.reached, endpoint=faulty.url))
    require_fit(bucket)
    store = S3Store(bucket, held.place / "other")
    assert await S3Log(store).read("checkpoint") == b"a head"
    async with store.open(key, version=version) as file:
        assert await asyncio.to_thread(file.read) == data
    more = os.urandom(SIZES[0])
    there = replace(held, bucket=bucket, store=store)
    with pytest.raises(NoSpace):
        await there.commit(key_of(more), more)
    full = False
    await there.commit(key_of(more), more)


async def test_the_order_of_versions_decides_where_no_condition_is_heeded(held: Held) -> None:
    # Of a server that does heed it nothing is asked for that it would not do without.
    held.bucket._abilities = replace(held.bucket.abilities(), creates_once=False, exchanges=False)
    log = S3Log(held.store)
    assert await log.read("checkpoint") is None
    assert await log.swap(b"something", b"one") is None
    assert await log.swap(None, b"one") == b"one"
    assert await log.swap(None, b"other") == b"one"
    assert await log.swap(b"one", b"two") == b"two"
    # Somebody who looked while "one" lay there, and died before seeing that it was too late.
    late = held.admin.put_object(Bucket=held.name, Key="log/checkpoint", Body=b"late", Metadata=after(b"one"))
    assert await log.read("checkpoint") == b"two"
    assert await log.swap(b"late", b"three") == b"two"
    assert len(held.versions("log/checkpoint")) == 2
    assert await log.swap(b"two", b"three") == b"three"
    (left,) = held.versions("log/checkpoint")
    assert left["VersionId"] != late["VersionId"]
    # A head whose answer was lost is known again.
    assert await log.swap(b"two", b"three") == b"three"
    # An attempt that is repeated meets what the one before it made, and makes no second one.
    key, version, data = await held.stored()
    assert (await held.commit(key, data)).version == version
    assert len(held.versions(key)) == 1


def test_a_clock_that_is_another_is_called_so(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket(s3_server.place(s3_server.make_bucket()))
    real = botocore.auth.get_current_datetime
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda *said, **so: real(*said, **so) - timedelta(hours=1)
    )
    with pytest.raises(Unavailable) as error:
        require_fit(bucket)
    assert error.value.code == "store-clock"


def test_keys_that_the_store_does_not_know_are_refused_in_words(s3_server: S3Server, tmp_path: Path) -> None:
    wrong = tmp_path / "credentials"
    wrong.write_text("[default]\naws_access_key_id = nobody\naws_secret_access_key = nothing\n")
    with pytest.raises(Unavailable) as error:
        require_fit(Bucket(Place(s3_server.make_bucket(), s3_server.endpoint, credentials=wrong)))
    assert error.value.code == "store-refused"
    assert "nothing" not in error.value.message


def test_a_bucket_that_is_not_there_is_called_so(s3_server: S3Server) -> None:
    with pytest.raises(Unavailable) as error:
        require_fit(Bucket(s3_server.place("evidence-elsewhere")))
    assert error.value.code == "store-no-bucket"


@pytest.mark.parametrize("content", [None, "", "[default]\naws_access_key_id = service\n", "keys: none"])
def test_keys_that_are_not_there_are_called_so(
    s3_server: S3Server, tmp_path: Path, content: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What lies in the environment is somebody else's.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ADMIN[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ADMIN[1])
    file = tmp_path / "credentials"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Unavailable) as error:
        require_fit(Bucket(Place(s3_server.make_bucket(), s3_server.endpoint, credentials=file)))
    assert error.value.code == "store-no-keys"
    with pytest.raises(Unavailable) as error:
        Bucket(replace(s3_server.place("evidence-any"), trusted=tmp_path / "authorities.pem"))
    assert error.value.code == "store-untrusted"


async def test_a_disposal_removes_every_version_and_marker_once_the_lock_has_ended(
    s3_server: S3Server, held: Held
) -> None:
    key, _, data = await held.stored()
    item = Item(
        key.split("/")[3], new_id(NOW), "u", new_id(NOW), Submission("f"), "video", "video/mp4", len(data),
        hashlib.sha256(data).hexdigest(), 0, key, NOW, UNTIL,
    )  # fmt: skip
    other = await held.stored()
    made = held.staged(b"made")
    await held.store.put_rendition(rendition_key(item.id, new_id(NOW), "poster.jpg"), made)
    disposer = S3Disposer(Bucket(s3_server.place(held.name, DISPOSAL)))
    assert len(await disposer.keys_of(item)) == 2
    assert await disposer.locked_until(item) == UNTIL
    with pytest.raises(Conflict, match="locked"):
        await disposer.dispose(key, UNTIL - timedelta(seconds=1))
    # The disposal's clock is not the store's: the store refuses what is locked by its own.
    with pytest.raises(Unavailable) as error:
        await disposer.dispose(key, UNTIL)
    assert error.value.code == "store-refused"
    assert await held.read(key) == data
    # Something whose lock does end.
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=6)
    brief = replace(item, id=new_id(NOW), key=key_of(b"brief"))
    brief = replace(brief, id=brief.key.split("/")[3])
    held.admin.put_object(
        Bucket=held.name,
        Key=brief.key,
        Body=b"brief",
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=until,
    )
    held.admin.delete_object(Bucket=held.name, Key=brief.key)
    held.admin.put_object(Bucket=held.name, Key=brief.key, Body=b"on top")
    await held.store.set_hold(brief.key, True)
    assert await disposer.is_held(brief)
    eventually(lambda: datetime.now(UTC) > until + timedelta(seconds=1), "the lock has ended")
    with pytest.raises(Conflict, match="hold"):
        await disposer.dispose(brief.key, datetime.now(UTC))
    await held.store.set_hold(brief.key, False)
    for _ in range(2):
        await disposer.dispose(brief.key, datetime.now(UTC))
        assert await disposer.keys_of(brief) == []
        with pytest.raises(NotStored):
            await held.store.stat(brief.key)
    listed = held.admin.list_object_versions(Bucket=held.name, Prefix=brief.key)
    assert not listed.get("Versions")
    assert not listed.get("DeleteMarkers")
    assert await held.read(other[0], other[1]) == other[2]
