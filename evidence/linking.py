"""Making and withdrawing links, each with its event, in the transaction of whoever asks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from evidence.cases import SETTLED, Case, CaseState, Link, Origin, checked_link, checked_number
from evidence.errors import Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import new_id
from evidence.items import Item
from evidence.keeping import reckon
from evidence.ports.catalogue import Transaction
from evidence.projection import refresh


def link(
    tx: Transaction, case: Case, item: Item, origin: Origin, agent_id: str | None, now: datetime
) -> Link:
    """A link of the two, on record; raises Conflict("already-linked"), Conflict("settled-case")."""
    checked_link(case)
    made = Link(new_id(now), case.id, item.id, origin, agent_id, now)
    tx.links.add(made)
    tx.events.append(
        EventDraft(
            EventType.LINK_MADE,
            agent_id,
            now,
            (Subject("item", item.id), Subject("case", case.id), Subject("link", made.id)),
            detail={"origin": origin.value, "number": case.number},
        )
    )
    linked = tx.items.get(item.id)
    if linked is not None:
        reckon(tx, [linked], now)
    refresh(tx, item.id)
    return made


def case_for(tx: Transaction, unit: str, number: str) -> Case | None:
    """The unit's case of that number, or the one that it was joined into; None if nothing is linked there."""
    return cases_for(tx, [(unit, number)]).get((unit, number))


def cases_for(tx: Transaction, named: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Case]:
    """The same for many units and numbers, without those to which nothing is linked.

    As many questions as the longest chain of joined cases has links, however many are asked for.
    """
    found = dict(tx.cases.by_numbers(named))
    while joined := {case.joined_into for case in found.values() if case.joined_into is not None}:
        into = tx.cases.get_all(joined)
        found = {
            name: case if case.joined_into is None else into[case.joined_into] for name, case in found.items()
        }
    return {
        name: case
        for name, case in found.items()
        if case.state not in SETTLED and case.state is not CaseState.TRANSFERRED
    }


def link_as_submitted(tx: Transaction, item: Item, now: datetime) -> None:
    """Link the item to the case that its submitter named, if the unit has it; else it waits in the inbox."""
    if item.submission.case is None:
        return
    try:
        number = checked_number(item.submission.case)
    except Invalid:
        return
    case = case_for(tx, item.unit, number)
    if case is None:
        return
    if tx.links.live(case.id, item.id) is None:
        link(tx, case, item, Origin.UPLOAD, item.agent_id, now)


def withdraw(tx: Transaction, made: Link, agent_id: str, reason: str, now: datetime) -> None:
    """Note that the two do not belong together, on record; raises Conflict("already-withdrawn")."""
    tx.links.withdraw(made.id, at=now, agent_id=agent_id, reason=reason)
    tx.events.append(
        EventDraft(
            EventType.LINK_WITHDRAWN,
            agent_id,
            now,
            (Subject("item", made.item_id), Subject("case", made.case_id), Subject("link", made.id)),
            detail={"reason": reason},
        )
    )
    refresh(tx, made.item_id)
