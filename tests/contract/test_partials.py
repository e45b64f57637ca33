"""Partial tiles and bundles, in each store: gone once nobody needs them, and no moment sooner."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from custody.bodies import Bodies, read_bodies
from custody.partials import KEPT, Partials
from custody.sequencer import LOG_LOCK
from custody.tiles import WIDTH
from storage.objects.copying import copy_store
from tests.catalogues import CEPH_TOO
from tests.contract.test_custody_log import NOW, Place
from tests.contract.test_log_copying import Hands, copy_to, vault

catalogues = CEPH_TOO

__all__ = ["vault"]
#: What the first full tiles were before.
GONE = tuple(f"{of}/00{n}.p" for of in ("tile/entries", "tile/0", "bodies") for n in (0, 1))
#: What belongs to no full tile of so many leaves.
LAST_OF_301 = {"tile/entries/001.p/45", "tile/0/001.p/45", "tile/1/000.p/1", "bodies/001.part"}


async def grown(place: Place, *counts: int) -> None:
    """A head after each so many events, and the bodies up to it."""
    for count in counts:
        await place.happen(count)
        await place.sequencer().run()
        while await Bodies(place.catalogue, place.store, Hands()).run():
            pass


async def partial(place: Place) -> list[str]:
    """What lies there of tiles and bundles that were not full."""
    keys = [key async for key in place.objects.keys("log/")]
    return [key.removeprefix("log/") for key in keys if ".p/" in key or key.endswith(".part")]


async def tidied(place: Place, clock: Hands) -> None:
    while await Partials(place.catalogue, place.store, clock).run():
        pass


async def test_what_belongs_to_full_tiles_goes_after_a_day(place: Place) -> None:
    clock = Hands()
    await grown(place, 99, 100, 100, 2, 300)
    # The emitter's start is the first leaf.
    assert {"tile/entries/000.p/100", "tile/0/001.p/44", "tile/0/001.p/46", "bodies/000.part"} <= {
        *await partial(place)
    }
    before = await partial(place)
    await tidied(place, clock)
    clock.at += KEPT - timedelta(seconds=1)
    await tidied(place, clock)
    assert await partial(place) == before
    # What fills up later is kept for its own day.
    await grown(place, 200)
    clock.at += timedelta(seconds=1)
    await tidied(place, clock)
    left = await partial(place)
    assert not [path for path in left if path.startswith(GONE)]
    assert {"tile/entries/002.p/90", "tile/0/003.p/34", "tile/1/000.p/2", "bodies/003.part"} <= {*left}
    leaves = await place.counted()
    assert len(leaves) == 802
    assert None not in await read_bodies(place.store, 0, WIDTH)
    clock.at += KEPT
    await tidied(place, clock)
    assert not [path for path in await partial(place) if path.startswith(("tile/0/002", "tile/entries/002"))]
    # And it goes on, from the bundle that was not full.
    await grown(place, 1)
    assert len(await place.counted()) == 803


async def test_details_that_are_nowhere_else_stay(place: Place) -> None:
    clock = Hands()
    await place.happen(200)
    await place.sequencer().run()
    await Bodies(place.catalogue, place.store, clock).run()
    await place.happen(200)
    await place.sequencer().run()
    await tidied(place, clock)
    clock.at += KEPT
    await tidied(place, clock)
    assert "bodies/000.part" in await partial(place), "the full bundle is not written yet"
    assert None not in await read_bodies(place.store, 0, 200)


async def test_a_clock_that_was_set_back_keeps_it_for_a_day_more_at_most(place: Place) -> None:
    clock = Hands(NOW + timedelta(days=300))
    await grown(place, 100, 200)
    await tidied(place, clock)
    clock.at = NOW
    for _ in range(2):
        await tidied(place, clock)
        clock.at += KEPT
    await tidied(place, clock)
    assert {*await partial(place)} == LAST_OF_301


async def test_a_replica_is_tidied_too(place: Place, vault: object) -> None:
    there, clock = vault(), Hands()  # type: ignore[operator]
    for count in (100, 100, 100):
        await grown(place, count)
        await copy_to(place, there, clock=clock).run()
    assert "tile/0/000.p/101" in await partial(there)
    for _ in range(2):
        clock.at += KEPT
        await copy_to(place, there, clock=clock).run()
    assert {*await partial(there)} == LAST_OF_301
    assert await there.counted() == await place.counted()
    assert "tile/0/000.p/101" in await partial(place), "each place by itself"


@pytest.mark.parametrize("path", ["tile/0/000", "checkpoint", "bodies/000", "stamps/1.tsr"])
async def test_nothing_else_can_be_dropped(place: Place, path: str) -> None:
    await place.store.put("tile/0/000", b"x", NOW + LOG_LOCK)
    with pytest.raises(ValueError, match="replaced"):
        await place.store.drop(path)
    await place.store.drop("tile/0/000.p")
    assert await place.store.read_kept("tile/0/000") == b"x"


async def test_a_backup_takes_of_them_what_its_head_needs(place: Place, tmp_path: Path) -> None:
    await grown(place, 99, 100, 100, 2, 300)
    copy = replace(place, base=tmp_path / "copy", bucket=None)
    await place.store.replace("tile/strange/000.p/x", b"somebody else's")
    await copy_store(place.objects, copy.base / "store")
    assert {*await partial(copy)} == {
        "tile/entries/002.p/90", "tile/0/002.p/90", "tile/1/000.p/2", "bodies/002.part",
        "tile/strange/000.p/x",
    }  # fmt: skip
    assert await copy.counted() == await place.counted()
    # And the next one, of a larger tree.
    await grown(place, 700)
    await copy_store(place.objects, copy.base / "store")
    assert await copy.counted() == await place.counted()
    for number in range(6):
        assert await read_bodies(copy.store, number, WIDTH) == await read_bodies(place.store, number, WIDTH)
