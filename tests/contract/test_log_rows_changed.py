"""Rows that somebody changes while their tile fills: the log stops, and nothing of them gets into a store."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from custody.sequencer import LogStopped
from evidence.leaf import leaf_hash
from evidence.log_audits import ROWS, THE_LOG
from storage.catalogue.engine import Where
from tests.catalogues import Catalogues, ask
from tests.contract.changing_rows import unfrozen, written
from tests.contract.test_custody_log import Place
from tests.contract.test_log_copying import copy_to, vault

__all__ = ["vault"]

#: Each with the number of events before it.
CHANGES = [
    (20, "UPDATE events SET data = replace(data, 'item.shown', 'item.shewn') {7}", "the event 7"),
    (20, "UPDATE log_leaves SET hash = {blob} WHERE number = 7", "the root of the first 31 events"),
    (20, "UPDATE log_leaves SET chains = replace(chains, '[', ' [') WHERE number = 7", "the event 7"),
    (20, "DELETE FROM log_leaves WHERE number = 7", "the root of the first 31 events"),
    (300, "UPDATE log_nodes SET hash = {blob} WHERE level = 1", "the root of the first 311 events"),
    (300, "UPDATE log_heads SET peaks = {blob}", "the edge of the first 301 events"),
    (31, "UPDATE log_heads SET peaks = {blob}", "the root of the first 42 events"),
]
NO_ROWS = [
    (20, "UPDATE events SET data = 'text' {7}", "tile/entries/000.p/31"),
    (20, "UPDATE log_leaves SET chains = 'text' WHERE number = 7", "tile/entries/000.p/31"),
    (20, "UPDATE log_leaves SET hash = 'text' WHERE number = 7", "the root of the first 31 events"),
    (300, "UPDATE log_nodes SET hash = 'text' WHERE level = 1", "the root of the first 311 events"),
]


async def _stops(place: Place, where: Where, catalogues: Catalogues, count: int, change: str) -> str:
    """After so many events, the change, and ten more; the alarm's words."""
    await place.happen(count)
    await place.sequencer().run()
    published = await place.counted()
    unfrozen(where, catalogues)
    ask(where, written(change, is_postgres=catalogues.is_postgres))
    await place.happen(10)
    for _ in range(2):
        with pytest.raises(LogStopped) as stopped:
            await place.sequencer().run()
        assert stopped.value.code == ROWS
    # What a verifier reads there is what was published before, from its first leaf to its head.
    assert await place.counted() == published
    assert await place.store.read(f"tile/entries/{count // 256:03}.p/{(count + 11) % 256}") is None
    [alarm] = await place.catalogue.read(lambda tx: tx.oversight.alarms())
    assert (alarm.kind, alarm.subject) == (ROWS, THE_LOG)
    return alarm.message


@pytest.mark.parametrize(("count", "change", "named"), CHANGES)
async def test_the_log_stops_before_it_lays_them_down(
    place: Place, where: Where, catalogues: Catalogues, count: int, change: str, named: str
) -> None:
    assert named in await _stops(place, where, catalogues, count, change)


@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("count", "change", "named"), NO_ROWS)
async def test_what_no_row_of_ours_can_be_stops_it_too(
    place: Place, where: Where, catalogues: Catalogues, count: int, change: str, named: str
) -> None:
    assert named in await _stops(place, where, catalogues, count, change)


async def test_a_leaf_that_was_changed_with_its_hash_stops_it(
    place: Place, where: Where, catalogues: Catalogues
) -> None:
    await place.happen(20)
    await place.sequencer().run()
    entry = (await place.catalogue.read(lambda tx: tx.log.entries(7, 8)))[0]
    unfrozen(where, catalogues)
    hidden = entry.replace(b"item.shown", b"item.shewn")
    for change in (
        "UPDATE events SET data = replace(data, 'item.shown', 'item.shewn') {7}",
        "UPDATE log_leaves SET hash = {blob} WHERE number = 7",
    ):
        statement = written(change, is_postgres=catalogues.is_postgres)
        ask(where, statement.replace("00" * 32, leaf_hash(hidden).hex()))
    await place.happen(1)
    with pytest.raises(LogStopped, match="the root of the first 22 events"):
        await place.sequencer().run()


@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_no_replica_gets_them_either(
    place: Place, vault: Callable[[], Place], where: Where, catalogues: Catalogues
) -> None:
    await place.happen(300)
    await place.sequencer().run()
    unfrozen(where, catalogues)
    ask(where, written(CHANGES[0][1], is_postgres=False))
    there = vault()
    with pytest.raises(LogStopped, match="the event 7"):
        await copy_to(place, there).run()
    assert await there.store.read("tile/entries/000") is None
    assert await there.store.read("checkpoint") is None
