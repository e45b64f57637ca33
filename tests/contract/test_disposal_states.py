"""Whatever is proposed, approved, refused, held, lifted, decided, viewed and carried out, by whatever clock:
nothing that is held, locked, kept for longer, or approved by fewer than two others is ever disposed of.

The model is written down here once more, from the words of docs/retention.md.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cases.disposal import Disposal
from cases.disposing import Disposing
from cases.files import CaseFiles
from cases.holds import Holds
from cases.retention import Schedules
from custody.signing import FileSigner
from evidence.access import SubjectKind
from evidence.agents import Agent, AgentKind, Role
from evidence.cases import CaseDetail, CaseState
from evidence.copies import Fingerprint, FingerprintKind
from evidence.disposal import Proposal, ProposalState, TrustedTime
from evidence.errors import CustosError
from evidence.ids import new_id, new_pseudonym
from evidence.items import Category, Item, Submission, Viewing
from evidence.keys import certificate_key
from evidence.ports.objects import NotStored
from evidence.schedules import CountsFrom, Rule
from identity.policy import RolePolicy
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue
from storage.objects.disposer import FilesystemDisposer
from storage.objects.filesystem import FilesystemStore
from tests.catalogues import SQLITE_FIRST, Catalogues
from tests.contract.test_catalogue import AGENT, NOW, an_item

#: On the second engine among the long tests.
catalogues = SQLITE_FIRST

T = TypeVar("T")
UNIT = "north"
ROLES = (Role.ARCHIVIST, Role.SUPERVISOR, Role.SUPERVISOR, Role.LEGAL_REVIEWER)
PEOPLE = tuple(
    Agent(new_pseudonym(), AgentKind.PERSON, f"p{n}", f"p{n}", role, UNIT) for n, role in enumerate(ROLES)
)
CHIEF = PEOPLE[1]
ITEMS = range(4)
A_PERSON, AN_ITEM = st.sampled_from(PEOPLE), st.sampled_from(ITEMS)
FAR = timedelta(days=20)
AGREE = timedelta(minutes=5)
TROUBLES = ("none", "hold", "hold on the case", "lock", "look", "clock", "longer", "case")


class World:
    """What time it is, what the machine thinks that it is, and the ports that are not under test."""

    def __init__(self) -> None:
        self.true = NOW
        self.skew = timedelta()

    def now(self) -> datetime:
        return self.true + self.skew

    def source(self) -> str:
        return "the test's"

    async def stamp(self, statement: bytes) -> TrustedTime:
        return TrustedTime(new_id(self.true), statement, "http://authority.test", self.true)


class NoIndex:
    """An index in which nothing is."""

    async def put(self, fingerprint: Fingerprint) -> None: ...
    async def of(self, item_id: str, kind: FingerprintKind) -> Fingerprint | None: ...
    async def drop(self, item_id: str) -> None: ...
    async def matches(self, asked: Fingerprint, limit: int) -> list[object]:
        return []


class Disposals(RuleBasedStateMachine):
    def __init__(self, catalogues: Catalogues) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        where = self._stack.enter_context(catalogues.briefly())
        self.world = World()
        self.root = Path(self._directory.name)
        self.store = FilesystemStore(self.root / "store", immutable=False)
        self.catalogue: SqlCatalogue = self._do(
            self._stack.enter_async_context(open_catalogue(where, self.world, "test"))
        )
        policy, world, catalogue = RolePolicy(), self.world, self.catalogue
        self.disposal = Disposal(catalogue, policy, world)
        self.holds = Holds(catalogue, policy, world)
        self.schedules = Schedules(catalogue, policy, world)
        self.files = CaseFiles(catalogue, policy, world)
        self.disposing = Disposing(
            catalogue, self.store, FilesystemDisposer(self.root / "store"), NoIndex(), world,  # type: ignore[arg-type]
            FileSigner(Ed25519PrivateKey.generate()), world,
        )  # fmt: skip
        for person in (*PEOPLE, AGENT):
            self._do(catalogue.write(lambda tx, person=person: tx.agents.add(person, None, NOW)))  # type: ignore[misc]
        self.items = [self._item(number) for number in ITEMS]
        detail = CaseDetail()
        self.case = self._do(self.files.open(CHIEF, "A-1", Category.OTHER, detail)).id
        self.closed_at: datetime | None = None
        #: Days since receipt and since the case was closed, each None: without end; False: no such rule.
        self.rules: tuple[int | bool | None, int | bool | None] = (False, False)
        self.locks = dict.fromkeys(ITEMS, NOW + FAR)
        self.held: dict[str, int | None] = {}
        self.viewed: dict[int, str] = {}
        self.proposals: list[str] = []
        self.approvals: dict[str, set[str]] = {}
        self.proposers: dict[str, str] = {}
        self.refused: set[str] = set()
        self.gone: set[int] = set()
        self._decide(30, False)

    def teardown(self) -> None:
        self._do(self._stack.aclose())
        self._runner.close()
        self._directory.cleanup()

    def _do(self, work: Awaitable[T]) -> T:
        async def run() -> T:
            return await work

        return self._runner.run(run())

    def _item(self, number: int) -> Item:
        submission = Submission(f"{number}.mp4", case="A-1" if number == 0 else None)
        values = {"unit": UNIT, "submission": submission, "locked_until": NOW + FAR, "fully_locked": True}
        item = self._do(self.catalogue.write(lambda tx: an_item(tx, **values)))
        self._do(self.store.put(item.key, b"0123456789", locked_until=NOW + FAR))
        return item

    @rule(days=st.integers(1, 60))
    def time_passes(self, days: int) -> None:
        self.world.true += timedelta(days=days)

    @rule(skew=st.sampled_from([timedelta(), timedelta(), timedelta(minutes=4), FAR * 20, -FAR]))
    def somebody_sets_the_clock(self, skew: timedelta) -> None:
        self.world.skew = skew

    @rule(
        received=st.sampled_from([1, 1, 30, 400, None]), closed=st.sampled_from([False, False, 10, 400, None])
    )
    def a_schedule_comes_into_force(self, received: int | None, closed: int | bool | None) -> None:
        self._decide(received, closed)

    def _decide(self, received: int | None, closed: int | bool | None) -> None:
        rules = [Rule(None, received, CountsFrom.RECEIVED, "b")]
        if closed is not False:
            rules.append(Rule(None, closed, CountsFrom.CLOSED, "b"))
        version = self._do(self.schedules.propose(CHIEF, rules, "r")).version
        for person in (PEOPLE[0], PEOPLE[2]):
            self._do(self.schedules.approve(person, version))
        self.rules = (received, closed)

    @rule()
    def the_case_is_closed_or_taken_up_again(self) -> None:
        to = CaseState.FILED if self.closed_at is not None else CaseState.CLOSED
        self._do(self.files.move(CHIEF, self.case, to, "r"))
        self.closed_at = self.world.now() if to is CaseState.CLOSED else None

    @rule(item=st.none() | AN_ITEM)
    def somebody_places_a_hold(self, item: int | None) -> None:
        kind = SubjectKind.CASE if item is None else SubjectKind.ITEM
        subject = self.case if item is None else self.items[item].id
        with suppress(CustosError):
            hold = self._do(self.holds.place(CHIEF, kind, subject, "r", "a"))
            self.held[hold.id] = item

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def somebody_lifts_a_hold(self, data: st.DataObject) -> None:
        hold = data.draw(st.sampled_from(sorted(self.held)))
        with suppress(CustosError):
            self._do(self.holds.lift(CHIEF, hold, "r"))
            del self.held[hold]

    @rule(item=AN_ITEM, days=st.integers(1, 100))
    def the_store_extends_a_lock(self, item: int, days: int) -> None:
        until = self.world.true + timedelta(days=days)
        with suppress(NotStored):
            self._do(self.store.extend_lock(self.items[item].key, until))
            self.locks[item] = max(self.locks[item], until)

    @rule(item=AN_ITEM)
    def somebody_looks_or_has_looked(self, item: int) -> None:
        if item in self.gone:
            return
        if item in self.viewed:
            viewing = self.viewed.pop(item)
            self._do(self.catalogue.write(lambda tx: tx.viewings.close(viewing, self.world.true, ())))
            return
        opened = Viewing(
            new_id(self.world.true), CHIEF.id, self.items[item].id, "original", (0, 9), None,
            self.world.true, self.world.true, self.catalogue.emitter,
        )  # fmt: skip
        self._do(self.catalogue.write(lambda tx: tx.viewings.open(opened)))
        self.viewed[item] = opened.id

    @rule(items=st.lists(AN_ITEM, min_size=1, max_size=3))
    def three_people_agree(self, items: list[int]) -> None:
        self.somebody_proposes(PEOPLE[0], items)
        for who in PEOPLE[1:3]:
            if self.proposals:
                self._approve(who, self.proposals[-1])

    @rule(who=A_PERSON, items=st.lists(AN_ITEM, min_size=1, max_size=3))
    def somebody_proposes(self, who: Agent, items: list[int]) -> None:
        with suppress(CustosError):
            found = self._do(self.disposal.propose(who, [self.items[one].id for one in items], "r"))
            if found.proposal is not None:
                self.proposals.append(found.proposal.id)
                self.proposers[found.proposal.id] = who.id

    @precondition(lambda self: self.proposals)
    @rule(who=A_PERSON, data=st.data())
    def somebody_approves(self, who: Agent, data: st.DataObject) -> None:
        self._approve(who, data.draw(st.sampled_from(self.proposals)))

    def _approve(self, who: Agent, proposal: str) -> None:
        with suppress(CustosError):
            self._do(self.disposal.approve(who, proposal))
            assert proposal not in self.refused
            self.approvals.setdefault(proposal, set()).add(who.id)

    @precondition(lambda self: self.proposals)
    @rule(who=A_PERSON, data=st.data())
    def somebody_refuses(self, who: Agent, data: st.DataObject) -> None:
        proposal = data.draw(st.sampled_from(self.proposals))
        with suppress(CustosError):
            self._do(self.disposal.refuse(who, proposal, "r"))
            self.refused.add(proposal)

    @rule(
        days=st.sampled_from([0, 31]),
        items=st.lists(AN_ITEM, min_size=1, max_size=3),
        trouble=st.sampled_from(
            ["none", "hold", "hold on the case", "lock", "look", "clock", "longer", "case"]
        ),
    )
    def three_people_agree_and_something_comes_between(
        self, days: int, items: list[int], trouble: str
    ) -> None:
        self.world.true += timedelta(days=days)
        self.three_people_agree(items)
        if trouble.startswith("hold"):
            self.somebody_places_a_hold(items[0] if trouble == "hold" else None)
        elif trouble == "lock":
            self.the_store_extends_a_lock(items[0], 9)
        elif trouble == "look":
            self.somebody_looks_or_has_looked(items[0])
        elif trouble == "clock":
            self.world.skew = FAR
        elif trouble == "longer":
            self._decide(400, False)
        elif trouble == "case":
            self._decide(1, 10)
            self.the_case_is_closed_or_taken_up_again()
        if self.proposals:
            self._carry_out(self.proposals[-1])

    @precondition(lambda self: self.proposals)
    @rule(data=st.data())
    def it_is_carried_out(self, data: st.DataObject) -> None:
        self._carry_out(data.draw(st.sampled_from(self.proposals[-2:])))

    def _carry_out(self, proposal: str) -> None:
        before = self.gone
        with suppress(CustosError):
            self._do(self.disposing.carry_out(proposal))
        self.gone = {number for number in ITEMS if self._row(number).disposed_at is not None}
        for number in self.gone - before:
            assert self._row(number).disposed_in == proposal
            self._might_go(number, proposal)

    def _row(self, number: int) -> Item:
        found = self._do(self.catalogue.read(lambda tx: tx.items.get(self.items[number].id)))
        assert found is not None
        return found

    def _might_go(self, number: int, proposal: str) -> None:
        """The words of the rule, once more."""
        assert not [one for one in self.held.values() if one == number or (one is None and number == 0)]
        assert self.locks[number] <= self.world.true
        assert number not in self.viewed
        assert abs(self.world.skew) <= AGREE
        assert proposal not in self.refused
        assert len(self.approvals[proposal] - {self.proposers[proposal]}) >= 2
        received, closed = self.rules
        assert received is not False
        assert received is not None
        assert NOW + timedelta(days=received) <= self.world.true
        if number == 0 and closed is not False:
            assert self.closed_at is not None
            assert closed is not None
            assert self.closed_at + timedelta(days=closed) <= self.world.true

    @invariant()
    def what_is_not_gone_is_there_and_what_is_gone_has_one_certificate(self) -> None:
        objects = self.root / "store" / "objects"
        for number in ITEMS:
            assert os.path.lexists(objects / self.items[number].key) == (number not in self.gone)
        for one in self.proposals:
            proposal = self._do(self.catalogue.read(lambda tx, one=one: tx.disposals.get(one)))  # type: ignore[misc]
            assert isinstance(proposal, Proposal)
            is_done = proposal.state is ProposalState.CARRIED_OUT
            assert os.path.lexists(objects / certificate_key(one)) == is_done
            assert (proposal.state is ProposalState.REFUSED) == (one in self.refused)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_whatever_comes_between_keeps_what_it_is_about(catalogues: Catalogues, trouble: str) -> None:
    machine = Disposals(catalogues)
    try:
        machine.three_people_agree_and_something_comes_between(31, [0, 1], trouble)
        kept = {"none": set(), "clock": {0, 1}, "longer": {0, 1}}.get(trouble, {0})
        assert {0, 1} - machine.gone == kept
        machine.what_is_not_gone_is_there_and_what_is_gone_has_one_certificate()
    finally:
        machine.teardown()


def test_nothing_is_disposed_of_before_its_time(catalogues: Catalogues) -> None:
    run_state_machine_as_test(
        lambda: Disposals(catalogues),
        settings=settings(
            max_examples=4 if catalogues.is_postgres else 10, stateful_step_count=15, deadline=None
        ),
    )
