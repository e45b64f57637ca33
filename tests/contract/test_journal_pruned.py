"""Chunks of the journal that nothing needs any more, over both catalogues and both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from custody import journaling
from custody.journal_pruning import prune, prune_on_record
from custody.journal_reading import readable
from custody.key_files import open_signer
from evidence.errors import Conflict, Unavailable
from evidence.journal import JOURNAL_LOCK, SCAN_EVERY
from evidence.keys import journal_key
from evidence.ports.disposal import Disposer
from storage.catalogue.engine import Where
from storage.objects.disposer import FilesystemDisposer, MirroredDisposer
from storage.objects.s3.client import Bucket
from storage.objects.s3.disposer import S3Disposer
from tests.catalogues import CEPH_TOO, Catalogues, recorded
from tests.contract.test_custody_log import NOW, Place
from tests.contract.test_journal import At, agent, journal_of, restored, rows_of, store_of, written
from tests.contract.test_log_copying import copy_to
from tests.s3_server import DISPOSAL, S3Server

catalogues = CEPH_TOO


@pytest.fixture
async def place(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A journal of several scans, of many chunks."""
    monkeypatch.setattr(journaling, "CHUNK_BYTES", 300)
    await place.sequencer().run()
    for scan in range(3):
        journal = journal_of(place, At(NOW + scan * (SCAN_EVERY + timedelta(days=1))))
        for number in range(6):
            await agent(place, f"a{scan}-{number}")
            await written(journal)
    return place


@pytest.fixture
def disposer(place: Place, catalogues: Catalogues, request: pytest.FixtureRequest) -> Disposer:
    """With the rights that the shipped policy gives it."""
    if place.bucket is None or catalogues.buckets is None:
        return FilesystemDisposer(place.base / "store")
    server: S3Server = request.getfixturevalue(catalogues.buckets)
    return S3Disposer(Bucket(server.place(place.bucket.bucket.name, DISPOSAL)))


async def test_what_lies_before_the_newest_scan_goes_and_nothing_that_is_needed(
    place: Place, disposer: Disposer, tmp_path: Path
) -> None:
    store, public = store_of(place), place.signer.note_key
    before = await readable(store, public)
    assert before is not None
    assert before.first > 2
    now = await rows_of(place.catalogue)
    last_lock = NOW + 3 * (SCAN_EVERY + timedelta(days=1)) + JOURNAL_LOCK
    if place.bucket is not None:
        # Its own clock says that all of them are locked still.
        with pytest.raises(Exception, match="store-refused"):
            await prune(store, disposer, public, last_lock)
        assert await store.oldest() == 0
        assert await readable(store, public) == before
        return
    assert await prune(store, disposer, public, last_lock) == before.first
    assert await store.oldest() == before.first
    assert await readable(store, public) == before
    assert await restored(place, tmp_path / "restored.db") == now
    assert await prune(store, disposer, public, last_lock) == 0
    # And it goes on.
    await agent(place, "later")
    await written(journal_of(place, At(NOW + 3 * (SCAN_EVERY + timedelta(days=1)))))
    assert await restored(place, tmp_path / "again.db") == await rows_of(place.catalogue)


async def test_what_is_locked_stays(place: Place, disposer: Disposer) -> None:
    store, public = store_of(place), place.signer.note_key
    assert await prune(store, disposer, public, NOW) == 0
    assert await store.oldest() == 0
    if place.bucket is None:
        # Those of the first scan, and not those of the second.
        some = await prune(store, disposer, public, NOW + JOURNAL_LOCK + timedelta(days=1))
        assert 0 < some < (await store.newest() or 0)
        assert await store.oldest() == some


async def test_nothing_goes_where_what_is_needed_is_not_whole(place: Place, disposer: Disposer) -> None:
    if place.bucket is not None:
        pytest.skip("nobody changes what a bucket has locked")
    store, public = store_of(place), place.signer.note_key
    found = await readable(store, public)
    assert found is not None
    needed = place.base / "store" / "objects" / journal_key(found.last.header.number - 1)
    needed.rename(needed.with_suffix(".away"))
    late = NOW + timedelta(days=1000)
    with pytest.raises(Conflict) as refused:
        await prune(store, disposer, public, late)
    assert refused.value.code == "journal-broken"
    needed.with_suffix(".away").rename(needed)
    with pytest.raises(Conflict):
        await prune(store, disposer, open_signer(place.base / "other").note_key, late)
    assert await store.oldest() == 0


class Killed:
    """A disposer whose process is killed before it removes a third one."""

    def __init__(self, disposer: Disposer) -> None:
        self._disposer = disposer
        self._left = 2

    async def dispose(self, key: str, now: datetime) -> None:
        if not self._left:
            raise Unavailable("killed", "Killed.")
        self._left -= 1
        await self._disposer.dispose(key, now)


# By its own clock a bucket keeps all of it for years.
@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_what_a_killed_run_removed_the_next_one_puts_on_record(
    place: Place, disposer: Disposer, where: Where
) -> None:
    store, public = store_of(place), place.signer.note_key
    needed = await readable(store, public)
    assert needed is not None
    late = At(NOW + timedelta(days=1000))
    dying: Any = Killed(disposer)
    with pytest.raises(Unavailable, match="Killed"):
        await prune_on_record(place.catalogue, store, dying, public, late)
    assert await store.oldest() == 2
    assert recorded(where, "journal.pruned") == []
    assert await prune_on_record(place.catalogue, store, disposer, public, late) == needed.first - 2
    said = ("success", {"chunks": needed.first, "oldest": needed.first})
    assert recorded(where, "journal.pruned") == [said]
    assert await prune_on_record(place.catalogue, store, disposer, public, late) == 0
    assert recorded(where, "journal.pruned") == [said]


class Away:
    """The disposer of a replica that does not answer."""

    async def dispose(self, key: str, now: datetime) -> None:
        raise Unavailable("store-unreachable", "It is away.")


async def test_what_a_replica_still_has_the_store_has_too(place: Place, disposer: Disposer) -> None:
    if place.bucket is not None:
        pytest.skip("by its own clock a bucket keeps all of it for years")
    (place.base / "vault").mkdir()
    there = replace(place, base=place.base / "vault")
    await copy_to(place, there).run()
    store, public, late = store_of(place), place.signer.note_key, NOW + timedelta(days=1000)
    needed = await readable(store, public)
    assert needed is not None
    with pytest.raises(Unavailable):
        await prune(store, MirroredDisposer([Away(), disposer]), public, late)  # type: ignore[list-item]
    assert await store.oldest() == await store_of(there).oldest() == 0
    both = MirroredDisposer([FilesystemDisposer(there.base / "store"), disposer])
    assert await prune(store, both, public, late) == needed.first
    assert await store.oldest() == await store_of(there).oldest() == needed.first
    # And the copy goes on from there, in this process and in one that knows nothing yet.
    await agent(place, "later")
    await written(journal_of(place, At(NOW + 3 * (SCAN_EVERY + timedelta(days=1)))))
    await copy_to(place, there).run()
    assert await readable(store_of(there), public) == await readable(store, public)
