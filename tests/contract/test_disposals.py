"""What every catalogue promises of proposals, tombstones and notices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from evidence.access import SubjectKind, Viewer
from evidence.cases import Link, Origin
from evidence.disposal import (
    Approval,
    Fate,
    Notice,
    Outcome,
    Proposal,
    ProposalState,
    Tombstone,
    TrustedTime,
)
from evidence.ids import new_id
from evidence.items import Item, Submission
from evidence.jobs import Stage
from evidence.ports.catalogue import Alarm, Transaction
from evidence.projection import refresh
from evidence.schedules import Hold, Keep
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from tests.contract.test_cases import a_case
from tests.contract.test_catalogue import AGENT, NOW, FixedClock, a_rendition, an_item

SOON = NOW + timedelta(days=30)
VIEWER = Viewer(AGENT.id, AGENT.unit, False, NOW)


@pytest.fixture
async def catalogue(where: Where) -> AsyncIterator[SqlCatalogue]:
    async with open_catalogue(where, FixedClock(), "test") as opened:
        await opened.write(lambda tx: tx.agents.add(AGENT, None, NOW))
        yield opened


def a_proposal(tx: Transaction, *items: Item, unit: str = AGENT.unit) -> Proposal:
    ids = tuple(sorted(item.id for item in items))
    proposal = Proposal(new_id(NOW), unit, "到期", AGENT.id, NOW, ids, bytes(32))
    tx.disposals.propose(proposal)
    return proposal


def a_tombstone(item: Item) -> Tombstone:
    return Tombstone(
        item.id, item.sha256, item.size, 3, (item.key,), NOW, new_id(NOW), new_id(NOW), "cd" * 32
    )


async def test_a_proposal_comes_back_as_it_was_put(catalogue: SqlCatalogue) -> None:
    items = [await catalogue.write(an_item) for _ in range(3)]
    proposal = await catalogue.write(lambda tx: a_proposal(tx, *items))
    get = catalogue.read(lambda tx: tx.disposals.get(proposal.id))
    assert await get == proposal
    assert await catalogue.read(lambda tx: tx.disposals.get(new_id(NOW))) is None
    after = replace(
        proposal, state=ProposalState.APPROVED, approvals=(Approval(AGENT.id, NOW), Approval("b", SOON)),
        refused_by=AGENT.id, refused_at=NOW, refused_for="r", finished_at=SOON, certificate="jws",
    )  # fmt: skip
    assert await catalogue.read(lambda tx: tx.disposals.open()) == []
    await catalogue.write(lambda tx: tx.disposals.settle(after))
    assert await catalogue.read(lambda tx: tx.disposals.get(proposal.id)) == after
    assert await catalogue.read(lambda tx: tx.disposals.open()) == [after]
    time = TrustedTime(new_id(NOW), b"token", "http://a", NOW)
    await catalogue.write(lambda tx: tx.disposals.add_time(proposal.id, time))
    assert await catalogue.read(lambda tx: tx.disposals.times(proposal.id)) == [time]


async def test_each_item_of_a_proposal_has_an_outcome(catalogue: SqlCatalogue) -> None:
    items = sorted([await catalogue.write(an_item) for _ in range(3)], key=lambda item: item.id)
    proposal = await catalogue.write(lambda tx: a_proposal(tx, *items))
    ids = [item.id for item in items]
    assert await catalogue.read(lambda tx: tx.disposals.proposed(ids)) == {*ids}
    tombstone = a_tombstone(items[0])
    await catalogue.write(lambda tx: tx.disposals.bury(proposal.id, tombstone))
    await catalogue.write(lambda tx: tx.disposals.spare(proposal.id, ids[1], Fate.HELD))
    expected = [Outcome(ids[0], tombstone), Outcome(ids[1], spared=Fate.HELD), Outcome(ids[2])]
    assert await catalogue.read(lambda tx: tx.disposals.outcomes(proposal.id)) == expected
    assert await catalogue.read(lambda tx: tx.disposals.proposed(ids)) == {ids[2]}
    await catalogue.write(lambda tx: tx.disposals.settle(replace(proposal, state=ProposalState.REFUSED)))
    assert await catalogue.read(lambda tx: tx.disposals.proposed(ids)) == set()
    buried = await catalogue.read(lambda tx: tx.items.get(ids[0]))
    assert buried is not None
    assert (buried.disposed_at, buried.disposed_in) == (NOW, proposal.id)


async def test_proposals_and_notices_are_shown_to_their_units_and_those_above(
    catalogue: SqlCatalogue,
) -> None:
    item = await catalogue.write(an_item)
    first, second = [await catalogue.write(lambda tx: a_proposal(tx, item)) for _ in "ab"]
    other = await catalogue.write(lambda tx: a_proposal(tx, item, unit="二大队"))
    await catalogue.write(lambda tx: tx.units.place(AGENT.unit, "支队"))
    for viewer in (VIEWER, replace(VIEWER, unit="支队")):
        page = await catalogue.read(lambda tx, v=viewer: tx.disposals.page(v, before=None, limit=9))  # type: ignore[misc]
        assert page == sorted([first, second], key=lambda one: one.id, reverse=True)
    page = await catalogue.read(lambda tx: tx.disposals.page(VIEWER, before=page[0].id, limit=9))
    assert len(page) == 1
    everything = replace(VIEWER, unit=None)
    page = await catalogue.read(lambda tx: tx.disposals.page(everything, before=None, limit=9))
    assert {one.id for one in page} == {first.id, second.id, other.id}
    notice = Notice(new_id(NOW), AGENT.unit, NOW, SOON, (item.id,))
    await catalogue.write(lambda tx: tx.disposals.add_notice(notice))
    assert await catalogue.read(lambda tx: tx.disposals.last_notice(AGENT.unit)) == notice
    assert await catalogue.read(lambda tx: tx.disposals.notices(replace(VIEWER, unit="支队"), 9)) == [notice]
    assert await catalogue.read(lambda tx: tx.disposals.notices(replace(VIEWER, unit="二大队"), 9)) == []


async def test_what_falls_due_is_neither_held_nor_kept_for_longer(catalogue: SqlCatalogue) -> None:
    due, held, longer, always = [await catalogue.write(an_item) for _ in range(4)]

    def arrange(tx: Transaction) -> None:
        for item, until in ((due, NOW), (held, NOW), (longer, SOON + timedelta(days=1)), (always, None)):
            tx.retention.keep(item.id, Keep(until, "b"), 1)
        hold = Hold(new_id(NOW), SubjectKind.ITEM.value, held.id, "r", "a", AGENT.id, NOW)
        tx.retention.hold(hold)

    await catalogue.write(arrange)
    assert await catalogue.read(lambda tx: tx.disposals.units_due(SOON)) == [AGENT.unit]
    assert await catalogue.read(lambda tx: tx.disposals.falling_due(AGENT.unit, SOON, 9)) == [due.id]
    listed = await catalogue.read(lambda tx: tx.disposals.due(VIEWER, NOW, before=None, limit=9))
    assert {item.id for item in listed} == {due.id, held.id}
    proposal = await catalogue.write(lambda tx: a_proposal(tx, due))
    await catalogue.write(lambda tx: tx.disposals.bury(proposal.id, a_tombstone(due)))
    assert await catalogue.read(lambda tx: tx.disposals.units_due(SOON)) == []
    listed = await catalogue.read(lambda tx: tx.disposals.due(VIEWER, NOW, before=None, limit=9))
    assert [item.id for item in listed] == [held.id]


async def test_work_and_a_first_lock_make_an_item_busy(catalogue: SqlCatalogue) -> None:
    fresh, working, still = [await catalogue.write(an_item) for _ in range(3)]

    def arrange(tx: Transaction) -> None:
        for item in (working, still):
            tx.items.set_lock(item.id, SOON)
        tx.jobs.add(Stage.PREVIEW, working.id, AGENT.unit, NOW)

    await catalogue.write(arrange)
    ids = [fresh.id, working.id, still.id]
    assert await catalogue.read(lambda tx: tx.disposals.busy(ids)) == {fresh.id, working.id}
    assert await catalogue.read(lambda tx: tx.disposals.busy([still.id])) == set()


async def test_what_was_disposed_of_is_in_no_list_and_nothing_of_it_is_left(catalogue: SqlCatalogue) -> None:
    named = Submission("a.mp4", device="CAM", case="A-9")
    item = await catalogue.write(lambda tx: an_item(tx, submission=named))

    def arrange(tx: Transaction) -> Proposal:
        tx.items.set_lock(item.id, NOW)
        tx.items.put_rendition(a_rendition(item, "playable"))
        tx.items.set_description(item.id, {"a": 1}, {})
        tx.retention.keep(item.id, Keep(NOW, "b"), 1)
        tx.jobs.add(Stage.PREVIEW, item.id, AGENT.unit, NOW)
        tx.oversight.raise_alarm(Alarm("lock-not-renewed", item.id, "m", NOW))
        refresh(tx, item.id)
        return a_proposal(tx, item)

    proposal = await catalogue.write(arrange)

    def lists(tx: Transaction) -> dict[str, object]:
        return {
            "items": tx.items.page(VIEWER, before=None, limit=9),
            "inbox": tx.links.unlinked(VIEWER, before=None, limit=9),
            "claimed": tx.links.claimed(AGENT.unit, "A-9"),
            "behind": tx.retention.behind(2, 9),
            "tried": tx.retention.page("", 9),
            "forecast": tx.retention.forecast(VIEWER, SOON),
            "due": tx.disposals.due(VIEWER, SOON, before=None, limit=9),
            "renditions": tx.items.renditions(item.id),
            "jobs": tx.jobs.of_subjects([item.id]),
            "alarms": tx.oversight.alarms(),
            "same": [
                *filter(None, [tx.items.same_acquisition(unit=AGENT.unit, device="CAM", sha256=item.sha256)])
            ],
            "described": [*filter(None, [tx.items.description(item.id)])],
            "found": [*filter(None, [tx.search.entry(item.id)])],
        }

    before = await catalogue.read(lists)
    assert [name for name, found in before.items() if not found] == []
    await catalogue.write(lambda tx: tx.disposals.bury(proposal.id, a_tombstone(item)))
    await catalogue.write(lambda tx: refresh(tx, item.id))
    after = await catalogue.read(lists)
    assert [name for name, found in after.items() if found] == []
    assert list(await catalogue.read(lambda tx: tx.items.seen_by(VIEWER, [item.id]))) == [item.id]
    assert await catalogue.read(lambda tx: tx.figures.difference()) == 0


async def test_a_lock_of_what_was_disposed_of_is_not_renewed_and_no_hold_comes_onto_it(
    catalogue: SqlCatalogue,
) -> None:
    item = await catalogue.write(an_item)
    case = await catalogue.write(a_case)

    def arrange(tx: Transaction) -> Proposal:
        tx.links.add(Link(new_id(NOW), case.id, item.id, Origin.HAND, AGENT.id, NOW))
        tx.items.set_lock(item.id, NOW)
        return a_proposal(tx, item)

    proposal = await catalogue.write(arrange)
    assert len(await catalogue.read(lambda tx: tx.retention.to_renew(SOON, 9))) == 1
    await catalogue.write(lambda tx: tx.disposals.bury(proposal.id, a_tombstone(item)))
    assert await catalogue.read(lambda tx: tx.retention.to_renew(SOON, 9)) == []
    hold = Hold(new_id(NOW), SubjectKind.CASE.value, case.id, "r", "a", AGENT.id, NOW)
    await catalogue.write(lambda tx: tx.retention.hold(hold))
    assert await catalogue.read(lambda tx: tx.retention.untold_holds(9)) == []
    found = await catalogue.read(lambda tx: tx.items.get(item.id))
    assert found is not None
    assert not found.held


async def test_the_store_is_told_of_each_change_of_a_hold_once(catalogue: SqlCatalogue) -> None:
    item = await catalogue.write(an_item)
    hold = Hold(new_id(NOW), SubjectKind.ITEM.value, item.id, "r", "a", AGENT.id, NOW)

    async def untold() -> list[tuple[str, bool]]:
        return [(one.id, one.held) for one in await catalogue.read(lambda tx: tx.retention.untold_holds(9))]

    assert await untold() == []
    await catalogue.write(lambda tx: tx.retention.hold(hold))
    assert await untold() == [(item.id, True)]
    await catalogue.write(lambda tx: tx.retention.told_hold(item.id, True))
    assert await untold() == []
    await catalogue.write(lambda tx: tx.retention.lift(hold.id, at=NOW, agent_id=AGENT.id, reason="r"))
    assert await untold() == [(item.id, False)]
