"""A bucket under attack, and one whose server fails: what was stored stays found, whole and locked."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from evidence.errors import Conflict, Unavailable
from evidence.ids import new_id
from evidence.items import Item, Submission
from evidence.keys import original_key, rendition_key
from evidence.ports.objects import AlreadyStored, NotStored
from storage.objects.s3.checking import MOST_SKEW, require_fit
from storage.objects.s3.client import Bucket
from storage.objects.s3.disposer import S3Disposer
from storage.objects.s3.log import S3Log
from storage.objects.s3.place import Place
from storage.objects.s3.store import S3Store
from tests.faulty_store import BUSY, CUT, ERROR, LOST, Fault, FaultyStore, faulty_store
from tests.seaweed import ADMIN, DISPOSAL, SERVICE, Seaweed
from tests.serving.waiting import eventually

NOW = datetime.now(UTC).replace(microsecond=0)
UNTIL = NOW + timedelta(days=7)
#: One that goes in a request, one that goes in parts.
SIZES = (100_003, 20_000_001)


@dataclass
class Held:
    """A bucket, the store in it, and its administrator."""

    name: str
    bucket: Bucket
    store: S3Store
    admin: Any
    place: Path

    def staged(self, data: bytes) -> Path:
        path = self.place / new_id(NOW)
        path.write_bytes(data)
        return path

    async def stored(self, size: int = SIZES[0]) -> tuple[str, str, bytes]:
        """Key, version and bytes of something that was committed."""
        data = os.urandom(size)
        key = key_of(data)
        stat = await self.commit(key, data)
        return key, stat.version, data

    async def commit(self, key: str, data: bytes) -> Any:
        sha256 = hashlib.sha256(data).hexdigest()
        return await self.store.commit(
            key, self.staged(data), size=len(data), sha256=sha256, locked_until=UNTIL
        )

    async def read(self, key: str, version: str = "") -> bytes:
        async with self.store.open(key, version=version) as file:
            return await asyncio.to_thread(file.read)

    def versions(self, key: str) -> list[Any]:
        found = self.admin.list_object_versions(Bucket=self.name, Prefix=key)
        return [*found.get("Versions", ())]


def key_of(data: bytes) -> str:
    return original_key(new_id(NOW), hashlib.sha256(data).hexdigest(), NOW)


def opened(seaweed: Seaweed, name: str, place: Path, endpoint: str | None = None) -> Held:
    bucket = Bucket(seaweed.place(name, endpoint=endpoint))
    return Held(name, bucket, S3Store(bucket, place / "scratch"), seaweed.administrator(), place)


@pytest.fixture
def held(seaweed: Seaweed, tmp_path: Path) -> Held:
    return opened(seaweed, seaweed.make_bucket(), tmp_path)


@pytest.fixture
def faulty(seaweed: Seaweed) -> Iterator[FaultyStore]:
    with faulty_store(seaweed.endpoint) as proxy:
        yield proxy


@pytest.fixture
def troubled(seaweed: Seaweed, tmp_path: Path, faulty: FaultyStore) -> Held:
    """A bucket whose server is reached through what happens to requests."""
    return opened(seaweed, seaweed.make_bucket(), tmp_path, faulty.url)


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
        "create over it": lambda: held.admin.put_object(
            Bucket=held.name, Key=key, Body=b"other", IfNoneMatch="*"
        ),
        "delete the bucket": lambda: held.admin.delete_bucket(Bucket=held.name),
    }
    for what, attempt in attempts.items():
        with pytest.raises(ClientError):
            attempt()
        assert (await held.store.stat(key, version=version)).locked_until == UNTIL, what
    assert await held.read(key, version) == data


async def test_the_services_own_rights_end_nothing(seaweed: Seaweed, held: Held) -> None:
    key, version, data = await held.stored()
    loose = key_of(b"never locked")
    lying = held.admin.put_object(Bucket=held.name, Key=loose, Body=b"never locked")["VersionId"]
    service, disposal = (Bucket(seaweed.place(held.name, who)) for who in (SERVICE, DISPOSAL))
    refused = [
        lambda: service.ask("delete_object", Key=key),
        lambda: service.ask("delete_object", Key=loose),
        # Not even what nothing locks: that is for the process that disposes.
        lambda: service.ask("delete_object", Key=loose, VersionId=lying),
        lambda: service.ask("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}),
        lambda: service.ask("put_bucket_policy", Policy="{}"),
        lambda: service.ask("delete_bucket_lifecycle"),
        lambda: disposal.ask("delete_object", Key=key, VersionId=version),
        lambda: disposal.ask("put_object", Key=key, Body=b"other"),
        lambda: disposal.ask("delete_object", Key="log/checkpoint"),
    ]
    for attempt in refused:
        with pytest.raises(Unavailable) as error:
            attempt()
        assert error.value.code == "store-refused"
    assert await held.read(key, version) == data
    disposal.ask("delete_object", Key=loose, VersionId=lying)


async def test_what_is_put_on_top_covers_nothing_up(held: Held) -> None:
    key, version, data = await held.stored()
    covers = (
        lambda: held.admin.delete_object(Bucket=held.name, Key=key),
        lambda: held.admin.put_object(Bucket=held.name, Key=key, Body=b"another recording"),
        lambda: held.admin.delete_object(Bucket=held.name, Key=key),
    )
    assert await held.store.covers(key) == 0
    for number, cover in enumerate(covers, 1):
        cover()
        assert await held.store.covers(key, version=version) == number
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


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fault", [LOST, ERROR, BUSY])
async def test_a_commit_whose_answer_was_lost_is_met_again_and_made_once(
    troubled: Held, faulty: FaultyStore, fault: Fault, size: int
) -> None:
    data = os.urandom(size)
    key = key_of(data)
    # What makes it an object: the only PUT of a small one, the last POST of one in parts.
    faulty.once(fault, *(("PUT", key) if size == SIZES[0] else ("POST", "uploadId")))
    stat = await troubled.commit(key, data)
    assert faulty.faults == [fault]
    assert (stat.size, stat.locked_until) == (size, UNTIL)
    assert [one["VersionId"] for one in troubled.versions(key)] == [stat.version]
    assert await troubled.read(key, stat.version) == data


@pytest.mark.parametrize("size", SIZES)
async def test_bytes_and_lock_come_with_one_request(troubled: Held, faulty: FaultyStore, size: int) -> None:
    _, version, _ = await troubled.stored(size)
    assert version
    assert not [path for method, path, _ in faulty.happened if method == "PUT" and "retention" in path]


@pytest.mark.parametrize("size", SIZES)
async def test_what_somebody_puts_there_meanwhile_is_not_written_over(
    troubled: Held, faulty: FaultyStore, size: int
) -> None:
    data = os.urandom(size)
    key = key_of(data)
    begins = ("PUT", key) if size == SIZES[0] else ("POST", "uploads")

    def plan(method: str, path: str) -> Fault:
        # After it was looked what lies there, and before anything is put.
        if method == begins[0] and begins[1] in path and not troubled.versions(key):
            troubled.admin.put_object(Bucket=troubled.name, Key=key, Body=b"planted")
        return None

    faulty.plan = plan
    with pytest.raises(AlreadyStored):
        await troubled.commit(key, data)
    assert len(troubled.versions(key)) == 1


async def test_what_is_known_to_be_read_takes_one_request(troubled: Held, faulty: FaultyStore) -> None:
    key, version, data = await troubled.stored(SIZES[1])
    span = (1_000_000, 9_000_000)
    faulty.happened.clear()
    async with troubled.store.open(key, version=version, span=span) as file:
        await asyncio.to_thread(file.seek, span[0])
        assert await asyncio.to_thread(file.read, span[1] - span[0]) == data[span[0] : span[1]]
    assert [method for method, _, _ in faulty.happened] == ["GET"]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 30))])
async def test_no_schedule_of_faults_doubles_or_loses_anything(
    troubled: Held, faulty: FaultyStore, seed: int
) -> None:
    drawn = random.Random(seed)  # a schedule, no secret
    log = S3Log(troubled.store)
    kept: dict[str, bytes] = {}
    head: bytes | None = None
    faulty.plan = lambda method, path: drawn.choice([None, None, None, LOST, CUT, ERROR, BUSY])
    for number in range(8):
        data = os.urandom(drawn.choice([1, 70_000, 17_000_000]))
        key = key_of(data)
        while True:
            try:
                await troubled.commit(key, data)
                break
            except Unavailable:
                continue
        kept[key] = data
        following = f"checkpoint {number}".encode()
        while True:
            try:
                found = await log.swap(head, following)
            except Unavailable:
                continue
            assert found == following
            head = following
            break
    assert faulty.faults
    faulty.plan = lambda method, path: None
    assert [found async for found in troubled.store.keys("originals/")] == sorted(kept)
    for key, data in kept.items():
        assert len(troubled.versions(key)) == 1
        assert await troubled.read(key) == data
        assert (await troubled.store.stat(key)).locked_until == UNTIL
    assert await log.read("checkpoint") == head


async def test_a_read_that_breaks_off_goes_on_where_it_was(troubled: Held, faulty: FaultyStore) -> None:
    key, version, data = await troubled.stored(SIZES[1])
    for fault in (CUT, LOST, ERROR):
        faulty.happened.clear()
        faulty.once(fault, "GET", key, times=2)
        assert await troubled.read(key, version) == data
        assert faulty.faults == [fault, fault]
    faulty.plan = lambda method, path: BUSY if method == "GET" else None
    with pytest.raises(Unavailable) as error:
        await troubled.read(key, version)
    assert error.value.code == "store-unavailable"


async def test_any_stretch_is_read_as_of_a_file(held: Held) -> None:
    key, version, data = await held.stored(SIZES[1])
    drawn = random.Random(7)  # places, no secret
    async with held.store.open(key, version=version) as file:
        for _ in range(40):
            at, length = drawn.randrange(len(data) + 10), drawn.choice([0, 1, 4096, 3_000_000])
            await asyncio.to_thread(file.seek, at)
            assert await asyncio.to_thread(file.read, length) == data[at : at + length]
            assert file.tell() == max(at, min(at + length, len(data)))
        assert await asyncio.to_thread(file.seek, -5, os.SEEK_END) == len(data) - 5
        assert await asyncio.to_thread(file.read) == data[-5:]
    async with held.store.local_path(key, version=version) as path:
        assert path.read_bytes() == data
    assert not path.exists()


@pytest.mark.parametrize("size", SIZES)
async def test_a_staged_file_that_was_changed_becomes_no_object(held: Held, size: int) -> None:
    data = os.urandom(size)
    key, staged = key_of(data), held.staged(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(Unavailable) as error:
        await held.store.commit(
            key, staged, size=size, sha256=hashlib.sha256(data).hexdigest(), locked_until=UNTIL
        )
    assert error.value.code == "staged-changed"
    assert staged.exists()
    assert held.versions(key) == []
    assert held.admin.list_multipart_uploads(Bucket=held.name).get("Uploads", []) == []


async def test_what_an_interrupted_commit_left_is_swept(held: Held) -> None:
    key = key_of(b"x")
    begun = held.admin.create_multipart_upload(Bucket=held.name, Key=key)["UploadId"]
    held.admin.upload_part(Bucket=held.name, Key=key, UploadId=begun, PartNumber=1, Body=b"x")
    assert await held.store.sweep_unfinished(NOW - timedelta(days=1)) == 0
    assert await held.store.sweep_unfinished(datetime.now(UTC) + timedelta(seconds=2)) == 1
    assert held.admin.list_multipart_uploads(Bucket=held.name).get("Uploads", []) == []


async def test_of_two_that_swap_at_once_one_succeeds(held: Held) -> None:
    log = S3Log(held.store)
    assert await log.swap(b"something", b"a") is None
    for number in range(2):
        before = await log.read("checkpoint")
        offered = [f"{number} of {one}".encode() for one in range(4)]
        found = await asyncio.gather(*(log.swap(before, one) for one in offered))
        now = await log.read("checkpoint")
        assert now in offered
        assert {one for one in found if one in offered} == {now}
    assert len(held.versions("log/checkpoint")) == 1


async def test_an_answer_to_a_swap_that_was_lost_is_known_again(troubled: Held, faulty: FaultyStore) -> None:
    log = S3Log(troubled.store)
    head = None
    for number in range(3):
        following = f"{number}".encode()
        faulty.once(LOST, "PUT", "checkpoint")
        assert await log.swap(head, following) == following
        head = following
    assert faulty.faults == [LOST] * 3


def test_a_bucket_that_would_not_keep_it_is_refused_with_reasons(seaweed: Seaweed) -> None:
    admin = seaweed.administrator()

    def refused(name: str, now: datetime | None = None) -> str:
        bucket = Bucket(seaweed.place(name))
        with pytest.raises(Unavailable) as error:
            require_fit(bucket, lambda: now or datetime.now(UTC))
        assert error.value.code == "store-unfit"
        return error.value.message

    plain = seaweed.make_bucket(locking=False)
    assert "does not keep versions" in refused(plain)
    assert "no Object Lock" in refused(plain)
    lasting = seaweed.make_bucket()
    admin.put_object_lock_configuration(
        Bucket=lasting,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    assert "default retention" in refused(lasting)
    passing = seaweed.make_bucket()
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}
    admin.put_bucket_lifecycle_configuration(Bucket=passing, LifecycleConfiguration={"Rules": [rule]})
    assert "lifecycle rule tidy" in refused(passing)
    fit = seaweed.make_bucket()
    require_fit(Bucket(seaweed.place(fit)))
    for way in (1, -1):
        assert "clock differs" in refused(fit, datetime.now(UTC) + way * (MOST_SKEW + timedelta(seconds=9)))


def test_keys_that_the_store_does_not_know_are_refused_in_words(seaweed: Seaweed, tmp_path: Path) -> None:
    wrong = tmp_path / "credentials"
    wrong.write_text("[default]\naws_access_key_id = nobody\naws_secret_access_key = nothing\n")
    with pytest.raises(Unavailable) as error:
        require_fit(Bucket(Place(seaweed.make_bucket(), seaweed.endpoint, credentials=wrong)))
    assert error.value.code == "store-refused"
    assert "nothing" not in error.value.message


@pytest.mark.parametrize("content", [None, "", "[default]\naws_access_key_id = service\n", "keys: none"])
def test_keys_that_are_not_there_are_called_so(
    seaweed: Seaweed, tmp_path: Path, content: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What lies in the environment is somebody else's.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ADMIN[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ADMIN[1])
    file = tmp_path / "credentials"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Unavailable) as error:
        require_fit(Bucket(Place(seaweed.make_bucket(), seaweed.endpoint, credentials=file)))
    assert error.value.code == "store-no-keys"
    with pytest.raises(Unavailable) as error:
        Bucket(replace(seaweed.place("evidence-any"), trusted=tmp_path / "authorities.pem"))
    assert error.value.code == "store-untrusted"


async def test_a_disposal_removes_every_version_and_marker_once_the_lock_has_ended(
    seaweed: Seaweed, held: Held
) -> None:
    key, _, data = await held.stored()
    item = Item(
        key.split("/")[3], new_id(NOW), "u", new_id(NOW), Submission("f"), "video", "video/mp4", len(data),
        hashlib.sha256(data).hexdigest(), 0, key, NOW, UNTIL,
    )  # fmt: skip
    other = await held.stored()
    made = held.staged(b"made")
    await held.store.put_rendition(rendition_key(item.id, new_id(NOW), "poster.jpg"), made)
    disposer = S3Disposer(Bucket(seaweed.place(held.name, DISPOSAL)))
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
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
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
