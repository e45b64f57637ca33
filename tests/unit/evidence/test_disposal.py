"""What may go, and who agrees to it, whatever happens in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.disposal import (
    APPROVERS,
    MOST_ITEMS,
    Fate,
    Proposal,
    ProposalState,
    Standing,
    approved,
    checked_items,
    fate,
    refused,
    time_statement,
)
from evidence.errors import Conflict, Invalid
from evidence.ids import new_id
from evidence.schedules import Keep

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ITEMS = tuple(sorted(new_id(NOW) for _ in range(3)))
DUE = dict.fromkeys(ITEMS, Fate.DUE)
PROPOSAL = Proposal(new_id(NOW), "north", "r", "a", NOW, ITEMS, bytes(32))
DAYS = st.integers(-400, 400).map(lambda days: NOW + timedelta(days=days))
STANDINGS = st.builds(
    Standing,
    st.builds(Keep, st.none() | DAYS, st.just("basis")),
    st.booleans(),
    DAYS,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
PEOPLE = st.sampled_from("abcd")


@given(STANDINGS, DAYS)
def test_what_is_due_is_neither_held_nor_kept_nor_locked_nor_worked_at(
    standing: Standing, now: datetime
) -> None:
    is_due = (
        standing.kept.until is not None
        and standing.kept.until <= now
        and standing.locked_until <= now
        and not (standing.held or standing.busy or standing.proposed or standing.disposed)
    )
    assert (fate(standing, now) is Fate.DUE) == is_due


@given(STANDINGS, DAYS)
def test_a_hold_is_named_before_anything_else_that_keeps_it(standing: Standing, now: datetime) -> None:
    found = fate(replace(standing, held=True, disposed=False), now)
    assert found is Fate.HELD


@given(st.lists(st.tuples(st.sampled_from(["approve", "refuse"]), PEOPLE), max_size=8))
def test_two_others_approve_and_nothing_follows_a_refusal(steps: list[tuple[str, str]]) -> None:
    proposal = PROPOSAL
    for what, who in steps:
        before = proposal
        try:
            if what == "approve":
                proposal = approved(proposal, who, NOW, DUE)
            else:
                proposal = refused(proposal, who, NOW, "r", begun=False)
        except Conflict:
            assert proposal is before
        people = [one.agent_id for one in proposal.approvals]
        assert len(people) == len(set(people)) <= APPROVERS
        assert proposal.proposed_by not in people
        if proposal.state is ProposalState.APPROVED:
            assert len(people) == APPROVERS
        if before.state is ProposalState.REFUSED:
            assert proposal is before


@pytest.mark.parametrize("other", [one for one in Fate if one not in (Fate.DUE, Fate.BUSY)])
def test_nobody_approves_what_may_not_go(other: Fate) -> None:
    with pytest.raises(Conflict) as error:
        approved(PROPOSAL, "b", NOW, {**DUE, ITEMS[1]: other})
    assert error.value.code == "not-due"
    assert other.value in error.value.message
    assert approved(PROPOSAL, "b", NOW, {**DUE, ITEMS[1]: Fate.BUSY}).approvals
    with pytest.raises(Conflict) as error:
        approved(PROPOSAL, "b", NOW, {ITEMS[0]: Fate.DUE})
    assert error.value.code == "not-due"


def test_what_has_begun_is_not_refused() -> None:
    with pytest.raises(Conflict) as error:
        refused(PROPOSAL, "b", NOW, "r", begun=True)
    assert error.value.code == "begun"


def test_a_proposal_names_each_item_once_and_not_too_many() -> None:
    assert checked_items([*ITEMS, ITEMS[0]]) == ITEMS
    for wrong in ([], [str(n) for n in range(MOST_ITEMS + 1)]):
        with pytest.raises(Invalid):
            checked_items(wrong)


@given(st.permutations(ITEMS))
def test_what_an_authority_signs_does_not_depend_on_an_order(items: list[str]) -> None:
    assert time_statement(PROPOSAL.id, items) == time_statement(PROPOSAL.id, ITEMS)
    assert time_statement(PROPOSAL.id, items) != time_statement(PROPOSAL.id, items[1:])
