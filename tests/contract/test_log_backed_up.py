"""A log that is copied while it grows, or while older heads lie beside the newest, is proven from that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clients.verifier.log import verify_log
from clients.verifier.receipt import NotVerified
from custody.cosigning import WITNESSED
from custody.log_copying import LogCopy
from evidence.keys import JOURNAL, JOURNAL_TAIL
from evidence.ports.objects import ObjectStore
from evidence.ports.replicas import Replica
from storage.objects.copying import copy_store
from storage.objects.s3.client import Bucket
from tests.catalogues import SQLITE_FIRST_CEPH_TOO
from tests.contract.test_custody_log import Place
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
    """A store in which something happens as soon as somebody begins to list it, once."""

    store: ObjectStore
    happens: Callable[[], Awaitable[object]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
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


async def test_what_is_stamped_while_a_replica_is_written_comes_with_its_head(
    place: Place, vault: Callable[[], Place]
) -> None:
    there, clock = vault(), Hands()
    source: Any = Growing(place.objects, stamping(place))
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
