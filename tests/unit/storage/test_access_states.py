"""Whatever is linked, sealed, shared, held in whatever order: lists and single things agree.

And both agree with a model that is written down here once more, from the words of docs/cases.md.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, func, select

from evidence.access import Share, SubjectKind, Viewer
from evidence.agents import Action, Agent, AgentKind, Resource, Restriction, Role
from evidence.cases import Case, CaseState, Link, Origin
from evidence.errors import Denied
from evidence.ids import new_id, new_pseudonym
from evidence.items import Category
from evidence.reviews import Outcome, Review, Turn
from evidence.sampling import Frame, Sample
from evidence.schedules import Hold
from evidence.timekeeping import OFFICE_ZONE
from identity.policy import RolePolicy
from storage.catalogue.access import SqlAccess
from storage.catalogue.cases import SqlCases, SqlLinks
from storage.catalogue.engine import open_engine
from storage.catalogue.figure_tables import figures
from storage.catalogue.figures import SqlFigures
from storage.catalogue.fixity import SqlFixity
from storage.catalogue.holdings import SqlItems
from storage.catalogue.intake import SqlUploads
from storage.catalogue.people import SqlAgents
from storage.catalogue.retention import SqlRetention
from storage.catalogue.reviews import SqlReviews
from storage.catalogue.sight import newest_items, visible_items
from storage.catalogue.tables import items
from storage.catalogue.units import SqlUnits
from tests.catalogues import SQLITE_FIRST, Catalogues
from tests.contract.test_catalogue import AGENT, NOW, an_item

#: On the second engine among the long tests.
catalogues = SQLITE_FIRST

UNITS = ("top", "north", "south")
PEOPLE = (
    Agent(new_pseudonym(), AgentKind.PERSON, "officer", "o", Role.OFFICER, "north"),
    Agent(new_pseudonym(), AgentKind.PERSON, "reviewer", "r", Role.REVIEWER, "north"),
    Agent(new_pseudonym(), AgentKind.PERSON, "guest", "g", Role.REVIEWER, "south"),
    Agent(new_pseudonym(), AgentKind.PERSON, "chief", "c", Role.SUPERVISOR, "top"),
)
ITEMS, CASES = range(3), range(2)
A_PERSON, AN_ITEM, A_CASE = st.sampled_from(PEOPLE), st.sampled_from(ITEMS), st.sampled_from(CASES)
SUBJECTS = st.one_of(
    st.tuples(st.just(SubjectKind.ITEM), AN_ITEM), st.tuples(st.just(SubjectKind.CASE), A_CASE)
)


class _Tx:
    """As much of a transaction as an item needs to be put in."""

    def __init__(self, connection: Connection) -> None:
        self.items = SqlItems(connection, SqlFigures(connection, OFFICE_ZONE), SqlFixity(connection))
        self.uploads = SqlUploads(connection)


class Access(RuleBasedStateMachine):
    def __init__(self, catalogues: Catalogues) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._engine = open_engine(self._stack.enter_context(catalogues.briefly()), readers=False)
        self._connection = connection = self._engine.connect()
        self.figures = SqlFigures(connection, OFFICE_ZONE)
        self.links, self.cases = SqlLinks(connection, self.figures), SqlCases(connection)
        self.access, self.units = SqlAccess(connection, self.figures), SqlUnits(connection)
        agents = SqlAgents(connection)
        for person in (*PEOPLE, AGENT):
            agents.add(person, None, NOW)
        self.now = NOW
        self.item_ids: list[str] = []
        self.case_ids: list[str] = []
        for number in ITEMS:
            item = an_item(
                _Tx(connection),  # type: ignore[arg-type]
                unit=("north", "north", "south")[number],
                agent_id=(PEOPLE[0], PEOPLE[1], PEOPLE[2])[number].id,
            )
            self.item_ids.append(item.id)
        for number in CASES:
            case = Case(
                new_id(NOW), ("north", "south")[number], f"{number}", Category.OTHER, CaseState.OPEN,
                PEOPLE[0].id, NOW,
            )  # fmt: skip
            self.cases.add(case)
            self.case_ids.append(case.id)
        self.below_top = False
        self.live: dict[tuple[int, int], str] = {}
        self.made: list[str] = []
        self.sealed: dict[tuple[SubjectKind, int], set[str]] = {}
        self.ever: set[tuple[int, int]] = set()
        self.holds: dict[str, tuple[SubjectKind, int]] = {}
        self.reviews = SqlReviews(connection, self.figures)
        self.standing: dict[str, int] = {}
        self.drawn: set[int] = set()
        self.retention = SqlRetention(connection, self.figures)
        self.shares: list[tuple[SubjectKind, int, str, timedelta]] = []
        self.assigned: set[tuple[int, str]] = set()

    def teardown(self) -> None:
        self._connection.close()
        self._engine.dispose()
        self._stack.close()

    def _id(self, kind: SubjectKind, number: int) -> str:
        return self.item_ids[number] if kind is SubjectKind.ITEM else self.case_ids[number]

    @rule(item=AN_ITEM, case=A_CASE)
    def link(self, item: int, case: int) -> None:
        if (item, case) in self.live:
            return
        link = Link(new_id(NOW), self.case_ids[case], self.item_ids[item], Origin.HAND, None, NOW)
        self.links.add(link)
        self.live[item, case] = link.id
        self.ever.add((item, case))
        self.made.append(link.id)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        pair = data.draw(st.sampled_from(sorted(self.live)))
        self.links.withdraw(self.live.pop(pair), at=NOW, agent_id=PEOPLE[0].id, reason="r")

    @rule(subject=SUBJECTS, named=st.sets(A_PERSON, min_size=1, max_size=2))
    def seal(self, subject: tuple[SubjectKind, int], named: set[Agent]) -> None:
        people = {one.id for one in named}
        self.access.restrict(subject[0], self._id(*subject), Restriction.SEALED, people)
        self.sealed[subject] = people

    @rule(subject=SUBJECTS)
    def open_again(self, subject: tuple[SubjectKind, int]) -> None:
        self.access.restrict(subject[0], self._id(*subject), Restriction.NONE, ())
        self.sealed.pop(subject, None)

    @rule(subject=SUBJECTS, person=A_PERSON, days=st.integers(1, 5))
    def share(self, subject: tuple[SubjectKind, int], person: Agent, days: int) -> None:
        until = self.now + timedelta(days=days)
        self.access.share(
            Share(new_id(NOW), subject[0], self._id(*subject), person.id, PEOPLE[3].id, NOW, until, "r")
        )
        self.shares.append((*subject, person.id, until - NOW))

    @rule(days=st.integers(1, 3))
    def time_goes_on(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(subject=SUBJECTS)
    def hold(self, subject: tuple[SubjectKind, int]) -> None:
        hold = Hold(new_id(NOW), subject[0].value, self._id(*subject), "r", "a", PEOPLE[3].id, NOW)
        self.retention.hold(hold)
        self.holds[hold.id] = subject

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        hold_id = data.draw(st.sampled_from(sorted(self.holds)))
        self.retention.lift(hold_id, at=NOW, agent_id=PEOPLE[3].id, reason="r")
        del self.holds[hold_id]

    @rule(item=AN_ITEM)
    def review(self, item: int) -> None:
        review = Review(
            new_id(NOW), self.item_ids[item], PEOPLE[3].id, Outcome.IN_ORDER, (), "", None, None, NOW
        )
        self.reviews.add(review)
        self.standing[review.id] = item

    @precondition(lambda self: self.standing)
    @rule(data=st.data())
    def take_a_review_back(self, data: st.DataObject) -> None:
        review_id = data.draw(st.sampled_from(sorted(self.standing)))
        self.reviews.withdraw(review_id, at=NOW, agent_id=PEOPLE[3].id, reason="r")
        del self.standing[review_id]

    @rule(some=st.sets(AN_ITEM, min_size=1))
    def draw(self, some: set[int]) -> None:
        frame = Frame("north", NOW, NOW + timedelta(days=1))
        sample = Sample(new_id(NOW), frame, "0" * 64, 3, "0" * 64, len(some), PEOPLE[3].id, NOW, "r")
        self.reviews.draw(sample, [self.item_ids[item] for item in some])
        self.drawn |= some

    @rule(case=A_CASE, person=A_PERSON)
    def assign(self, case: int, person: Agent) -> None:
        self.cases.assign(self.case_ids[case], person.id, NOW)
        self.assigned.add((case, person.id))

    @rule(case=A_CASE, person=A_PERSON)
    def dismiss(self, case: int, person: Agent) -> None:
        self.cases.dismiss(self.case_ids[case], person.id)
        self.assigned.discard((case, person.id))

    @rule(below=st.booleans())
    def place(self, below: bool) -> None:
        self.units.place("north", "top" if below else None)
        self.below_top = below

    def _is_shared(self, kind: SubjectKind, number: int, person: str) -> bool:
        ago = self.now - NOW
        return any(share[:3] == (kind, number, person) and share[3] > ago for share in self.shares)

    def _may_see(self, person: Agent, item: int) -> bool:
        unit, owner = (("north", 0), ("north", 1), ("south", 2))[item]
        cases = [case for (one, case) in self.live if one == item]
        if person.role is Role.OFFICER:
            within = PEOPLE[owner] == person
        else:
            within = person.unit == unit or (self.below_top and person.unit == "top" and unit == "north")
        within = within or self._is_shared(SubjectKind.ITEM, item, person.id)
        within = within or any(
            (case, person.id) in self.assigned or self._is_shared(SubjectKind.CASE, case, person.id)
            for case in cases
        )
        seals = [(SubjectKind.ITEM, item), *((SubjectKind.CASE, case) for case in cases)]
        return within and all(person.id in self.sealed[one] for one in seals if one in self.sealed)

    @invariant()
    def lists_and_single_things_agree_with_the_model(self) -> None:
        policy = RolePolicy()
        for person in PEOPLE:
            scope = policy.scope(person, Action.LIST_ITEMS)
            assert isinstance(scope, Resource)
            viewer = Viewer.of(person, scope, self.now)
            listed = set(self._connection.execute(select(items.c.id).where(visible_items(viewer))).scalars())
            expected = {self.item_ids[item] for item in ITEMS if self._may_see(person, item)}
            assert listed == expected
            page = newest_items(self._connection, viewer, before=None, limit=9)
            assert [one.id for one in page] == sorted(expected, reverse=True)
            for item_id in self.item_ids:
                resource = self.access.item(item_id, person.id, self.now)
                assert resource is not None
                try:
                    policy.authorize(person, Action.SEE_ITEM, resource)
                    alone = True
                except Denied:
                    alone = False
                assert alone == (item_id in expected)

    @invariant()
    def the_queue_is_what_waits_and_may_be_seen(self) -> None:
        for person in PEOPLE[1:]:
            viewer = Viewer(person.id, person.unit, False, self.now)
            units = {person.unit, "north"} if self.below_top and person.unit == "top" else {person.unit}
            expected = [
                (item not in self.drawn, self.item_ids[item])
                for item in ITEMS
                if ("north", "north", "south")[item] in units
                and PEOPLE[item] != person
                and self._may_see(person, item)
                and item not in self.standing.values()
            ]
            found = self.reviews.queue(viewer, person.unit, after=None, limit=9)
            assert [(one.turn is Turn.WAITING, one.item.id) for one in found] == sorted(expected)

    @invariant()
    def a_hold_is_on_all_that_was_ever_linked(self) -> None:
        for item in ITEMS:
            kept = self._connection.execute(
                select(items.c.held).where(items.c.id == self.item_ids[item])
            ).scalar_one()
            on = {(SubjectKind.ITEM, item)}
            on |= {(SubjectKind.CASE, case) for one, case in self.ever if one == item}
            assert kept == bool(on & set(self.holds.values()))

    @invariant()
    def every_link_that_was_made_is_there(self) -> None:
        found = [link for case_id in self.case_ids for link in self.links.of_case(case_id)]
        assert {link.id for link in found} == set(self.made)
        assert {link.id for link in found if link.withdrawn_at is None} == set(self.live.values())
        for item in ITEMS:
            kept = self._connection.execute(
                select(items.c.links).where(items.c.id == self.item_ids[item])
            ).scalar_one()
            assert kept == sum(one == item for one, _ in self.live)

    @invariant()
    def figures_are_what_counting_anew_gives_and_hide_what_is_sealed(self) -> None:
        assert self.figures.difference() == 0
        counted = self._connection.execute(select(func.sum(figures.c["items"]))).scalar_one() or 0
        open_ = select(func.count()).where(items.c.restriction != Restriction.SEALED.value)
        assert counted == self._connection.execute(open_).scalar_one()


def test_lists_and_single_things_agree(catalogues: Catalogues) -> None:
    run_state_machine_as_test(
        lambda: Access(catalogues),
        settings=settings(
            max_examples=3 if catalogues.is_postgres else 4, stateful_step_count=25, deadline=None
        ),
    )
