"""What the log's events say, kept in each store, also where somebody was there first."""

from __future__ import annotations

import pytest

from custody.bodies import DIFFER, Bodies, encode_bodies, path_of, read_bodies
from custody.sequencer import LOG_LOCK
from custody.tiles import WIDTH
from evidence.log_audits import ROWS, THE_LOG
from evidence.ports.log import Body
from storage.catalogue.engine import Where
from tests.catalogues import CEPH_TOO, Catalogues, ask
from tests.contract.changing_rows import unfrozen, written
from tests.contract.test_custody_log import NOW, Place, Still

catalogues = CEPH_TOO

FIRST = path_of(0, is_full=True)


async def _full(place: Place) -> list[Body | None]:
    """What the first bundle has to say; it is published, and not in the store."""
    await place.happen(WIDTH + 10)
    await place.sequencer().run()
    return list(await place.catalogue.read(lambda tx: tx.log.bodies(0, WIDTH)))


async def _written(place: Place) -> list[str]:
    """Everything; the alarms that stand then."""
    keeper = Bodies(place.catalogue, place.store, Still())
    while await keeper.run():
        pass
    alarms = await place.catalogue.read(lambda tx: tx.oversight.alarms())
    return [f"{alarm.kind} {alarm.subject}" for alarm in alarms]


async def test_what_events_say_is_in_the_store(place: Place) -> None:
    said = await _full(place)
    assert await _written(place) == []
    assert await read_bodies(place.store, 0, WIDTH) == said
    rest = await place.catalogue.read(lambda tx: tx.log.bodies(WIDTH, WIDTH + 11))
    assert await read_bodies(place.store, 1, 11) == rest


@pytest.mark.parametrize("is_lost", [False, True], ids=["the same", "knows more than the catalogue"])
async def test_a_bundle_that_lies_there_already_is_taken(place: Place, where: Where, is_lost: bool) -> None:
    said = await _full(place)
    await place.store.put(FIRST, encode_bodies(said), NOW + LOG_LOCK)
    if is_lost:
        ask(where, "DELETE FROM event_bodies")
    assert await _written(place) == []
    assert await read_bodies(place.store, 0, WIDTH) == said


CHANGES = {
    "another detail": "UPDATE event_bodies SET detail = {detail} {7}",
    "another salt": "UPDATE event_bodies SET salt = {salt} {7}",
    "text": "UPDATE event_bodies SET detail = 'text' {7}",
    "none": "DELETE FROM event_bodies {7}",
    "another event": "UPDATE events SET data = replace(data, 'item.shown', 'item.shewn') {7}",
    "no event": "UPDATE events SET data = 'text' {7}",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_what_was_written_stays_whatever_becomes_of_its_row(
    place: Place, where: Where, catalogues: Catalogues, change: str
) -> None:
    await place.happen(20)
    await place.sequencer().run()
    assert await _written(place) == []
    # Published, and not written yet.
    await place.happen(10)
    await place.sequencer().run()
    said = list(await place.catalogue.read(lambda tx: tx.log.bodies(0, 31)))
    unfrozen(where, catalogues)
    ask(where, written(CHANGES[change], is_postgres=False))
    assert await _written(place) == ([] if change in ("none", "another event") else [f"{ROWS} {THE_LOG}"])
    assert await read_bodies(place.store, 0, 31) == said


@pytest.mark.parametrize("change", ["another detail", "text"])
@pytest.mark.parametrize("catalogues", ["sqlite"], indirect=True)
async def test_what_nobody_has_as_it_was_is_told(
    place: Place, where: Where, catalogues: Catalogues, change: str
) -> None:
    await place.happen(20)
    await place.sequencer().run()
    said = list(await place.catalogue.read(lambda tx: tx.log.bodies(0, 21)))
    unfrozen(where, catalogues)
    ask(where, written(CHANGES[change], is_postgres=False))
    assert await _written(place) == [f"{ROWS} {THE_LOG}"]
    [alarm] = await place.catalogue.read(lambda tx: tx.oversight.alarms())
    assert "the detail of the event 7" in alarm.message
    kept = await read_bodies(place.store, 0, 21)
    assert (kept[:7], kept[8:]) == (said[:7], said[8:])


@pytest.mark.parametrize("planted", ["changed", "lacking", "short", "no bundle"])
async def test_a_bundle_that_somebody_else_put_there_is_an_alarm(place: Place, planted: str) -> None:
    said = await _full(place)
    assert said[7] is not None
    others = {
        "changed": encode_bodies([*said[:7], Body(said[7].salt, b'{"of":"nothing"}'), *said[8:]]),
        "lacking": encode_bodies([*said[:7], None, *said[8:]]),
        "short": encode_bodies(said[:-1]),
        "no bundle": b"no bundle",
    }
    await place.store.put(FIRST, others[planted], NOW + LOG_LOCK)
    assert await _written(place) == [f"{DIFFER} {FIRST}"]
    # What comes after it is kept all the same.
    assert await read_bodies(place.store, 1, 5) == await place.catalogue.read(
        lambda tx: tx.log.bodies(WIDTH, WIDTH + 5)
    )
