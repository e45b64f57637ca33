"""The log over a real catalogue and a real store: recounted from its files alone, and pushed to break."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from pysqlite3 import dbapi2 as sqlite

from custody.key_files import open_signer
from custody.notes import ED25519, VerifierKey, parse_checkpoint, parse_note, require_signed
from custody.sequencer import LogStopped, Ran, Sequencer
from custody.signing import FileSigner
from custody.tiles import decode_bundle, tiles_between
from evidence.canonical import canonical, parse_canonical
from evidence.errors import Unavailable
from evidence.events import MOST_SUBJECTS, EventDraft, EventType, Subject
from evidence.ids import new_id
from evidence.leaf import leaf_hash
from evidence.ports.log import LeafRow, LogStore, Sequenced
from evidence.ports.objects import ObjectStore
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from storage.objects.filesystem import FilesystemStore
from storage.objects.log_files import LogFiles
from storage.objects.s3.log import S3Log
from storage.objects.s3.store import S3Store
from tests.catalogues import CEPH_TOO, Catalogues, ask
from tests.trees import mth

catalogues = CEPH_TOO

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ORIGIN = "custos.test/log"


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW

    def source(self) -> str:
        return "a clock that stands"


@dataclass
class Place:
    """An installation: catalogue, store, key. `bucket`: where the store is, if it is not below `base`."""

    base: Path
    catalogue: SqlCatalogue
    signer: FileSigner
    bucket: S3Store | None = None

    @property
    def objects(self) -> ObjectStore:
        return self.bucket or FilesystemStore(self.base / "store", immutable=False)

    @property
    def store(self) -> LogStore:
        if self.bucket is not None:
            return S3Log(self.bucket)
        root = self.base / "store"
        return LogFiles(root, FilesystemStore(root, immutable=False))

    def sequencer(self, store: LogStore | None = None, origin: str | None = ORIGIN) -> Sequencer:
        return Sequencer(self.catalogue, store or self.store, self.signer, Still(), origin)

    async def happen(self, count: int, *subjects: str) -> None:
        named = tuple(Subject("item", one) for one in subjects)
        draft = EventDraft(EventType.ITEM_SHOWN, None, NOW, named, detail={"of": "test"})
        await asyncio.gather(*(self.catalogue.record(draft) for _ in range(count)))

    async def counted(self) -> list[dict[str, object]]:
        """Every leaf, from the store's files alone: the checkpoint's root is recounted from them."""
        data = await self.store.read("checkpoint")
        assert data is not None
        note = parse_note(data.decode())
        require_signed(note, VerifierKey(ORIGIN, ED25519, self.signer.note_key))
        checkpoint = parse_checkpoint(note.text)
        hashes: dict[int, bytes] = {}
        entries: list[bytes] = []
        for tile in tiles_between(0, checkpoint.size):
            found = await self.store.read(tile.path)
            assert found is not None, tile.path
            if tile.level < 0:
                entries += decode_bundle(found)
            elif tile.level == 0:
                hashes[tile.number] = found
        leaves = [leaf_hash(entry) for entry in entries]
        assert b"".join(hashes[number] for number in sorted(hashes)) == b"".join(leaves)
        assert mth(leaves) == checkpoint.root
        assert len(leaves) == checkpoint.size
        return [parse_canonical(entry) for entry in entries]


@asynccontextmanager
async def opened(
    base: Path, where: Where | None = None, bucket: S3Store | None = None
) -> AsyncIterator[Place]:
    async with open_catalogue(where or base / "catalogue.db", Still(), "test") as catalogue:
        yield Place(base, catalogue, open_signer(base / "keys"), bucket)


def require_chains(leaves: list[dict[str, object]]) -> None:
    """Each subject's leaves name each other without a hole, and each emitter's events count on."""
    last: dict[str, tuple[int, str]] = {}
    counted: dict[str, int] = {}
    for leaf in leaves:
        event, chains = leaf["event"], leaf["chains"]
        assert isinstance(event, dict)
        assert isinstance(chains, list)
        made = leaf_hash(canonical(leaf)).hex()  # type: ignore[arg-type]
        for link in chains:
            seq, prev = last.get(link["subject"], (-1, None))
            assert (link["seq"], link["prev"]) == (seq + 1, prev)
            last[link["subject"]] = (seq + 1, made)
        assert event["n"] == counted.get(event["emitter"], 0)
        counted[event["emitter"]] = event["n"] + 1


async def test_what_happened_is_in_the_log_in_its_order(place: Place) -> None:
    items = [new_id(NOW) for _ in range(3)]
    for count in (1, 0, 5, 300, 700):
        await place.happen(count, *items[: count % 3])
        ran = await place.sequencer().run()
        leaves = await place.counted()
        assert ran.published == len(leaves)
        require_chains(leaves)
    # The emitter's start, and all of it.
    assert ran.published == 1 + 1 + 5 + 300 + 700
    assert await place.sequencer().run() == Ran(0, ran.published)


async def test_what_was_committed_between_two_that_were_taken_waits_on(place: Place) -> None:
    await place.happen(3)
    await place.catalogue.write(lambda tx: tx.log.begin(ORIGIN))
    queued = await place.catalogue.read(lambda tx: tx.log.queued(9))
    taken = [queued[0], queued[-1]]
    leaves = [LeafRow(at, one.event_id, b"[]", leaf_hash(one.data)) for at, one in enumerate(taken)]
    found = Sequenced([one.seq for one in taken], leaves, (), {}, ())
    assert await place.catalogue.write(lambda tx: tx.log.append(0, found))
    assert await place.catalogue.read(lambda tx: tx.log.queued(9)) == queued[1:-1]


async def test_full_tiles_are_locked_and_what_is_not_full_is_not(place: Place) -> None:
    await place.happen(300)
    await place.sequencer().run()
    locks = {
        key
        async for key in place.objects.keys("log/")
        if (await place.objects.stat(key)).locked_until is not None
    }
    assert locks == {"log/tile/0/000", "log/tile/entries/000"}
    await place.happen(300)
    await place.sequencer().run()
    assert len(await place.counted()) == 601


async def test_two_at_once_make_one_log(place: Place) -> None:
    item = new_id(NOW)
    await place.happen(1500, item)
    await asyncio.gather(*(place.sequencer().run() for _ in range(4)), place.happen(700, item))
    while (await place.sequencer().run()).added:
        pass
    leaves = await place.counted()
    assert len(leaves) == 2201
    require_chains(leaves)


class Failing:
    """A store that fails at its `at`-th call, before or after it has done what it was asked."""

    def __init__(self, store: LogStore, at: int, *, after: bool) -> None:
        self._store = store
        self._left = at
        self._after = after

    async def _do(self, call: Callable[[], object]) -> object:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Unavailable("storage-error", "pulled")
        found = await call()  # type: ignore[misc]
        if self._left == 0:
            raise Unavailable("storage-error", "pulled after it was done")
        return found

    async def put(self, path: str, data: bytes, locked_until: datetime) -> None:
        await self._do(lambda: self._store.put(path, data, locked_until))

    async def replace(self, path: str, data: bytes) -> None:
        await self._do(lambda: self._store.replace(path, data))

    async def read(self, path: str) -> bytes | None:
        return await self._do(lambda: self._store.read(path))  # type: ignore[return-value]

    async def read_kept(self, path: str) -> bytes | None:
        return await self._do(lambda: self._store.read_kept(path))  # type: ignore[return-value]

    async def swap(self, expected: bytes | None, checkpoint: bytes) -> bytes | None:
        return await self._do(lambda: self._store.swap(expected, checkpoint))  # type: ignore[return-value]


async def test_who_takes_turns_remembers_nothing_that_another_has_moved_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [new_id(NOW) for _ in range(5)]
    one, other = place.sequencer(), place.sequencer()
    for turn, sequencer in enumerate((one, one, other, one, other, other, one)):
        # What is remembered is forgotten in between as well, where there is too much of it.
        monkeypatch.setattr("custody.sequencer._MOST_REMEMBERED", turn % 3)
        await place.happen(3, *items[turn % 2 : 2 + turn % 4])
        await sequencer.run()
    require_chains(await place.counted())


async def test_a_store_that_fails_at_any_call_leaves_a_log_that_goes_on(place: Place) -> None:
    item = new_id(NOW)
    seen, at, after = 1, 0, True
    while True:
        at, after = (at + 1, False) if after else (at, True)
        await place.happen(260, item)
        try:
            await place.sequencer(Failing(place.store, at, after=after)).run()
        except Unavailable as error:
            assert not isinstance(error, LogStopped)
        else:
            if not after:
                break
        await place.sequencer().run()
        leaves = await place.counted()
        assert len(leaves) > seen
        seen = len(leaves)
        require_chains(leaves)
    assert at > 5


async def test_a_catalogue_put_back_from_a_backup_stops_the_log_and_says_so(
    tmp_path: Path, catalogues: Catalogues, bucket_beside: Callable[[Path], S3Store | None]
) -> None:
    where, bucket = catalogues.another(), bucket_beside(tmp_path)
    async with opened(tmp_path, where, bucket) as place:
        await place.happen(10)
        await place.sequencer().run()
    backup = catalogues.copy(where)
    async with opened(tmp_path, where, bucket) as place:
        await place.happen(20)
        await place.sequencer().run()
        told = await place.counted()
    async with opened(tmp_path, backup, bucket) as place:
        await place.happen(50)
        for _ in range(2):
            with pytest.raises(LogStopped, match="backup") as error:
                await place.sequencer().run()
        assert error.value.code == "log-forked"
        assert await place.counted() == told
        (alarm,) = await place.catalogue.read(lambda tx: tx.oversight.alarms())
        assert alarm.kind == "log-forked"
        head = await place.catalogue.read(lambda tx: tx.log.head())
        assert head is not None
        # Nothing was put where the store has other leaves.
        assert head.size == head.published


@pytest.mark.parametrize("lost", ["catalogue", "checkpoint"])
async def test_a_new_catalogue_over_an_old_store_starts_no_second_log(
    tmp_path: Path, catalogues: Catalogues, bucket_beside: Callable[[Path], S3Store | None], lost: str
) -> None:
    where, bucket = catalogues.another(), bucket_beside(tmp_path)
    async with opened(tmp_path, where, bucket) as place:
        await place.happen(10)
        await place.sequencer().run()
    if lost == "catalogue":
        where = catalogues.another()
    elif bucket is not None:
        bucket.bucket.drop_below("log/checkpoint")
    else:
        (tmp_path / "store" / "objects" / "log" / "checkpoint").unlink()
    async with opened(tmp_path, where, bucket) as place:
        await place.happen(30)
        with pytest.raises(LogStopped) as error:
            await place.sequencer().run()
        assert error.value.code == "log-forked"


async def test_another_root_or_another_log_in_the_store_stops_it(place: Place) -> None:
    await place.happen(10)
    await place.sequencer().run()
    own = await place.store.read("checkpoint")
    assert own is not None
    note = parse_note(own.decode())
    root = base64.b64encode(bytes(32)).decode()
    for text in (f"{ORIGIN}\n11\n{root}\n", f"other.test\n11\n{root}\n", f"{ORIGIN}\n5\n{root}\n"):
        forged = type(note)(text, (place.signer.sign_note(text, ORIGIN),))
        await place.store.replace("checkpoint", str(forged).encode())
        await place.happen(1)
        with pytest.raises(LogStopped):
            await place.sequencer().run()
    await place.store.replace("checkpoint", b"nothing")
    with pytest.raises(LogStopped):
        await place.sequencer().run()
    await place.store.replace("checkpoint", own)
    await place.sequencer().run()
    await place.counted()


async def test_an_event_changed_before_it_is_in_the_log_stops_it(
    place: Place, catalogues: Catalogues, where: Where
) -> None:
    await place.happen(3)
    await place.sequencer().run()
    await place.happen(1)

    changed = "replace(data, 'item.shown', 'item.eaten')"
    if catalogues.is_postgres:
        changed = "replace(encode(data, 'escape'), 'item.shown', 'item.eaten')::bytea"
    await asyncio.to_thread(
        ask,
        where,
        f"DROP TRIGGER events_frozen_update{' ON events' if catalogues.is_postgres else ''}",
        f"UPDATE events SET data = {changed} WHERE id = (SELECT event_id FROM event_queue LIMIT 1)",
    )
    with pytest.raises(LogStopped, match="not as its emitter wrote it") as error:
        await place.sequencer().run()
    assert error.value.code == "log-bad-event"
    assert len(await place.counted()) == 4


async def test_what_names_more_than_an_event_can_is_several(place: Place) -> None:
    items = [new_id(NOW) for _ in range(2 * MOST_SUBJECTS + 1)]
    await place.happen(1, *items)
    await place.sequencer().run()
    leaves = await place.counted()
    require_chains(leaves)
    named = [[subject["id"] for subject in leaf["event"]["subjects"]] for leaf in leaves[1:]]  # type: ignore[index]
    assert sorted(len(one) for one in named) == [1, MOST_SUBJECTS, MOST_SUBJECTS]
    assert {one for some in named for one in some} == set(items)


async def test_one_identifier_under_two_kinds_is_one_subject(place: Place) -> None:
    one = new_id(NOW)
    both = (Subject("item", one), Subject("upload", one))
    for _ in range(2):
        await place.catalogue.record(EventDraft(EventType.ITEM_SHOWN, None, NOW, both))
    await place.sequencer().run()
    leaves = await place.counted()
    require_chains(leaves)
    assert [len(leaf["chains"]) for leaf in leaves] == [1, 1, 1]  # type: ignore[arg-type]


async def test_leaves_are_frozen(place: Place, where: Where) -> None:
    await place.happen(300)
    await place.sequencer().run()
    for table in ("log_leaves", "log_nodes"):
        for statement in (f"UPDATE {table} SET hash = ''", f"DELETE FROM {table}"):
            with pytest.raises((sqlite.IntegrityError, psycopg.IntegrityError), match="append-only"):
                await asyncio.to_thread(ask, where, statement)
