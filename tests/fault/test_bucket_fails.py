"""A bucket whose server fails: nothing is doubled, nothing lost, and reading goes on."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from datetime import UTC, datetime, timedelta

import pytest

from evidence.errors import Unavailable
from evidence.ports.objects import AlreadyStored
from storage.objects.s3.log import S3Log
from tests.buckets import NOW, SIZES, UNTIL, Held, key_of
from tests.faulty_store import BUSY, CUT, ERROR, LOST, Fault, FaultyStore


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fault", [LOST, ERROR, BUSY])
async def test_a_commit_whose_answer_was_lost_is_met_again_and_made_once(
    troubled: Held, faulty: FaultyStore, fault: Fault, size: int
) -> None:
    data = os.urandom(size)
    key = key_of(data)
    # What makes it an object: the only PUT of a small one, the last POST of one in parts.
    faulty.once(fault, *(("PUT", key) if size == SIZES[0] else ("POST", "uploadId")))
    if not troubled.bucket.abilities().creates_once:
        # Nothing is sent twice to such a server: it would make a second version. Who tries again looks first.
        with pytest.raises(Unavailable):
            await troubled.commit(key, data)
    stat = await troubled.commit(key, data)
    assert faulty.faults == [fault]
    # Nor are parts let go of that the server may be joining.
    let_go = [path for method, path, _ in faulty.happened if method == "DELETE" and "uploadId" in path]
    assert not let_go or troubled.bucket.abilities().creates_once
    assert (stat.size, stat.locked_until) == (size, UNTIL)
    assert [one["VersionId"] for one in troubled.versions(key)] == [stat.version]
    assert await troubled.read(key, stat.version) == data


@pytest.mark.parametrize("size", SIZES)
async def test_bytes_and_lock_come_with_one_request(troubled: Held, faulty: FaultyStore, size: int) -> None:
    _, version, _ = await troubled.stored(size)
    assert version
    locked_after = [path for method, path, _ in faulty.happened if method == "PUT" and "retention" in path]
    locks_parts = troubled.bucket.abilities().locks_parts
    assert len(locked_after) == (0 if size == SIZES[0] or locks_parts else 1)


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
    # What was there first stays what is found, also where a server makes another on top.
    creates_once = troubled.bucket.abilities().creates_once
    assert len(troubled.versions(key)) == (1 if creates_once else 2)
    assert await troubled.read(key) == b"planted"


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
