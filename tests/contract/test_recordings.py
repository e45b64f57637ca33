"""What every `Recordings` promises: segments find each other in any order, identifiers stay good for ever."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from evidence.access import Viewer
from evidence.ids import new_id, new_pseudonym
from evidence.items import Item, Submission
from evidence.joining import join
from evidence.ports.catalogue import Transaction
from evidence.ports.recordings import Day
from evidence.recordings import Clock, Origin, Segment, Start, grouped, own_recording
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from tests.catalogues import Catalogues
from tests.contract.test_catalogue import AGENT, NOW, FixedClock, a_rendition, an_item

S = 1_000_000
DAY = 86_400 * S
NAME = Clock(Origin.FILE_NAME, "file name", False)
GPS = Clock(Origin.FILE, "GPS time", True)
EVERYTHING = Viewer(AGENT.id, None, False, NOW)


@pytest.fixture
async def catalogue(where: Where) -> AsyncIterator[SqlCatalogue]:
    async with open_catalogue(where, FixedClock(), "test") as opened:
        await opened.write(lambda tx: tx.agents.add(AGENT, None, NOW))
        yield opened


def a_segment(tx: Transaction, at: int | None = None, **changes: Any) -> Segment:
    """A segment of five minutes, with its item."""
    made = {name: changes.pop(name) for name in ("unit", "agent_id") if name in changes}
    item = an_item(tx, submission=Submission("a.mp4", device="CAM"), **made)
    starts = () if at is None else (Start(NAME, at * S),)
    plain = Segment(item.id, item.unit, "video", "CAM", "submitted", starts=starts, length_us=300 * S)
    return replace(plain, **changes)


async def some(catalogue: SqlCatalogue, *many: dict[str, Any]) -> list[Segment]:
    return [await catalogue.write(lambda tx, one=one: a_segment(tx, **one)) for one in many]


async def joined(catalogue: SqlCatalogue, segments: Sequence[Segment]) -> list[str]:
    return [await catalogue.write(lambda tx, segment=segment: join(tx, segment, NOW)) for segment in segments]


async def groups(catalogue: SqlCatalogue, segments: Sequence[Segment]) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for segment in segments:
        recording = await catalogue.read(
            lambda tx, segment=segment: tx.recordings.recording_of(segment.item_id)
        )
        assert recording is not None
        found.setdefault(recording, set()).add(segment.item_id)
    # Pages of a unit's recordings rest on it.
    assert all(recording in map(own_recording, group) for recording, group in found.items())
    return {frozenset(group) for group in found.values()}


async def test_segments_find_each_other_in_any_order(catalogue: SqlCatalogue, catalogues: Catalogues) -> None:
    shapes: list[list[dict[str, Any]]] = [
        [{"at": 0}, {"at": 300}, {"at": 600}, {"at": 2000}],
        [{"recording": "R"}, {"recording": "R", "at": 9}, {"recording": "Q"}, {"at": 309}],
        [{"template": "T", "sequence": "1", "part": n, "at": n * 500} for n in (1, 2, 3)] + [{"at": 2000}],
        # One that follows two, of which nobody knows which is the right one.
        [{"at": 0}, {"at": 1}, {"at": 300}, {"at": 600}],
    ]
    for number, shape in enumerate(shapes):
        # The rule is the same over both: every fifth order is tried on PostgreSQL, every second on SQLite.
        orders = [*permutations(range(len(shape)))][:: 5 if catalogues.is_postgres else 2]
        for turn, order in enumerate(orders):
            device = f"CAM-{number}-{turn}"
            segments = await some(catalogue, *({**one, "device": device} for one in shape))
            await joined(catalogue, [segments[place] for place in order])
            assert await groups(catalogue, segments) == set(grouped(segments))


async def test_the_oldest_identifier_stays_and_the_others_still_name_it(catalogue: SqlCatalogue) -> None:
    *ends, middle = await some(catalogue, {"at": 0}, {"at": 600}, {"at": 1200}, {"at": 300})
    alone = await joined(catalogue, ends)
    assert len(set(alone)) == 3
    assert await joined(catalogue, [middle]) == [min(alone[:2])]
    (late,) = await some(catalogue, {"at": 900})
    oldest = min(alone)
    assert await joined(catalogue, [late]) == [oldest]
    for alias in alone:
        assert await catalogue.read(lambda tx, alias=alias: tx.recordings.current(alias)) == oldest
    assert await catalogue.read(lambda tx: tx.recordings.current(new_id(NOW))) is None
    members = await catalogue.read(lambda tx: tx.recordings.members(EVERYTHING, [oldest], 99))
    assert {one.segment for one in members} == {*ends, middle, late}
    assert all(one.item.id == one.segment.item_id and one.recording == oldest for one in members)


async def test_joining_is_on_record_once(catalogue: SqlCatalogue) -> None:
    first, third, middle = await some(catalogue, {"at": 0}, {"at": 601}, {"at": 300})
    kept, other = sorted(await joined(catalogue, [first, third]))
    await joined(catalogue, [middle, middle, third, first])

    async def about(subject: str) -> list[dict[str, Any]]:
        history = await catalogue.read(lambda tx: tx.events.history(subject, 99))
        found = [{**json.loads(one.data), "detail": json.loads(one.detail or b"{}")} for one in history]
        return [event for event in found if event["type"] == "recording.joined"]

    (event,) = await about(kept)
    assert await about(other) == await about(middle.item_id) == [event]
    assert await about(first.item_id) == []
    assert event["premis"] == "metadata modification"
    because = event["detail"].pop("because")
    assert event["detail"] == {
        "recording": kept,
        "others": [other],
        "device_source": "submitted",
    }
    assert sorted(because, key=lambda one: one["apart_us"]) == [
        {"rule": "time", "time_source": "file name", "apart_us": 0},
        {"rule": "time", "time_source": "file name", "apart_us": S},
    ]


async def test_what_becomes_known_later_joins_and_nothing_is_parted(catalogue: SqlCatalogue) -> None:
    first, second = await some(catalogue, {"at": 0}, {"at": None})
    before = await joined(catalogue, [first, second])
    assert len(set(before)) == 2
    better = replace(second, starts=(Start(NAME, 300 * S),))
    assert await joined(catalogue, [better]) == [min(before)]
    assert await joined(catalogue, [second]) == [min(before)]


async def test_only_what_may_be_seen_is_shown(catalogue: SqlCatalogue) -> None:
    somebody = replace(AGENT, id=new_pseudonym(), username="zhao")
    await catalogue.write(lambda tx: tx.agents.add(somebody, None, NOW))
    own, theirs = await some(
        catalogue, {"recording": "R", "at": 0}, {"recording": "R", "at": 300, "agent_id": somebody.id}
    )
    (alone,) = await some(catalogue, {"at": 0, "unit": "二大队"})
    recording, _, other = await joined(catalogue, [own, theirs, alone])

    async def seen(viewer: Viewer) -> tuple[set[str], list[str], set[str]]:
        def look(tx: Transaction) -> tuple[set[str], list[str], set[str]]:
            day = Day((0, DAY), (0, DAY))
            return (
                {one.item.id for one in tx.recordings.members(viewer, [recording, other], 99)},
                list(tx.recordings.page(viewer, before=None, limit=9)),
                {one.item.id for one in tx.recordings.on_day(viewer, AGENT.unit, "CAM", day, 99)},
            )

        return await catalogue.read(look)

    both = {own.item_id, theirs.item_id}
    assert await seen(EVERYTHING) == (both | {alone.item_id}, sorted([recording, other], reverse=True), both)
    assert await seen(Viewer(AGENT.id, AGENT.unit, False, NOW)) == (both, [recording], both)
    mine = ({own.item_id, alone.item_id}, sorted([recording, other], reverse=True), {own.item_id})
    assert await seen(Viewer(AGENT.id, AGENT.unit, True, NOW)) == mine
    assert await seen(Viewer(AGENT.id, "二大队", False, NOW)) == ({alone.item_id}, [other], set())
    assert await seen(Viewer(new_pseudonym(), AGENT.unit, True, NOW)) == (set(), [], set())


async def test_a_day_holds_what_lies_on_it_by_the_first_clock(catalogue: SqlCatalogue) -> None:
    hour = 3600
    segments = await some(
        catalogue,
        {"at": 24 * hour - 100},
        {"at": 24 * hour},
        {"at": 48 * hour - 1},
        {"at": 48 * hour},
        {"at": 24 * hour - 300},
        {"starts": (Start(NAME, 30 * hour * S), Start(GPS, 90 * hour * S))},
        {"starts": (Start(NAME, 90 * hour * S), Start(GPS, 30 * hour * S))},
        {"starts": (Start(GPS, 20 * hour * S),)},
        {"at": 30 * hour, "device": "CAM2"},
        {"at": None},
    )
    await joined(catalogue, segments)
    day = Day((DAY, 2 * DAY), (DAY - 8 * hour * S, 2 * DAY - 8 * hour * S))
    found = await catalogue.read(lambda tx: tx.recordings.on_day(EVERYTHING, AGENT.unit, "CAM", day, 99))
    on = {one.item.id for one in found}
    assert [segment.item_id in on for segment in segments] == [
        True, True, True, False, False, True, False, True, False, False,
    ]  # fmt: skip


async def test_pages_of_recordings_follow_each_other(catalogue: SqlCatalogue) -> None:
    many = await joined(catalogue, await some(catalogue, *({"at": None} for _ in range(5))))
    newest = sorted(many, reverse=True)

    async def page(before: str | None) -> list[str]:
        found = await catalogue.read(lambda tx: tx.recordings.page(EVERYTHING, before=before, limit=2))
        return list(found)

    assert [await page(None), await page(newest[1]), await page(newest[3])] == [
        newest[:2], newest[2:4], newest[4:],
    ]  # fmt: skip


async def test_many_segments_of_one_name_are_found_without_reading_all(catalogue: SqlCatalogue) -> None:
    await joined(catalogue, await some(catalogue, *({"recording": "R", "number": n} for n in range(9))))
    (last,) = await some(catalogue, {"recording": "R", "number": 10})
    assert len(await catalogue.read(lambda tx: tx.recordings.near(last))) == 1


async def test_renditions_of_many_items_are_read_at_once(catalogue: SqlCatalogue) -> None:
    items: list[Item] = [await catalogue.write(an_item) for _ in range(3)]
    wanted = [(0, "playable"), (0, "poster"), (1, "playable")]
    made = [a_rendition(items[place], kind) for place, kind in wanted]
    for one in made:
        await catalogue.write(lambda tx, one=one: tx.items.put_rendition(one))
    found = await catalogue.read(
        lambda tx: tx.items.renditions_of_kinds([item.id for item in items], ["playable", "sprite"])
    )
    assert found == {(items[0].id, "playable"): made[0], (items[1].id, "playable"): made[2]}
