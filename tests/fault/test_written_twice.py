"""Two writes at once on a server that heeds no condition: two versions, of which the first one counts."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.errors import Conflict
from evidence.ids import new_id
from evidence.items import Item, Submission
from evidence.keys import manifest_key
from evidence.ports.objects import AlreadyStored, NotStored
from storage.objects.s3 import store as storing
from storage.objects.s3.client import Bucket
from storage.objects.s3.disposer import S3Disposer
from tests import buckets
from tests.buckets import NOW, SIZES, UNTIL, Held, key_of
from tests.ceph import Ceph
from tests.s3_server import DISPOSAL, S3Server
from tests.serving.waiting import eventually

pytestmark = pytest.mark.long
_PATIENCE_SECONDS = 60


@pytest.fixture
def s3_server(ceph: Ceph) -> S3Server:
    return ceph


@contextmanager
def at_once(held: Held, number: int = 2) -> Iterator[None]:
    """So many of the requests that make an object are sent once all have been asked for, and none before."""
    both = threading.Barrier(number)
    clients = [held.bucket._client(True, True), held.bucket._client(None, True)]

    def wait(**_: Any) -> None:
        both.wait(_PATIENCE_SECONDS)

    names = [f"before-send.s3.{one}" for one in ("PutObject", "CompleteMultipartUpload")]
    for client in clients:
        for name in names:
            client.meta.events.register(name, wait)
    yield
    for client in clients:
        for name in names:
            client.meta.events.unregister(name, wait)


async def twice(held: Held, size: int = SIZES[0]) -> tuple[str, str, str, bytes]:
    """Key, the version that counts, the other one, and the bytes, after two have committed them at once."""
    data = os.urandom(size)
    key = key_of(data)
    with at_once(held):
        first, second = await asyncio.gather(*(held.commit(key, data) for _ in range(2)))
    assert first == second, "both go by the same version"
    other, counts = [one["VersionId"] for one in held.versions(key)]
    assert first.version == counts
    return key, counts, other, data


@pytest.mark.parametrize("size", SIZES)
async def test_the_first_counts_for_both_and_nothing_covers_it(held: Held, size: int) -> None:
    key, version, other, data = await twice(held, size)
    assert (await held.store.stat(key)).version == version
    assert (await held.store.stat(key, version=version)).locked_until == UNTIL
    for named in (version, ""):
        assert await held.read(key, named) == data
    # The other one is locked if its bytes went with one request; it is superfluous either way.
    locked = (await held.store.stat(key, version=other)).locked_until
    assert locked == (UNTIL if size == SIZES[0] else None)
    found = await held.store.read_back(key, version=version)
    assert await held.store.covers(key, found, version=version) == 0
    # Others' bytes do, also as many of them; and a third that sends it again makes none.
    held.admin.put_object(Bucket=held.name, Key=key, Body=bytes(size))
    assert await held.store.covers(key, found, version=version) == 1
    assert (await held.commit(key, data)).version == version
    held.admin.delete_object(Bucket=held.name, Key=key)
    assert await held.store.covers(key, found, version=version) == 2
    assert {one["VersionId"] for one in held.versions(key)} > {version, other}
    assert len(held.versions(key)) == 3


async def test_many_at_once_go_by_one(held: Held) -> None:
    for _ in range(10):
        data = os.urandom(SIZES[0])
        key = key_of(data)
        with at_once(held, 5):
            stats = await asyncio.gather(*(held.commit(key, data) for _ in range(5)))
        listed = [one["VersionId"] for one in held.versions(key)]
        assert len(listed) == 5
        assert {one.version for one in stats} == {listed[-1]}
        found = await held.store.read_back(key)
        assert await held.store.covers(key, found, version=listed[-1]) == 0


async def test_of_two_that_differ_one_is_kept_and_the_other_is_told(held: Held) -> None:
    key = key_of(b"one of them")
    some = [os.urandom(SIZES[0]) for _ in range(2)]
    with at_once(held):
        told = await asyncio.gather(*(held.commit(key, one) for one in some), return_exceptions=True)
    (refused,) = [number for number, one in enumerate(told) if isinstance(one, AlreadyStored)]
    assert await held.read(key) == some[1 - refused]
    found = await held.store.read_back(key)
    assert await held.store.covers(key, found) == 1


async def test_what_is_read_to_compare_is_waited_for_like_all_that_an_audit_reads(held: Held) -> None:
    key, version, _, data = await twice(held)
    read: list[int] = []

    async def pace(length: int) -> None:
        read.append(length)

    found = await held.store.read_back(key, version=version)
    assert await held.store.covers(key, found, pace, version=version) == 0
    assert sum(read) >= len(data)


@pytest.mark.parametrize("size", SIZES)
async def test_locks_and_holds_keep_all_of_it_and_a_disposal_takes_all_of_it(
    ceph: Ceph, held: Held, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    # As short as the server lets a lock be, so that it is seen to end.
    monkeypatch.setattr(storing, "_SHORTEST_LOCK", timedelta(seconds=3))
    monkeypatch.setattr(buckets, "UNTIL", NOW)
    key, version, other, data = await twice(held, size)
    with at_once(held):
        await asyncio.gather(*(held.store.put(manifest_key(key), b"{}", locked_until=NOW) for _ in range(2)))
    item = Item(
        key.split("/")[3], new_id(NOW), "u", new_id(NOW), Submission("f"), "video", "video/mp4", len(data),
        hashlib.sha256(data).hexdigest(), 0, key, NOW, NOW, version=version,
    )  # fmt: skip
    until = (datetime.now(UTC) + timedelta(seconds=10)).replace(microsecond=0)
    await held.store.extend_lock(key, until, version=version)
    await held.store.set_hold(key, True, version=version)
    disposer = S3Disposer(Bucket(ceph.place(held.name, DISPOSAL)))
    assert await disposer.keys_of(item) == sorted([key, manifest_key(key)])
    assert await disposer.locked_until(item) == until
    assert await disposer.is_held(item)
    # The other one's own lock ends first, and no hold is on it: it stays with the one that counts.
    with pytest.raises(Conflict, match="locked"):
        await disposer.dispose(key, until - timedelta(seconds=1))
    eventually(lambda: datetime.now(UTC) > until + timedelta(seconds=1), "the locks have ended")
    with pytest.raises(Conflict, match="hold"):
        await disposer.dispose(key, datetime.now(UTC))
    assert [one["VersionId"] for one in held.versions(key)] == [other, version]
    await held.store.set_hold(key, False, version=version)
    assert not await disposer.is_held(item)
    for one in (key, manifest_key(key)):
        await disposer.dispose(one, datetime.now(UTC))
        assert not held.versions(one)
    assert await disposer.keys_of(item) == []
    for named in (version, other):
        with pytest.raises(NotStored):
            await held.read(key, named)
    # What is larger than one object of the cluster the gateway lets go of later; by itself after two hours.
    assert bool(left_of(ceph, item)) == (size == SIZES[1])
    ceph.gateway_admin("gc", "process", "--include-all")
    assert not left_of(ceph, item)


def left_of(ceph: Ceph, item: Item) -> list[str]:
    """The objects below the gateway that have bytes of it."""
    return [one for one in ceph.rados("ls").splitlines() if item.id in one]
