"""The one way from an identifier to a thing that somebody may see."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from evidence.agents import Action, Agent
from evidence.cases import Case
from evidence.errors import Denied, Disposed
from evidence.ids import is_id
from evidence.items import Item
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Transaction
from evidence.timekeeping import to_text


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
    item = tx.items.get(item_id) if is_id(item_id) else None
    resource = None if item is None else tx.access.item(item_id, agent.id, now)
    if item is None or resource is None:
        raise Denied
    authority.authorize(agent, action, replace(resource, purpose=purpose or resource.purpose))
    if item.disposed_at is not None and action is not Action.SEE_HISTORY:
        raise Disposed(to_text(item.disposed_at), item.disposed_in or "")
    return item


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
