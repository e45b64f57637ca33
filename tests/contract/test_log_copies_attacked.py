"""What breaks off, is away, was exchanged, or is somebody else's, where the log's copy has to lie."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from custody.cosigning import WITNESSED
from custody.log_copying import DIFFERS, OWED, PATIENCE, CopyStands
from custody.sequencer import LOG_LOCK
from custody.tiles import WIDTH
from evidence.errors import Unavailable
from evidence.ports.log import LogStore
from evidence.self_asserted import SELF_ASSERTED
from tests.catalogues import SQLITE_FIRST_CEPH_TOO
from tests.contract.test_custody_log import NOW, ORIGIN, Place, opened
from tests.contract.test_log_copying import Hands, alarms, copy_to, happened, require_equal, vault

catalogues = SQLITE_FIRST_CEPH_TOO
__all__ = ["catalogues", "vault"]


async def test_tokens_lists_and_cosignatures_come_along(place: Place, vault: Callable[[], Place]) -> None:
    there, clock = vault(), Hands()
    await happened(place, 3)
    copy = copy_to(place, there, clock=clock)
    paths = ["stamps/3.tsr", "stamps/0f.crl", f"{SELF_ASSERTED}/3.tsr"]
    for path in paths:
        await place.store.put(path, path.encode(), NOW + LOG_LOCK)
    await place.store.replace(WITNESSED, b"cosigned")
    await copy.run()
    await place.store.put("stamps/4.tsr", b"later", NOW + LOG_LOCK)
    await copy.run()
    assert [await there.store.read_kept(path) for path in paths] == [path.encode() for path in paths]
    assert await there.store.read(WITNESSED) == b"cosigned"
    assert await there.store.read_kept("stamps/4.tsr") is None
    clock.at += timedelta(hours=1)
    await copy.run()
    assert await there.store.read_kept("stamps/4.tsr") == b"later"


async def test_a_replica_that_was_exchanged_gets_all_of_it(place: Place, vault: Callable[[], Place]) -> None:
    first, second = vault(), vault()
    await happened(place, 600)
    await copy_to(place, first).run()
    copy = copy_to(place, second)
    await copy.run()
    await require_equal(place, second)
    await happened(place, 1)
    # Back comes the one that has been away meanwhile.
    await copy_to(place, first).run()
    await require_equal(place, first)


class Failing:
    """A log that fails for good after so many writes: the process was killed there."""

    def __init__(self, log: LogStore, after: int) -> None:
        self._log = log
        self.left = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def _count(self) -> None:
        if not self.left:
            raise Unavailable("killed", "Killed.")
        self.left -= 1

    async def put(self, path: str, data: bytes, locked_until: datetime) -> None:
        self._count()
        await self._log.put(path, data, locked_until)

    async def replace(self, path: str, data: bytes) -> None:
        self._count()
        await self._log.replace(path, data)

    async def swap(self, expected: bytes | None, checkpoint: bytes) -> bytes | None:
        self._count()
        return await self._log.swap(expected, checkpoint)


async def test_what_breaks_off_anywhere_leaves_a_whole_log(place: Place, vault: Callable[[], Place]) -> None:
    there = vault()
    await happened(place, 250)
    await copy_to(place, there).run()
    await happened(place, 300)
    broken = 0
    while True:
        log = Failing(there.store, broken)
        try:
            await copy_to(place, there, log=log).run()  # type: ignore[arg-type]
        except Unavailable as error:
            assert error.code == "killed"
            await there.counted()
            broken += 1
        else:
            break
    assert broken >= 6
    await require_equal(place, there)


async def test_a_replica_that_is_away_is_an_alarm_after_a_while(
    place: Place, vault: Callable[[], Place]
) -> None:
    there, clock = vault(), Hands()
    await happened(place, 3)
    log = Failing(there.store, 0)
    copy = copy_to(place, there, clock=clock, log=log)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(Unavailable):
            await copy.run()
    assert await alarms(place) == []
    clock.at += PATIENCE
    with pytest.raises(Unavailable):
        await copy.run()
    assert await alarms(place) == [(OWED, "vault")]
    log.left = 99
    await copy.run()
    assert await alarms(place) == []


@pytest.mark.parametrize("planted", ["a tile", "no checkpoint", "a newer log", "another log", "another's"])
async def test_what_is_not_this_log_is_not_gone_on_with(
    place: Place, vault: Callable[[], Place], tmp_path: Path, planted: str
) -> None:
    there = vault()
    await happened(place, 300)
    if planted == "a tile":
        await there.store.put("tile/0/000", bytes(32 * WIDTH), NOW + LOG_LOCK)
    elif planted == "no checkpoint":
        await there.store.swap(None, b"nothing of the kind")
    else:
        origin = "another.test/log" if planted == "another's" else ORIGIN
        (tmp_path / "other").mkdir()
        async with opened(tmp_path / "other") as other:
            await other.happen(400 if planted == "a newer log" else 20)
            await other.sequencer(there.store, origin).run()
    before = await there.store.read("checkpoint"), await there.store.read_kept("tile/0/000")
    copy = copy_to(place, there)
    for _ in range(2):
        with pytest.raises(CopyStands):
            await copy.run()
    assert await alarms(place) == [(DIFFERS, "vault")]
    assert (await there.store.read("checkpoint"), await there.store.read_kept("tile/0/000")) == before
