"""A catalogue from a backup led to where its log is, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.verifier.heads import pin_of, pinned
from clients.verifier.log import verify_log
from custody.replaying import Replaying
from custody.sequencer import LogStopped
from evidence.errors import Conflict
from storage.catalogue.engine import Where
from storage.objects.copying import copy_store
from storage.objects.s3.store import S3Store
from tests.catalogues import CEPH_TOO, Catalogues
from tests.contract.test_custody_log import ORIGIN, Place, Still, opened

catalogues = CEPH_TOO

#: The store below a directory, whichever catalogue is beside it: its files are changed past Custos.
ON_DISK = pytest.mark.parametrize(
    ("catalogues", "bucket_beside"),
    [(one, lambda base: None) for one in ("sqlite", "postgresql")],
    indirect=["catalogues"],
    ids=["sqlite", "postgresql"],
)
ITEM = "0193a000-0000-7000-8000-000000000001"


@dataclass(frozen=True, slots=True)
class Behind:
    """An installation whose catalogue is put back to before some events."""

    here: Path
    where: Where
    #: The store as it was when the catalogue was copied.
    store: Path
    #: The log's leaves.
    told: list[dict[str, object]]
    bucket: S3Store | None

    def opened(self) -> AbstractAsyncContextManager[Place]:
        return opened(self.here, self.where, self.bucket)


@pytest.fixture
async def behind(
    tmp_path: Path, catalogues: Catalogues, bucket_beside: Callable[[Path], S3Store | None]
) -> Behind:
    here, where = tmp_path / "here", catalogues.another()
    bucket = bucket_beside(here)
    async with opened(here, where, bucket) as place:
        await place.happen(300, ITEM)
        await place.sequencer().run()
        # In the backup these wait in the queue; in the store they are leaves.
        await place.happen(5, ITEM)
    backup = catalogues.copy(where)
    if bucket is None:
        shutil.copytree(here / "store", tmp_path / "store")
    async with opened(here, where, bucket) as place:
        for _ in range(3):
            await place.happen(100, ITEM)
        await place.sequencer().run()
        told = await place.counted()
    return Behind(here, backup, tmp_path / "store", told, bucket)


def replaying(place: Place) -> Replaying:
    return Replaying(place.catalogue, place.store, place.signer.note_key, Still())


async def verified(place: Place) -> None:
    store = place.base / "store"
    if place.bucket is not None:
        await copy_store(place.objects, store)
    verify_log(store / "objects" / "log", pinned(pin_of(ORIGIN, place.signer.note_key)))


async def test_it_goes_on_from_where_the_store_is_and_says_so(behind: Behind) -> None:
    told = behind.told
    async with behind.opened() as place:
        await place.happen(3, ITEM)
        with pytest.raises(LogStopped, match="custos log replay"):
            await place.sequencer().run()
        ran = await replaying(place).run("backup of Sunday")
        assert (ran.before, ran.after) == (301, len(told))
        assert not await place.catalogue.read(lambda tx: tx.oversight.alarms())
        await place.sequencer().run()
        now = await place.counted()
        assert now[: len(told)] == told
        types = [one["event"]["type"] for one in now[len(told) :]]  # type: ignore[index, call-overload]
        assert types.count("log.replayed") == 1
        assert types.count("item.shown") == 3
        await verified(place)
        history = await place.catalogue.read(lambda tx: tx.events.history(ITEM, 10_000))
        # What happened in between is there, and what its detail said is not.
        assert len(history) == 300 + 5 + 300 + 3
        assert sum(entry.detail is None for entry in history) == 300
        with pytest.raises(Conflict, match="every leaf"):
            await replaying(place).run("again")


async def test_one_that_breaks_off_goes_on(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    told = behind.told
    async with behind.opened() as place:
        write, calls = place.catalogue.write, []

        async def dying(work: Callable[..., object]) -> object:
            calls.append(work)
            if len(calls) == 2:
                raise ConnectionError
            return await write(work)

        monkeypatch.setattr(place.catalogue, "write", dying)
        with pytest.raises(ConnectionError):
            await replaying(place).run("first")
        monkeypatch.undo()
        with pytest.raises(LogStopped):
            await place.sequencer().run()
        await replaying(place).run("second")
        await place.sequencer().run()
        assert (await place.counted())[: len(told)] == told
        await verified(place)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


@ON_DISK
@pytest.mark.parametrize("name", ["tile/entries/002.p/*", "tile/entries/001", "checkpoint"])
@pytest.mark.parametrize("change", [flip, Path.unlink])
async def test_what_was_changed_in_the_store_is_not_read_back(
    behind: Behind, name: str, change: Callable[[Path], None]
) -> None:
    log = behind.here / "store" / "objects" / "log"
    # Of what is not full the widest is the one that the head speaks of.
    change(max(log.glob(name), key=lambda path: path.stat().st_size))
    async with behind.opened() as place:
        before = await place.catalogue.read(lambda tx: tx.log.head())
        with pytest.raises(Conflict) as refusal:
            await replaying(place).run("r")
        assert refusal.value.code in ("log-forked", "not-ours", "nothing-to-replay")
        assert await place.catalogue.read(lambda tx: tx.log.head()) == before


@ON_DISK
async def test_another_history_in_the_catalogue_is_not_led_there(behind: Behind, tmp_path: Path) -> None:
    async with behind.opened() as place:
        await place.happen(1)
        # Somebody lets the log run on past the store's word: other leaves where the store has some.
        elsewhere = place.store
        shutil.copytree(behind.here / "store", tmp_path / "kept")
        for path in sorted((behind.here / "store" / "objects" / "log").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        shutil.copytree(
            behind.store / "objects" / "log",
            behind.here / "store/objects/log",
            dirs_exist_ok=True,
        )
        await place.sequencer(elsewhere).run()
        shutil.rmtree(behind.here / "store")
        shutil.copytree(tmp_path / "kept", behind.here / "store")
        with pytest.raises(Conflict, match="do not lead"):
            await replaying(place).run("r")
