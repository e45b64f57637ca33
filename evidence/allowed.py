"""The one way from an identifier to a thing that somebody may see."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from evidence.access import Viewer
from evidence.agents import Action, Agent
from evidence.cases import Case
from evidence.errors import Denied, Disposed, Invalid, PurposeNeeded
from evidence.ids import is_id
from evidence.items import Item
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Transaction
from evidence.timekeeping import to_text
from evidence.timeline import TimeLine, time_line

#: Segments of one recording that are looked at.
MOST_SEGMENTS = 2_000


def allowed_item(
    tx: Transaction,
    authority: Authority,
    agent: Agent,
    action: Action,
    item_id: str,
    now: datetime,
    purpose: str | None = None,
) -> Item:
    """The item, if the agent may do this with it; raises Denied, also if there is none, and PurposeNeeded.

    Of what was disposed of only the history is left; whoever asks for more and could see it gets Disposed.
    `purpose` is what they say that they look for now; without it counts what they stated before.
    """
    return allowed_items(tx, authority, agent, action, [item_id], now, purpose)[0]


def allowed_items(
    tx: Transaction,
    authority: Authority,
    agent: Agent,
    action: Action,
    item_ids: Sequence[str],
    now: datetime,
    purpose: str | None = None,
) -> Sequence[Item]:
    """The same for several, in the order given: all of them, or an exception."""
    wanted = list(dict.fromkeys(item_ids))
    found = tx.items.several(wanted) if all(map(is_id, wanted)) else []
    resources = tx.access.items([item.id for item in found], agent.id, now)
    if len(found) < len(wanted) or len(resources) < len(wanted):
        raise Denied
    closed: PurposeNeeded | None = None
    for item in found:
        resource = resources[item.id]
        try:
            authority.authorize(agent, action, replace(resource, purpose=purpose or resource.purpose))
        except PurposeNeeded as error:
            # Only once none of them is denied: the other answer would tell that this one is there.
            closed = error
    if closed is not None:
        raise closed
    for item in found:
        if item.disposed_at is not None and action is not Action.SEE_HISTORY:
            raise Disposed(to_text(item.disposed_at), item.disposed_in or "")
    return found


def seen_among(
    tx: Transaction,
    authority: Authority,
    agent: Agent,
    item_ids: Collection[str],
    now: datetime,
    action: Action = Action.SEE_ITEM,
    purpose: str | None = None,
) -> set[str]:
    """Those of the items that the agent may see, or do that with; raises nothing for the others.

    PurposeNeeded where the action asks for a purpose and none is given.
    """
    seen = set()
    for item_id, resource in tx.access.items(item_ids, agent.id, now).items():
        try:
            authority.authorize(agent, action, replace(resource, purpose=purpose or resource.purpose))
        except Denied:
            continue
        seen.add(item_id)
    return seen


def allowed_recording(
    tx: Transaction,
    authority: Authority,
    agent: Agent,
    action: Action,
    recording_id: str,
    now: datetime,
    purpose: str | None = None,
) -> tuple[TimeLine, Mapping[str, Item]]:
    """A recording's time line and items, as far as the agent sees it and by any name that it ever had.

    Raises Denied unless they may do this with each of those, PurposeNeeded, Invalid("too-many-segments").
    """
    scope = authority.scope(agent, action)
    current = tx.recordings.current(recording_id) if is_id(recording_id) else None
    if scope is None or current is None:
        raise Denied
    members = tx.recordings.members(Viewer.of(agent, scope, now), [current], MOST_SEGMENTS + 1)
    if not members:
        raise Denied
    if len(members) > MOST_SEGMENTS:
        raise Invalid("too-many-segments", f"A recording of more than {MOST_SEGMENTS} segments; name one.")
    items = allowed_items(tx, authority, agent, action, [one.item.id for one in members], now, purpose)
    return time_line([one.segment for one in members]), {item.id: item for item in items}


def allowed_case(
    tx: Transaction, authority: Authority, agent: Agent, action: Action, case_id: str, now: datetime
) -> Case:
    """The case, if the agent may do this with it; raises Denied, also if there is none."""
    case = tx.cases.get(case_id) if is_id(case_id) else None
    resource = None if case is None else tx.access.case(case_id, agent.id, now)
    if case is None or resource is None:
        raise Denied
    authority.authorize(agent, action, resource)
    return case
