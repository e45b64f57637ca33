"""What every `Catalogue` promises: groups, savepoints, frozen events, fenced jobs."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy.exc import DatabaseError

from evidence.access import Viewer
from evidence.agents import Agent, AgentKind, Role
from evidence.errors import Conflict, Unavailable
from evidence.events import EventDraft, EventType, Subject, parse_event
from evidence.ids import new_id, new_pseudonym
from evidence.items import Item, Rendition, Still, Submission, Upload, UploadState
from evidence.jobs import LEASE
from evidence.keys import original_key
from evidence.parts import Part
from evidence.ports.catalogue import Alarm, Transaction
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from tests.catalogues import ask

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
HERE, THERE = "0a0a0a0a", "0b0b0b0b"
AGENT = Agent(new_pseudonym(), AgentKind.PERSON, "li", "李", Role.OFFICER, "一大队")


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def source(self) -> str:
        return "a fixed clock"


def draft(subject: str) -> EventDraft:
    return EventDraft(EventType.ITEM_SHOWN, AGENT.id, NOW, (Subject("item", subject),), detail={"k": "值"})


def an_upload(**changes: object) -> Upload:
    upload = Upload(
        new_id(NOW), AGENT.id, AGENT.unit, 10, 0, UploadState.RECEIVING, Submission("a.mp4"), NOW, NOW
    )
    return replace(upload, **changes)  # type: ignore[arg-type]


def an_item(tx: Transaction, **changes: object) -> Item:
    upload = an_upload()
    tx.uploads.add(upload)
    item_id = new_id(NOW)
    item = Item(
        item_id, upload.id, AGENT.unit, AGENT.id, Submission("a.mp4", device="CAM"), "video", "video/mp4",
        10, "ab" * 32, 1, original_key(item_id, "ab" * 32, NOW), NOW, NOW,
    )  # fmt: skip
    item = replace(item, **changes)  # type: ignore[arg-type]
    tx.items.add(item)
    return item


def a_rendition(item: Item, kind: str) -> Rendition:
    return Rendition(
        new_id(NOW), item.id, kind, f"renditions/{item.id}/{kind}", "video/mp4", 1, "ab" * 32, NOW, {}, {}
    )


async def test_events_recorded_together_are_numbered_without_a_hole(catalogue: SqlCatalogue) -> None:
    subject = new_pseudonym()
    sealed = await asyncio.gather(*(catalogue.record(draft(subject)) for _ in range(300)))
    numbers = sorted(int(str(parse_event(event.data)["n"])) for event in sealed)
    assert numbers == list(range(numbers[0], numbers[0] + 300))
    history = await catalogue.read(lambda tx: tx.events.history(subject, 1000))
    assert [entry.data for entry in history] == [event.data for event in sealed]
    assert json.loads(history[0].detail or b"") == {"k": "值"}


async def test_events_of_one_group_lie_in_the_order_of_their_count(catalogue: SqlCatalogue) -> None:
    """The log takes them as they lie, and a verifier calls a count that jumps events that are missing."""
    entered, gate = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> None:
        entered.set()
        gate.wait()

    def refuse(tx: Transaction) -> None:
        tx.events.append(draft(new_id(NOW)))
        raise Conflict("no", "No.")

    holding = asyncio.create_task(catalogue.write(hold))
    await asyncio.to_thread(entered.wait)
    work = [
        asyncio.create_task(one)
        for _ in range(3)
        for one in (
            catalogue.record(draft(new_id(NOW))),
            catalogue.record(draft(new_id(NOW))),
            catalogue.write(lambda tx: tx.events.append(draft(new_id(NOW)))),
            catalogue.write(refuse),
        )
    ]
    await asyncio.sleep(0)
    gate.set()
    await holding
    results = await asyncio.gather(*work, return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in results) == 3
    queued = await catalogue.read(lambda tx: tx.log.queued(99))
    counted = [
        parse_event(one.data)["n"] for one in queued if parse_event(one.data)["emitter"] == catalogue.emitter
    ]
    assert counted == list(range(len(counted)))
    assert len(counted) == 10


async def test_work_that_raises_undoes_itself_and_nothing_else(catalogue: SqlCatalogue) -> None:
    subject = new_pseudonym()

    def bad(tx: Transaction) -> None:
        tx.events.append(draft(subject))
        raise Conflict("no", "no")

    results = await asyncio.gather(
        catalogue.record(draft(subject)),
        catalogue.write(bad),
        catalogue.record(draft(subject)),
        catalogue.write(lambda tx: tx.events.append(draft(subject))),
        return_exceptions=True,
    )
    assert [isinstance(result, Conflict) for result in results] == [False, True, False, False]
    history = await catalogue.read(lambda tx: tx.events.history(subject, 9))
    numbers = sorted(int(str(parse_event(entry.data)["n"])) for entry in history)
    assert len(numbers) == 3
    assert numbers == list(range(numbers[0], numbers[0] + 3))


async def test_a_row_that_breaks_a_rule_harms_nobody_else(catalogue: SqlCatalogue) -> None:
    upload = an_upload()
    await catalogue.write(lambda tx: tx.uploads.add(upload))
    results = await asyncio.gather(
        catalogue.record(draft("x")),
        catalogue.write(lambda tx: tx.uploads.add(upload)),
        catalogue.record(draft("x")),
        return_exceptions=True,
    )
    assert [isinstance(result, Unavailable) for result in results] == [False, True, False]


async def test_an_event_without_a_canonical_form_is_the_callers_error_alone(catalogue: SqlCatalogue) -> None:
    bad = EventDraft(EventType.ITEM_SHOWN, None, NOW, detail={"x": "\ud800"})
    results = await asyncio.gather(
        catalogue.record(bad), catalogue.record(draft("x")), return_exceptions=True
    )
    assert isinstance(results[0], ValueError)
    assert not isinstance(results[1], BaseException)


@pytest.mark.parametrize("statement", ["UPDATE events SET at = 0", "DELETE FROM events"])
async def test_events_are_frozen_in_the_database_too(
    catalogue: SqlCatalogue, where: Where, statement: str
) -> None:
    with pytest.raises(DatabaseError, match=r"append-only|permission denied"):
        catalogue._writer._connection.exec_driver_sql(statement)
    with pytest.raises((sqlite.IntegrityError, psycopg.IntegrityError), match="append-only"):
        await asyncio.to_thread(ask, where, statement)


async def test_a_read_can_write_nothing(catalogue: SqlCatalogue) -> None:
    with pytest.raises(Unavailable):
        await catalogue.read(lambda tx: tx.uploads.add(an_upload()))


async def test_an_emitter_says_when_it_starts_and_stops(where: Where) -> None:
    async with open_catalogue(where, FixedClock(), "first") as first:
        emitter = first.emitter
    async with open_catalogue(where, FixedClock(), "second") as second:
        assert second.emitter != emitter
        history = await second.read(lambda tx: tx.events.history(emitter, 9))
    assert [parse_event(entry.data)["type"] for entry in history] == ["emitter.started", "emitter.stopped"]


async def test_a_newer_catalogue_is_refused(where: Where) -> None:
    async with open_catalogue(where, FixedClock(), "x"):
        pass
    ask(where, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable) as error:
        async with open_catalogue(where, FixedClock(), "x"):
            pass
    assert error.value.code == "newer-catalogue"


async def test_uploads_advance_only_while_they_receive(catalogue: SqlCatalogue) -> None:
    upload = an_upload()
    await catalogue.write(lambda tx: tx.uploads.add(upload))
    assert await catalogue.read(lambda tx: tx.uploads.get(upload.id)) == upload
    assert await catalogue.read(lambda tx: tx.uploads.outstanding_bytes(HERE)) == 10

    def advance(tx: Transaction) -> None:
        tx.uploads.advance(upload.id, offset=10, hash_state=b"s", crc32=7, at=NOW)

    await catalogue.write(advance)
    assert [
        found.id
        for found in await catalogue.read(lambda tx: tx.uploads.complete_unaccepted(NOW + LEASE, HERE))
    ] == [upload.id]
    await catalogue.write(lambda tx: tx.uploads.settle(upload.id, UploadState.REFUSED, at=NOW, code="c"))
    assert await catalogue.read(lambda tx: tx.uploads.unit_bytes(AGENT.unit)) == 10
    with pytest.raises(Conflict):
        await catalogue.write(advance)


async def test_each_host_sees_to_what_lies_on_its_own_disk(catalogue: SqlCatalogue) -> None:
    here, there, old = (an_upload(staging=staging) for staging in (HERE, THERE, None))
    for upload in (here, there, old):
        await catalogue.write(lambda tx, upload=upload: tx.uploads.add(upload))
    assert await catalogue.read(lambda tx: tx.uploads.get(here.id)) == here
    assert await catalogue.read(lambda tx: tx.uploads.outstanding_bytes(HERE)) == 20
    stale = await catalogue.read(lambda tx: tx.uploads.stale(NOW + LEASE, HERE))
    assert {found.id for found in stale} == {here.id, old.id}
    await catalogue.write(
        lambda tx: tx.uploads.advance(there.id, offset=10, hash_state=b"s", crc32=7, at=NOW)
    )
    assert await catalogue.read(lambda tx: tx.uploads.complete_unaccepted(NOW + LEASE, HERE)) == []
    assert await catalogue.read(lambda tx: tx.uploads.stagings()) == {
        HERE: {UploadState.RECEIVING: 1},
        THERE: {UploadState.RECEIVING: 1},
    }
    await catalogue.write(lambda tx: tx.uploads.settle(there.id, UploadState.COMMITTED, at=NOW))
    assert await catalogue.read(lambda tx: tx.uploads.left_on(THERE)) == []
    assert [found.id for found in await catalogue.read(lambda tx: tx.uploads.left_on(HERE))] == [here.id]


async def test_the_same_acquisition_is_same_device_unit_and_bytes_and_never_empty(
    catalogue: SqlCatalogue,
) -> None:
    item = await catalogue.write(an_item)
    await catalogue.write(lambda tx: an_item(tx, size=0, sha256="00" * 32))

    async def same(unit: str, device: str, sha256: str) -> str | None:
        found = await catalogue.read(
            lambda tx: tx.items.same_acquisition(unit=unit, device=device, sha256=sha256)
        )
        return None if found is None else found.id

    assert await same(AGENT.unit, "CAM", "ab" * 32) == item.id
    assert await same("other", "CAM", "ab" * 32) is None
    assert await same(AGENT.unit, "CAM2", "ab" * 32) is None
    assert await same(AGENT.unit, "CAM", "00" * 32) is None


async def test_recordings_are_joined_once_their_copy_is_there(catalogue: SqlCatalogue) -> None:
    items = [await catalogue.write(an_item) for _ in range(3)]
    for item in items[:2]:
        part = Part(new_id(NOW), item.id, 1, 0, 10, {})
        await catalogue.write(lambda tx, part=part: tx.parts.plan([part]))
    made = a_rendition(items[0], "playable")
    await catalogue.write(lambda tx: tx.items.put_rendition(made))
    await catalogue.write(lambda tx: tx.items.put_rendition(a_rendition(items[1], "part-1")))
    await catalogue.write(lambda tx: tx.items.put_rendition(a_rendition(items[2], "playable")))

    async def joined(before: datetime) -> list[str]:
        return list(await catalogue.read(lambda tx: tx.parts.joined(before, 9)))

    assert await joined(NOW) == []
    assert await joined(NOW + timedelta(seconds=1)) == [items[0].id]
    await catalogue.write(lambda tx: tx.items.drop_rendition(made.id))
    assert await joined(NOW + timedelta(seconds=1)) == []


async def test_pages_follow_each_other_within_unit_and_owner(catalogue: SqlCatalogue) -> None:
    items = [await catalogue.write(an_item) for _ in range(5)]
    ids = sorted((item.id for item in items), reverse=True)

    async def page(before: str | None, unit: str | None = AGENT.unit, owner: str | None = None) -> list[str]:
        viewer = Viewer(owner or AGENT.id, unit, owner is not None, NOW)
        found = await catalogue.read(lambda tx: tx.items.page(viewer, before=before, limit=2))
        return [item.id for item in found]

    assert await page(None) == ids[:2]
    assert await page(ids[1]) == ids[2:4]
    assert await page(ids[3]) == ids[4:]
    assert await page(None, unit="other") == []
    assert await page(None, owner=new_pseudonym()) == []


async def test_an_alarm_stands_once_until_it_is_cleared(catalogue: SqlCatalogue) -> None:
    alarm = Alarm("k", "s", "words", NOW)
    assert await catalogue.write(lambda tx: tx.oversight.raise_alarm(alarm))
    assert not await catalogue.write(lambda tx: tx.oversight.raise_alarm(alarm))
    assert await catalogue.read(lambda tx: tx.oversight.alarms()) == [alarm]
    await catalogue.write(lambda tx: tx.oversight.clear_alarm("k", "s", NOW))
    assert await catalogue.read(lambda tx: tx.oversight.alarms()) == []
    assert await catalogue.write(lambda tx: tx.oversight.raise_alarm(alarm))


async def test_a_still_is_asked_for_once(catalogue: SqlCatalogue) -> None:
    def ask(tx: Transaction) -> Still:
        still = Still(new_id(NOW), an_item(tx).id, AGENT.id, 40_000, NOW)
        tx.items.add_still(still)
        tx.items.add_still(replace(still, shown_us=80_000))
        return still

    still = await catalogue.write(ask)
    assert await catalogue.read(lambda tx: tx.items.still(still.id)) == still
    assert await catalogue.read(lambda tx: tx.items.still(new_id(NOW))) is None
