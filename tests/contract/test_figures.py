"""What every catalogue promises of figures: they are what counting all anew gives, whatever happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from evidence.access import SubjectKind, Viewer
from evidence.agents import Restriction
from evidence.cases import Case
from evidence.figures import Dimension, FigureQuery, FigureRow
from evidence.ids import new_id, new_pseudonym
from evidence.items import Category, Submission
from evidence.joining import join
from evidence.ports.catalogue import Transaction
from evidence.recordings import Clock, Origin, Segment, Start
from evidence.schedules import Hold
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from tests.contract.test_cases import OTHER, a_case, a_link
from tests.contract.test_catalogue import AGENT, NOW, FixedClock, an_item
from tests.contract.test_review import a_review, a_sample

NAME = Clock(Origin.FILE_NAME, "file name", False)
S = 1_000_000
#: Half an hour before what is received at `NOW` was received, as a clock in the office shows it.
JUST_BEFORE = int(NOW.timestamp() + 8 * 3600 - 1800)
UNIT = Viewer(AGENT.id, AGENT.unit, False, NOW)


@pytest.fixture
async def catalogue(where: Where) -> AsyncIterator[SqlCatalogue]:
    async with open_catalogue(where, FixedClock(), "test") as opened:
        for agent in (AGENT, OTHER):
            await opened.write(lambda tx, agent=agent: tx.agents.add(agent, None, NOW))
        yield opened


def shot(tx: Transaction, at_s: int, device: str = "CAM", **said: Any) -> str:
    """A recording of five minutes that began then; its item."""
    item = an_item(tx, submission=Submission("a.mp4", device=device, **said))
    tx.items.set_description(item.id, {}, {"duration_ms": 300_000})
    segment = Segment(item.id, item.unit, "video", device, "submitted", starts=(Start(NAME, at_s * S),))
    join(tx, replace(segment, length_us=300 * S), NOW)
    return item.id


def seal(tx: Transaction, item_id: str, restriction: Restriction) -> None:
    named = [OTHER.id] if restriction is Restriction.SEALED else []
    tx.access.restrict(SubjectKind.ITEM, item_id, restriction, named)


async def rows(
    catalogue: SqlCatalogue, by: Dimension, viewer: Viewer = UNIT, **asked: Any
) -> dict[str, FigureRow]:
    found = await catalogue.read(lambda tx: tx.figures.table(viewer, FigureQuery(by, **asked)))
    assert await catalogue.read(lambda tx: tx.figures.difference()) == 0
    assert found.total.sums.items == sum(row.sums.items for row in found.rows)
    return {row.value: row for row in found.rows}


async def test_what_is_counted_of_a_recording(catalogue: SqlCatalogue) -> None:
    day_late = JUST_BEFORE - 2 * 86_400
    await catalogue.write(lambda tx: shot(tx, JUST_BEFORE, officer="P1"))
    await catalogue.write(lambda tx: shot(tx, JUST_BEFORE + 300, officer="P1"))
    second = await catalogue.write(lambda tx: shot(tx, day_late, officer="P2", category=Category.PENALTY))
    await catalogue.write(lambda tx: a_link(tx, a_case(tx), replace(an_item(tx), id=second)))
    by_officer = await rows(catalogue, Dimension.OFFICER)
    first = by_officer["P1"].sums
    assert (first.items, first.recordings, first.duration_ms, first.bytes) == (2, 1, 600_000, 20)
    assert (first.timed, first.late, first.tagged, first.held) == (2, 0, 0, 0)
    late = by_officer["P2"].sums
    assert (late.items, late.recordings, late.timed, late.late, late.tagged) == (1, 1, 1, 1, 1)
    assert by_officer["P1"].gaps is None
    assert list(await rows(catalogue, Dimension.CATEGORY, officer="P2")) == ["penalty"]


async def test_a_day_is_the_offices(catalogue: SqlCatalogue) -> None:
    for hours in (0, 24):
        committed_at = NOW.replace(hour=15, minute=59) + timedelta(hours=hours, minutes=hours / 24)
        await catalogue.write(lambda tx, at=committed_at: an_item(tx, committed_at=at))
    days = await rows(catalogue, Dimension.DAY)
    first = NOW.date()
    # 15:59 UTC is 23:59 in the office, 16:00 the day after.
    assert list(days) == [first.isoformat(), (first + timedelta(days=2)).isoformat()]
    assert list(await rows(catalogue, Dimension.DAY, until=first)) == [first.isoformat()]
    assert await rows(catalogue, Dimension.DAY, since=first + timedelta(days=3)) == {}
    assert [row.sums.items for row in (await rows(catalogue, Dimension.MONTH)).values()] in ([2], [1, 1])


async def test_gaps_are_those_of_a_devices_day(catalogue: SqlCatalogue) -> None:
    for at in (0, 300, 900, 86_400 - 100, 86_400 + 900):
        await catalogue.write(lambda tx, at=at: shot(tx, 20_000 * 86_400 + at))
    first, second = date(2024, 10, 4), date(2024, 10, 5)
    for settled in (False, True):
        if settled:
            assert await catalogue.write(lambda tx: tx.figures.settle(9)) == 2
            assert not await catalogue.read(lambda tx: tx.figures.unsettled())
        gaps = {name: row.gaps for name, row in (await rows(catalogue, Dimension.DAY)).items()}
        # After ten minutes, and until the evening; what reaches into the second day ends in it.
        assert gaps[first.isoformat()] is not None
        assert gaps[first.isoformat()].holes == 2  # type: ignore[union-attr]
        assert gaps[second.isoformat()].holes == 1  # type: ignore[union-attr]
        only = await rows(catalogue, Dimension.DEVICE, since=second, until=second)
        assert only["CAM"].gaps.holes == 1  # type: ignore[union-attr]
    assert (await rows(catalogue, Dimension.DAY, officer="P")) == {}


async def test_what_is_sealed_is_counted_nowhere(catalogue: SqlCatalogue) -> None:
    first, second = [await catalogue.write(lambda tx, at=at: shot(tx, JUST_BEFORE + at)) for at in (0, 300)]
    for sealed in (first, second):
        await catalogue.write(lambda tx, item=sealed: seal(tx, item, Restriction.SEALED))
        (row,) = (await rows(catalogue, Dimension.DEVICE)).values()
        assert (row.sums.items, row.sums.recordings) == (1, 1)
        await catalogue.write(lambda tx, item=sealed: seal(tx, item, Restriction.NONE))
    (row,) = (await rows(catalogue, Dimension.DEVICE)).values()
    assert (row.sums.items, row.sums.recordings) == (2, 1)


async def test_each_sees_what_they_reach(catalogue: SqlCatalogue) -> None:
    somebody = replace(AGENT, id=new_pseudonym(), username="zhao")
    await catalogue.write(lambda tx: tx.agents.add(somebody, None, NOW))
    await catalogue.write(lambda tx: tx.units.place("二大队", AGENT.unit))
    for changes in ({"unit": "二大队"}, {"unit": "别处"}, {"agent_id": somebody.id}, {}):
        await catalogue.write(lambda tx, changes=changes: an_item(tx, **changes))
    assert set(await rows(catalogue, Dimension.UNIT)) == {AGENT.unit, "二大队"}
    assert set(await rows(catalogue, Dimension.UNIT, Viewer("", None, False, NOW))) >= {"别处"}
    assert set(await rows(catalogue, Dimension.UNIT, unit="二大队")) == {"二大队"}
    own = await rows(catalogue, Dimension.UNIT, Viewer(somebody.id, AGENT.unit, True, NOW))
    assert (own[AGENT.unit].sums.items, own[AGENT.unit].gaps) == (1, None)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_a_recount_gives_the_same(catalogue: SqlCatalogue, seed: int) -> None:
    draw = Random(seed)
    shown: list[str] = []
    cases: list[Case] = []
    holds: list[str] = []
    links: list[str] = []
    reviews: list[str] = []

    def step(tx: Transaction) -> None:
        item = draw.choice(shown) if shown else None
        match draw.randrange(11):
            case 0 | 1:
                at = JUST_BEFORE + draw.randrange(-30, 3) * 150
                shown.append(shot(tx, at, draw.choice(["CAM", "CAM-2"]), officer=draw.choice(["P1", None])))
            case 2:
                cases.append(a_case(tx, f"A-{len(cases)}"))
            case 3 if item and cases:
                case = draw.choice(cases)
                if tx.links.live(case.id, item) is None:
                    found = tx.items.get(item)
                    assert found is not None
                    links.append(a_link(tx, case, found).id)
            case 4 if links:
                tx.links.withdraw(links.pop(), at=NOW, agent_id=AGENT.id, reason="r")
            case 5 if item:
                seal(tx, item, draw.choice([*Restriction]))
            case 6 if item:
                subject = draw.choice([item, *(case.id for case in cases)])
                hold = Hold(
                    new_id(NOW), "item" if subject == item else "case", subject, "r", "a", AGENT.id, NOW
                )
                tx.retention.hold(hold)
                holds.append(hold.id)
            case 8 if item:
                reviews.append(a_review(tx, item).id)
            case 9 if reviews:
                tx.reviews.withdraw(reviews.pop(), at=NOW, agent_id=AGENT.id, reason="r")
            case 10 if item:
                a_sample(tx, [item, shown[0]])
            case 7 if holds:
                tx.retention.lift(holds.pop(), at=NOW, agent_id=AGENT.id, reason="r")

    for _ in range(60):
        await catalogue.write(step)
        if draw.random() < 0.1:
            await catalogue.write(lambda tx: tx.figures.settle(99))
        assert await catalogue.read(lambda tx: tx.figures.difference()) == 0
    table = await rows(catalogue, Dimension.KIND)

    def naive(tx: Transaction) -> tuple[int, int, int, int]:
        seen = [
            item for item in tx.items.page(Viewer("", None, False, NOW), before=None, limit=999)
            if item.restriction is not Restriction.SEALED
        ]  # fmt: skip
        recordings = {tx.recordings.recording_of(item.id) for item in seen} - {None}
        reviewed = tx.reviews.reviewed([item.id for item in seen])
        return len(seen), sum(item.held for item in seen), len(recordings), len(reviewed)

    sums = [row.sums for row in table.values()]
    counted = [
        sum(getattr(one, name) for one in sums) for name in ("items", "held", "recordings", "reviewed")
    ]
    assert tuple(counted) == await catalogue.read(naive)
    assert counted[0] > 0


async def test_what_a_migration_left_is_counted_once(catalogue: SqlCatalogue) -> None:
    item = await catalogue.write(lambda tx: shot(tx, JUST_BEFORE))

    def forget(tx: Any) -> None:
        for name in ("figures", "figure_facts", "figure_gaps", "figure_gaps_due"):
            tx.connection.exec_driver_sql(f"DELETE FROM {name}")
        tx.connection.exec_driver_sql("INSERT INTO figure_due SELECT id FROM items")

    await catalogue.write(forget)
    assert await catalogue.read(lambda tx: tx.figures.difference()) > 0
    assert await catalogue.read(lambda tx: tx.figures.uncounted(9)) == [item]
    await catalogue.write(lambda tx: tx.figures.recount([item], moved=True))
    assert await catalogue.read(lambda tx: tx.figures.uncounted(9)) == []
    assert await catalogue.read(lambda tx: tx.figures.difference()) == 0
