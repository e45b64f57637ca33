"""What every catalogue promises of units, cases, links and of who may see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from evidence.access import Share, SubjectKind, Viewer
from evidence.agents import Agent, AgentKind, Restriction, Role
from evidence.cases import Case, CaseDetail, CaseState, Link, Origin
from evidence.errors import Conflict
from evidence.ids import new_id, new_pseudonym
from evidence.items import Category, Item, Submission
from evidence.ports.catalogue import Transaction
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.catalogue.engine import Where
from tests.contract.test_catalogue import AGENT, NOW, FixedClock, an_item

OTHER = Agent(new_pseudonym(), AgentKind.PERSON, "sun", "孙", Role.REVIEWER, "二大队")
LATER = NOW + timedelta(days=1)


@pytest.fixture
async def catalogue(where: Where) -> AsyncIterator[SqlCatalogue]:
    async with open_catalogue(where, FixedClock(), "test") as opened:
        for agent in (AGENT, OTHER):
            await opened.write(lambda tx, agent=agent: tx.agents.add(agent, None, NOW))
        yield opened


def a_case(tx: Transaction, number: str = "A-1", **changes: object) -> Case:
    case = Case(
        new_id(NOW), AGENT.unit, number, Category.PENALTY, CaseState.OPEN, AGENT.id, NOW,
        CaseDetail("打架", ("张伟", "李娜"), "人民路", {"编号": "7"}),
    )  # fmt: skip
    case = replace(case, **changes)  # type: ignore[arg-type]
    tx.cases.add(case)
    return case


def a_link(tx: Transaction, case: Case, item: Item, origin: Origin = Origin.HAND, at: datetime = NOW) -> Link:
    link = Link(new_id(at), case.id, item.id, origin, AGENT.id, at)
    tx.links.add(link)
    return link


def unit_viewer(unit: str = AGENT.unit, agent: Agent = AGENT) -> Viewer:
    return Viewer(agent.id, unit, False, NOW)


async def seen(catalogue: SqlCatalogue, viewer: Viewer) -> set[str]:
    """What the viewer's list shows; the same as when asked one by one."""

    def look(tx: Transaction) -> set[str]:
        listed = {item.id for item in tx.items.page(viewer, before=None, limit=99)}
        everything = {item.id for item in tx.items.page(Viewer("", None, False, NOW), before=None, limit=99)}
        assert set(tx.items.seen_by(viewer, everything)) == listed & everything
        return listed

    return await catalogue.read(look)


async def test_units_stand_below_each_other(catalogue: SqlCatalogue) -> None:
    def build(tx: Transaction) -> None:
        tx.units.place("组", "大队")
        tx.units.place("大队", "支队")
        tx.units.place("支队", None)

    await catalogue.write(build)
    assert await catalogue.read(lambda tx: tx.units.above("组")) == ("大队", "支队")
    assert await catalogue.read(lambda tx: tx.units.above("unknown")) == ()
    for child, parent in (("支队", "组"), ("大队", "大队")):
        with pytest.raises(Conflict) as error:
            await catalogue.write(lambda tx, child=child, parent=parent: tx.units.place(child, parent))
        assert error.value.code == "unit-below-itself"
    await catalogue.write(lambda tx: tx.units.place("大队", None))
    assert await catalogue.read(lambda tx: tx.units.above("组")) == ("大队",)
    assert await catalogue.read(lambda tx: tx.units.tree()) == {"组": "大队", "大队": None, "支队": None}


async def test_whoever_sees_a_unit_sees_those_below(catalogue: SqlCatalogue) -> None:
    item = await catalogue.write(an_item)
    await catalogue.write(lambda tx: tx.units.place(AGENT.unit, "支队"))
    case = await catalogue.write(a_case)
    assert await seen(catalogue, unit_viewer("支队", OTHER)) == {item.id}
    assert await seen(catalogue, unit_viewer("二大队", OTHER)) == set()
    cases = await catalogue.read(lambda tx: tx.cases.page(unit_viewer("支队", OTHER), before=None, limit=9))
    assert cases == [case]


async def test_a_case_comes_back_as_it_was_put(catalogue: SqlCatalogue) -> None:
    case = await catalogue.write(a_case)
    assert await catalogue.read(lambda tx: tx.cases.get(case.id)) == case
    assert await catalogue.read(lambda tx: tx.cases.by_number(AGENT.unit, "A-1")) == case
    assert await catalogue.read(lambda tx: tx.cases.by_number("二大队", "A-1")) is None
    with pytest.raises(Conflict) as error:
        await catalogue.write(a_case)
    assert error.value.code == "case-exists"
    await catalogue.write(lambda tx: a_case(tx, unit="二大队"))
    detail = CaseDetail("别的")
    await catalogue.write(lambda tx: tx.cases.describe(case.id, detail))
    await catalogue.write(
        lambda tx: tx.cases.move(case.id, CaseState.TRANSFERRED, closed_at=LATER, transferred_to="检察院")
    )
    expected = replace(
        case, detail=detail, state=CaseState.TRANSFERRED, closed_at=LATER, transferred_to="检察院"
    )
    assert await catalogue.read(lambda tx: tx.cases.get(case.id)) == expected


async def test_an_item_and_a_case_have_one_live_link_and_every_withdrawn_one(catalogue: SqlCatalogue) -> None:
    item, case = await catalogue.write(an_item), await catalogue.write(a_case)
    viewer = unit_viewer()

    async def inbox() -> list[str]:
        return [
            one.id for one in await catalogue.read(lambda tx: tx.links.unlinked(viewer, before=None, limit=9))
        ]

    assert await inbox() == [item.id]
    first = await catalogue.write(lambda tx: a_link(tx, case, item))
    assert await inbox() == []
    with pytest.raises(Conflict) as error:
        await catalogue.write(lambda tx: a_link(tx, case, item))
    assert error.value.code == "already-linked"
    for code in (None, "already-withdrawn"):
        work = catalogue.write(
            lambda tx: tx.links.withdraw(first.id, at=LATER, agent_id=OTHER.id, reason="wrong person")
        )
        if code is None:
            await work
        else:
            with pytest.raises(Conflict) as error:
                await work
            assert error.value.code == code
    assert await inbox() == [item.id]
    second = await catalogue.write(lambda tx: a_link(tx, case, item, Origin.RULE, LATER))
    gone = replace(first, withdrawn_at=LATER, withdrawn_by=OTHER.id, withdrawn_for="wrong person")
    assert await catalogue.read(lambda tx: tx.links.of_case(case.id)) == [gone, second]
    assert await catalogue.read(lambda tx: tx.links.of_items([item.id])) == {item.id: [gone, second]}
    assert await catalogue.read(lambda tx: tx.links.live(case.id, item.id)) == second


async def test_what_named_a_case_is_found_while_it_is_linked_to_none(catalogue: SqlCatalogue) -> None:
    named = await catalogue.write(lambda tx: an_item(tx, submission=Submission("a.mp4", case="A-1")))
    await catalogue.write(lambda tx: an_item(tx, submission=Submission("b.mp4", case="A-2")))
    assert await catalogue.read(lambda tx: tx.links.claimed(AGENT.unit, "A-1")) == [named]
    assert await catalogue.read(lambda tx: tx.links.claimed("二大队", "A-1")) == []
    case = await catalogue.write(a_case)
    await catalogue.write(lambda tx: a_link(tx, case, named))
    assert await catalogue.read(lambda tx: tx.links.claimed(AGENT.unit, "A-1")) == []


@pytest.mark.parametrize("kind", SubjectKind)
async def test_what_is_sealed_is_there_for_whoever_is_named(
    catalogue: SqlCatalogue, kind: SubjectKind
) -> None:
    item, case = await catalogue.write(an_item), await catalogue.write(a_case)
    await catalogue.write(lambda tx: a_link(tx, case, item))
    subject = item.id if kind is SubjectKind.ITEM else case.id

    async def restrict(restriction: Restriction, *named: str) -> None:
        await catalogue.write(lambda tx: tx.access.restrict(kind, subject, restriction, named))

    async def stands(agent: Agent) -> tuple[Restriction, bool]:
        resource = await catalogue.read(lambda tx: tx.access.item(item.id, agent.id, NOW))
        assert resource is not None
        return resource.restriction, resource.named

    async def lists(agent: Agent) -> bool:
        return await seen(catalogue, unit_viewer(agent=agent)) == {item.id}

    await restrict(Restriction.SEALED, OTHER.id)
    assert (await stands(AGENT), await stands(OTHER)) == (
        (Restriction.SEALED, False),
        (Restriction.SEALED, True),
    )
    assert (await lists(AGENT), await lists(OTHER)) == (False, True)
    audit = replace(unit_viewer(), past_seals=True)
    assert await seen(catalogue, audit) == {item.id}
    assert await catalogue.read(lambda tx: set(tx.cases.seen_by(audit, {case.id}))) == {case.id}
    assert (case.id in await catalogue.read(lambda tx: tx.cases.seen_by(unit_viewer(), {case.id}))) == (
        kind is SubjectKind.ITEM
    )
    hidden = await catalogue.read(lambda tx: tx.access.hidden({item.id, item.upload_id, "x"}, AGENT.id))
    assert hidden == {item.id, item.upload_id}
    assert await catalogue.read(lambda tx: tx.access.hidden({item.id}, OTHER.id)) == frozenset()
    assert await catalogue.read(lambda tx: tx.links.unlinked(unit_viewer(), before=None, limit=9)) == []
    assert await catalogue.read(lambda tx: tx.access.named(subject)) == [OTHER.id]
    await restrict(Restriction.RESTRICTED)
    assert (await stands(AGENT))[0] is Restriction.RESTRICTED
    assert await lists(AGENT)
    await restrict(Restriction.NONE)
    assert (await stands(AGENT))[0] is Restriction.NONE


async def test_whoever_sees_what_two_have_sealed_is_named_by_both(catalogue: SqlCatalogue) -> None:
    item, case = await catalogue.write(an_item), await catalogue.write(a_case)
    link = await catalogue.write(lambda tx: a_link(tx, case, item))

    def seal(kind: SubjectKind, subject: str, *named: str):  # type: ignore[no-untyped-def]
        return catalogue.write(lambda tx: tx.access.restrict(kind, subject, Restriction.SEALED, named))

    await seal(SubjectKind.ITEM, item.id, AGENT.id)
    await seal(SubjectKind.CASE, case.id, OTHER.id)
    for agent in (AGENT, OTHER):
        assert await seen(catalogue, unit_viewer(agent=agent)) == set()
    await seal(SubjectKind.CASE, case.id, OTHER.id, AGENT.id)
    assert await seen(catalogue, unit_viewer()) == {item.id}
    await seal(SubjectKind.CASE, case.id, OTHER.id)
    await catalogue.write(lambda tx: tx.links.withdraw(link.id, at=NOW, agent_id=AGENT.id, reason="r"))
    assert await seen(catalogue, unit_viewer()) == {item.id}
    assert await seen(catalogue, unit_viewer(agent=OTHER)) == set()


@pytest.mark.parametrize("kind", SubjectKind)
async def test_a_share_holds_until_its_day(catalogue: SqlCatalogue, kind: SubjectKind) -> None:
    item, case = await catalogue.write(an_item), await catalogue.write(a_case)
    await catalogue.write(an_item)
    await catalogue.write(lambda tx: a_link(tx, case, item))
    subject = item.id if kind is SubjectKind.ITEM else case.id
    share = Share(new_id(NOW), kind, subject, OTHER.id, AGENT.id, NOW, LATER, "asked for help")
    own = Viewer(OTHER.id, "二大队", False, NOW)
    assert await seen(catalogue, own) == set()
    await catalogue.write(lambda tx: tx.access.share(share))
    assert await catalogue.read(lambda tx: tx.access.get_share(share.id)) == share
    assert await seen(catalogue, own) == {item.id}
    resource = await catalogue.read(lambda tx: tx.access.item(item.id, OTHER.id, NOW))
    assert resource is not None
    assert resource.shared
    assert await seen(catalogue, replace(own, now=LATER)) == set()
    late = await catalogue.read(lambda tx: tx.access.item(item.id, OTHER.id, LATER))
    assert late is not None
    assert not late.shared
    await catalogue.write(lambda tx: tx.access.restrict(kind, subject, Restriction.SEALED, [AGENT.id]))
    assert await seen(catalogue, own) == set()
    await catalogue.write(lambda tx: tx.access.restrict(kind, subject, Restriction.NONE, []))
    await catalogue.write(lambda tx: tx.access.withdraw_share(share.id, NOW))
    assert await seen(catalogue, own) == set()
    assert await catalogue.read(lambda tx: tx.access.get_share(share.id)) is None


async def test_whoever_is_assigned_to_a_case_sees_what_is_linked_to_it(catalogue: SqlCatalogue) -> None:
    item, case = await catalogue.write(an_item), await catalogue.write(a_case)
    link = await catalogue.write(lambda tx: a_link(tx, case, item))
    own = Viewer(OTHER.id, "二大队", False, NOW)
    assert await catalogue.write(lambda tx: tx.cases.assign(case.id, OTHER.id, NOW))
    assert not await catalogue.write(lambda tx: tx.cases.assign(case.id, OTHER.id, NOW))
    assert await catalogue.read(lambda tx: tx.cases.people(case.id)) == [OTHER.id]
    assert await seen(catalogue, own) == {item.id}
    assert [one.id for one in await catalogue.read(lambda tx: tx.cases.page(own, before=None, limit=9))] == [
        case.id
    ]
    resource = await catalogue.read(lambda tx: tx.access.case(case.id, OTHER.id, NOW))
    assert resource is not None
    assert (resource.assigned, resource.shared, resource.owner) == (True, False, AGENT.id)
    await catalogue.write(lambda tx: tx.links.withdraw(link.id, at=NOW, agent_id=AGENT.id, reason="r"))
    assert await seen(catalogue, own) == set()
    assert await catalogue.write(lambda tx: tx.cases.dismiss(case.id, OTHER.id))
    assert not await catalogue.write(lambda tx: tx.cases.dismiss(case.id, OTHER.id))
    assert await catalogue.read(lambda tx: tx.cases.page(own, before=None, limit=9)) == []


async def test_a_purpose_holds_for_its_time_and_its_person(catalogue: SqlCatalogue) -> None:
    item = await catalogue.write(an_item)
    for purpose in ("first", "second"):
        await catalogue.write(
            lambda tx, purpose=purpose: tx.access.state_purpose(item.id, AGENT.id, purpose, LATER)
        )

    async def stated(agent: Agent, now: object = NOW) -> str | None:
        resource = await catalogue.read(lambda tx: tx.access.item(item.id, agent.id, now))  # type: ignore[arg-type]
        assert resource is not None
        return resource.purpose

    assert await stated(AGENT) == "second"
    assert await stated(AGENT, LATER) is None
    assert await stated(OTHER) is None


async def test_nothing_stands_for_what_is_not_there(catalogue: SqlCatalogue) -> None:
    assert await catalogue.read(lambda tx: tx.access.item("x", AGENT.id, NOW)) is None
    assert await catalogue.read(lambda tx: tx.access.case("x", AGENT.id, NOW)) is None
    assert await catalogue.read(lambda tx: tx.cases.get("x")) is None
    assert await catalogue.read(lambda tx: tx.links.get("x")) is None
