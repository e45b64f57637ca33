"""What every `ObjectStore` promises."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evidence.errors import Conflict, Unavailable
from evidence.ids import new_id
from evidence.keys import original_key
from evidence.ports.objects import AlreadyStored, NotStored, ObjectStore
from storage.objects.disk import set_immutable
from storage.objects.filesystem import FilesystemStore
from storage.objects.mirrored import MirroredStore
from storage.objects.s3.client import Bucket
from storage.objects.s3.store import S3Store
from tests.s3_server import S3Server

#: A real server judges by its own clock.
NOW = datetime.now(UTC).replace(microsecond=0)
#: Of more than one part where a store takes it in parts.
DATA = os.urandom(17_000_001)
SHA256 = hashlib.sha256(DATA).hexdigest()
UNTIL = NOW + timedelta(days=7)


@pytest.fixture(
    params=[
        "filesystem",
        "filesystem-immutable",
        "seaweed",
        "mirrored",
        pytest.param("ceph", marks=pytest.mark.long),
    ]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    if request.param in {"seaweed", "ceph"}:
        server: S3Server = request.getfixturevalue(request.param)
        place = server.place(server.make_bucket())
        yield S3Store(Bucket(place), tmp_path / "scratch")
        return
    immutable = request.param == "filesystem-immutable"
    own = FilesystemStore(tmp_path / "store", immutable=immutable)
    if request.param == "mirrored":
        other = tmp_path / "other"
        other.mkdir()
        (other / "there").touch()
        yield MirroredStore(own, [FilesystemStore(other, immutable=False, marker="there")])
        return
    yield own
    if immutable:
        for path in (tmp_path / "store" / "objects").rglob("*"):
            if path.is_file():
                set_immutable(path, on=False)


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    path = tmp_path / "staged"
    path.write_bytes(DATA)
    return path


def a_key() -> str:
    return original_key(new_id(NOW), SHA256, NOW)


async def commit(store: ObjectStore, key: str, staged: Path, sha256: str = SHA256) -> None:
    await store.commit(key, staged, size=len(DATA), sha256=sha256, locked_until=UNTIL)


async def test_what_is_committed_is_there_locked_and_no_longer_staged(
    store: ObjectStore, staged: Path
) -> None:
    key = a_key()
    await commit(store, key, staged)
    assert not staged.exists()
    stat = await store.stat(key)
    assert (stat.size, stat.locked_until) == (len(DATA), UNTIL)
    async with store.open(key) as file:
        assert file.read() == DATA
    assert [found async for found in store.keys("originals/")] == [key]


async def test_a_commit_may_be_repeated_with_and_without_the_staged_file(
    store: ObjectStore, staged: Path
) -> None:
    key = a_key()
    await commit(store, key, staged)
    await commit(store, key, staged)
    staged.write_bytes(DATA)
    await commit(store, key, staged)
    assert not staged.exists()


async def test_other_bytes_never_replace_what_is_there(store: ObjectStore, staged: Path) -> None:
    key = a_key()
    await commit(store, key, staged)
    other = os.urandom(len(DATA))
    staged.write_bytes(other)
    with pytest.raises(AlreadyStored):
        await commit(store, key, staged, hashlib.sha256(other).hexdigest())
    assert staged.exists()
    async with store.open(key) as file:
        assert file.read() == DATA


async def test_a_commit_of_nothing_says_so(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as error:
        await commit(store, a_key(), tmp_path / "absent")
    assert error.value.code == "staged-missing"


async def test_a_file_that_somebody_still_writes_to_is_not_taken(store: ObjectStore, staged: Path) -> None:
    key = a_key()
    with staged.open("r+b"), pytest.raises(Conflict) as error:
        await commit(store, key, staged)
    assert error.value.code == "still-open"
    await commit(store, key, staged)


async def test_a_lock_only_extends(store: ObjectStore, staged: Path) -> None:
    key = a_key()
    await commit(store, key, staged)
    later = UNTIL + timedelta(days=400)
    assert (await store.extend_lock(key, later)).locked_until == later
    assert (await store.extend_lock(key, UNTIL)).locked_until == later
    assert (await store.extend_lock(key, later)).locked_until == later


async def test_small_objects_are_create_only_too(store: ObjectStore) -> None:
    key = f"originals/2026/11/{new_id(NOW)}/manifest.json"
    await store.put(key, b"{}", locked_until=UNTIL)
    await store.put(key, b"{}", locked_until=UNTIL)
    with pytest.raises(AlreadyStored):
        await store.put(key, b"[]", locked_until=UNTIL)


async def test_who_says_what_will_be_read_is_given_the_same(
    store: ObjectStore, staged: Path, tmp_path: Path
) -> None:
    original, made = a_key(), f"renditions/{new_id(NOW)}/{new_id(NOW)}/playable.mp4"
    await commit(store, original, staged)
    (tmp_path / "made").write_bytes(DATA)
    await store.put_rendition(made, tmp_path / "made")
    version = (await store.stat(original)).version
    for key, named in ((original, version), (original, ""), (made, "")):
        for start, end in ((0, len(DATA)), (5, 9), (1 << 20, 3 << 20), (len(DATA) - 1, len(DATA)), (7, 7)):
            async with store.open(key, version=named, span=(start, end)) as file:
                await asyncio.to_thread(file.seek, start)
                assert await asyncio.to_thread(file.read, end - start) == DATA[start:end]
                await asyncio.to_thread(file.seek, 2)
                assert await asyncio.to_thread(file.read, 3) == DATA[2:5]


async def test_a_rendition_is_unlocked_and_replaced(store: ObjectStore, tmp_path: Path) -> None:
    key = f"renditions/{new_id(NOW)}/{new_id(NOW)}/playable.mp4"
    for content in (b"one", b"two"):
        source = tmp_path / "made"
        source.write_bytes(content)
        assert (await store.put_rendition(key, source)).locked_until is None
        async with store.open(key) as file:
            assert file.read() == content


async def test_only_what_can_be_made_again_is_discarded(
    store: ObjectStore, staged: Path, tmp_path: Path
) -> None:
    original = a_key()
    await commit(store, original, staged)
    with pytest.raises(ValueError, match="rendition"):
        await store.discard_rendition(original)
    made, disclosed = (f"renditions/{new_id(NOW)}/{new_id(NOW)}/part.mp4" for _ in range(2))
    for key in (made, disclosed):
        source = tmp_path / "made"
        source.write_bytes(b"one")
        await store.put_rendition(key, source)
    await store.extend_lock(disclosed, NOW)
    with pytest.raises(Conflict) as error:
        await store.discard_rendition(disclosed)
    assert error.value.code == "locked"
    for _ in range(2):
        await store.discard_rendition(made)
        with pytest.raises(NotStored):
            await store.stat(made)
    assert (await store.stat(disclosed)).size == 3
    assert (await store.stat(original)).size == len(DATA)


async def test_a_read_back_reads_every_byte(store: ObjectStore, staged: Path) -> None:
    key = a_key()
    await commit(store, key, staged)
    found = await store.read_back(key)
    assert (found.size, found.sha256) == (len(DATA), SHA256)
    assert found.sha512 == hashlib.sha512(DATA).hexdigest()
    assert found.sm3 == hashlib.new("sm3", DATA).hexdigest()
    assert found.method in {"direct", "cached"}


async def test_what_is_not_there_is_said_to_be_not_there(store: ObjectStore) -> None:
    for ask in (store.stat(a_key()), store.read_back(a_key()), store.extend_lock(a_key(), UNTIL)):
        with pytest.raises(NotStored):
            await ask
    with pytest.raises(NotStored):
        async with store.open(a_key()):
            pass


@pytest.mark.parametrize("key", ["../x", "originals/../../x", "/etc/passwd", "a//b", ""])
async def test_no_key_leaves_the_store(store: ObjectStore, staged: Path, key: str) -> None:
    with pytest.raises(ValueError):
        await commit(store, key, staged)


async def test_two_commits_at_once_make_one_object(store: ObjectStore, staged: Path) -> None:
    key = a_key()
    await asyncio.gather(commit(store, key, staged), commit(store, key, staged), return_exceptions=True)
    await commit(store, key, staged)
    async with store.open(key) as file:
        assert file.read() == DATA
