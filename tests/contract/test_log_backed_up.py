"""A log that is copied while it grows, or while older heads lie beside the newest, is proven from that."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from clients.verifier.heads import read
from clients.verifier.log import verify_log
from clients.verifier.receipt import NotVerified
from custody.cosigning import WITNESSED
from custody.log_copying import LogCopy
from custody.partials import KEPT, Partials
from custody.sequencer import LOG_LOCK
from evidence.errors import NoSpace
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import new_id
from evidence.keys import JOURNAL, JOURNAL_TAIL, original_key, rendition_key
from evidence.ports.objects import ObjectStore
from evidence.ports.replicas import Replica
from storage.objects.copying import copy_store
from storage.objects.s3.client import Bucket
from tests.catalogues import SQLITE_FIRST_CEPH_TOO
from tests.contract.test_custody_log import NOW, Place
from tests.contract.test_journal import agent, journal_of, store_of, written
from tests.contract.test_log_copying import Hands, of, vault
from tests.contract.test_self_asserted import stamper
from tests.contract.test_verify_log import grown, key_of, log_of

catalogues = SQLITE_FIRST_CEPH_TOO
__all__ = ["vault"]


@pytest.fixture
async def place(place: Place) -> Place:
    return await grown(place)


async def nothing() -> None:
    """Nothing more happens."""


@dataclass
class Growing:
    """A store in which something happens as soon as somebody begins to list what is below `at`, once."""

    store: ObjectStore
    happens: Callable[[], Awaitable[object]]
    at: str = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        if prefix == self.at:
            happens, self.happens = self.happens, nothing
            await happens()
        async for key in self.store.keys(prefix):
            yield key


def stamping(place: Place) -> Callable[[], Awaitable[object]]:
    """The log grows and its new head is stamped."""

    async def happens() -> None:
        await place.happen(3)
        await place.sequencer().run()
        assert await stamper(place, 5).run() is not None

    return happens


async def test_what_is_stamped_while_a_backup_is_made_comes_with_the_next_one(
    place: Place, tmp_path: Path
) -> None:
    assert await stamper(place).run() is not None
    source: Any = Growing(place.objects, stamping(place))
    log = tmp_path / "backup" / "objects" / "log"
    await copy_store(source, tmp_path / "backup")
    assert verify_log(log, key_of(place)).head.size == 21
    await copy_store(place.objects, tmp_path / "backup")
    report = verify_log(log, key_of(place))
    assert report.head.size == 24
    assert report.steps[-1].proved.startswith("the trees of 2 ")


async def test_copies_that_are_made_while_a_backup_is_made_come_with_the_next_one(
    place: Place, tmp_path: Path
) -> None:
    item, data = new_id(NOW), b"what came in"
    digest = hashlib.sha256(data).hexdigest()
    key = original_key(item, digest, NOW)
    await place.objects.put(key, data, locked_until=NOW + LOG_LOCK)
    subjects = (Subject("item", item),)
    came = EventDraft(EventType.ITEM_INGESTED, None, NOW, subjects, digests={"sha256": digest})
    await place.catalogue.record(came)
    await place.sequencer().run()

    async def make(name: str) -> None:
        (tmp_path / "made").write_bytes(name.encode())
        await place.objects.put_rendition(rendition_key(item, new_id(NOW), name), tmp_path / "made")
        made = hashlib.sha256(name.encode()).hexdigest()
        of = EventDraft(EventType.RENDITION_MADE, None, NOW, subjects, digests={"sha256": made})
        await place.catalogue.record(of)
        await place.sequencer().run()

    await make("before")
    backup = tmp_path / "backup"

    def proven() -> str:
        report = verify_log(backup / "objects" / "log", key_of(place), objects=backup / "objects")
        return report.steps[-1].proved

    for name, copies in (("during", 2), ("later", 3)):
        source: Any = Growing(place.objects, partial(make, name))
        await copy_store(source, backup)
        assert f"1 originals with their manifests and {copies - 1} copies" in proven()
    await copy_store(place.objects, backup)
    assert "and 3 copies" in proven()


async def test_a_backup_that_takes_longer_than_a_day_has_what_its_head_needs(
    place: Place, tmp_path: Path
) -> None:
    async def days_pass() -> None:
        await place.happen(300)
        await place.sequencer().run()
        clock = Hands()
        for _ in range(3):
            while await Partials(place.catalogue, place.store, clock).run():
                pass
            clock.at += KEPT
        assert await place.store.read("tile/entries/000.p/21") is None

    source: Any = Growing(place.objects, days_pass)
    await copy_store(source, tmp_path / "backup")
    assert verify_log(tmp_path / "backup" / "objects" / "log", key_of(place)).head.size == 21


async def test_what_is_stamped_while_a_replica_is_written_comes_with_its_head(
    place: Place, vault: Callable[[], Place]
) -> None:
    there, clock = vault(), Hands()
    source: Any = Growing(place.objects, stamping(place), "log/stamps/")
    replica = Replica("primary", source, place.base / "incoming", place.store, store_of(place))
    await LogCopy(place.catalogue, replica, of(there), clock).run()
    assert verify_log(await log_of(there), key_of(place)).head.size == 21


async def test_a_head_from_before_a_stamp_is_refused_and_not_called_a_fork(place: Place) -> None:
    before = await place.store.read("checkpoint")
    await log_of(place)
    await stamping(place)()
    log = await log_of(place)
    (log / "checkpoint").write_bytes(before or b"")
    words = r"24\.checkpoint speaks of 24 leaves, and this head of 21: .* left out, or"
    with pytest.raises(NotVerified, match=words) as told:
        verify_log(log, key_of(place))
    assert "fork" not in str(told.value)


@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_a_log_that_is_stamped_while_it_is_read_is_proven_as_far_as_its_head(place: Place) -> None:
    assert await stamper(place).run() is not None
    loop, grows = asyncio.get_running_loop(), [stamping(place)]

    def progress(done: int, of: int) -> None:
        while grows:
            asyncio.run_coroutine_threadsafe(grows.pop()(), loop).result()  # type: ignore[arg-type]

    log, key = await log_of(place), key_of(place)
    report = await asyncio.to_thread(verify_log, log, key, progress)
    assert report.head.size == 21
    assert report.steps[-1].proved.startswith("the trees of 1 ")
    assert verify_log(log, key).steps[-1].proved.startswith("the trees of 2 ")


@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_a_stamp_made_right_behind_the_head_that_was_read_is_not_looked_at(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()

    async def grows() -> None:
        await stamping(place)()

    def reading(directory: Path, name: str) -> bytes:
        found = read(directory, name)
        if name == "checkpoint":
            monkeypatch.undo()
            asyncio.run_coroutine_threadsafe(grows(), loop).result()
        return found

    log, key = await log_of(place), key_of(place)
    monkeypatch.setattr("clients.verifier.log.read", reading)
    assert (await asyncio.to_thread(verify_log, log, key)).head.size == 21
    assert verify_log(log, key).head.size == 24


@pytest.mark.parametrize(
    "catalogues", ["postgresql", pytest.param("ceph", marks=pytest.mark.long)], indirect=True
)
async def test_older_heads_that_nobody_could_remove_are_not_what_is_copied(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.store.replace(WITNESSED, b"before")
    await agent(place, "before")
    await written(journal_of(place))
    # As where somebody has locked them, and where the process is killed right behind the exchange.
    monkeypatch.setattr(Bucket, "drop_older", lambda bucket, key: None)
    monkeypatch.setattr("storage.objects.s3.heads._drop", lambda bucket, versions: None)
    await place.happen(3)
    await place.sequencer().run()
    await place.store.replace(WITNESSED, b"now")
    await agent(place, "now")
    await written(journal_of(place))
    await copy_store(place.objects, tmp_path / "backup")
    objects = tmp_path / "backup" / "objects"
    assert (objects / "log" / WITNESSED).read_bytes() == b"now"
    assert (objects / JOURNAL / JOURNAL_TAIL).read_bytes() == await store_of(place).tail()
    assert (objects / "log" / "checkpoint").read_bytes() == await place.store.read("checkpoint")
    assert verify_log(objects / "log", key_of(place)).head.size == 24
    # Of a full store, too, which cannot be asked what it does.
    monkeypatch.setattr(Bucket, "abilities", full)
    await copy_store(place.objects, tmp_path / "of-a-full-one")
    assert (tmp_path / "of-a-full-one" / "objects" / "log" / "checkpoint").exists()


def full(bucket: Bucket) -> NoReturn:
    raise NoSpace("store-full", "It is full.")
