"""Who may see what, as conditions that every list, count and search carries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    Select,
    and_,
    exists,
    false,
    not_,
    or_,
    select,
    true,
    union,
)

from evidence.access import Sight, SubjectKind, Viewer
from evidence.agents import Restriction
from evidence.items import Item
from evidence.timekeeping import to_micros
from storage.catalogue import codec
from storage.catalogue.case_tables import (
    case_people,
    cases,
    item_restrictions,
    links,
    named_people,
    shares,
    unit_above,
)
from storage.catalogue.tables import items
from storage.catalogue.units import is_below

SEALED = Restriction.SEALED.value
#: More single items than this are asked for by a subquery.
_FEW = 500


def sighted(connection: Connection, viewer: Viewer) -> Viewer:
    """The viewer with what its reach comes to: few values, which an index finds, in place of subqueries.

    Single items are those that it does not take in anyway: of the items of one's cases most are one's unit's.
    Once it was looked up it stays as it is, for the transaction that it is asked in.
    """
    if viewer.sight is not None:
        return viewer
    units: tuple[str, ...] | None = None
    if viewer.unit is not None and not viewer.own:
        below = connection.execute(
            select(unit_above.c.unit).where(unit_above.c.above == viewer.unit).order_by(unit_above.c.unit)
        ).scalars()
        units = (viewer.unit, *below)
    takes_in_all = viewer.unit is None and not viewer.own
    also = () if takes_in_all else _few(connection, _reached_otherwise(viewer))
    if also:
        outside = select(items.c.id).where(items.c.id.in_(also), not_(_in_reach(viewer, units)))
        also = tuple(sorted(connection.execute(outside).scalars()))
    hidden = () if viewer.past_seals else _few(connection, _hidden(viewer.agent_id))
    return replace(viewer, sight=Sight(units, also, hidden))


def _few(connection: Connection, query: Select[str]) -> tuple[str, ...] | None:
    found = set(connection.execute(query.limit(_FEW + 1)).scalars())
    return tuple(sorted(found)) if len(found) <= _FEW else None


def apart(viewer: Viewer, unit: str | None = None) -> Iterator[Viewer]:
    """A viewer that was looked up, as it sees its reach, or what of it is that unit's, and single items.

    No item is in both. An index finds what is of a unit, and it finds single items; not what is either.
    """
    sight = viewer.sight
    assert sight is not None
    units = sight.units
    if units is not None and unit is not None:
        units = (unit,) if unit in units else ()
    if sight.also is None:
        yield replace(viewer, sight=replace(sight, units=units))
        return
    if units != ():
        yield replace(viewer, sight=replace(sight, units=units, also=()))
    if sight.also:
        yield replace(viewer, sight=replace(sight, units=()))


def visible_items(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `items` for what `viewer` may see."""
    sight = viewer.sight or Sight(None, None, None)
    within = _in_reach(viewer, sight.units)
    if sight.also is None:
        within = or_(within, items.c.id.in_(_reached_otherwise(viewer)))
    elif sight.also:
        within = or_(within, items.c.id.in_(sight.also))
    if viewer.past_seals:
        return within
    if sight.hidden is None:
        return and_(within, items.c.id.not_in(_hidden(viewer.agent_id)))
    return and_(within, items.c.id.not_in(sight.hidden)) if sight.hidden else within


def newest_items(
    connection: Connection,
    viewer: Viewer,
    *conditions: ColumnElement[bool],
    before: str | None,
    limit: int,
) -> list[Item]:
    """A page of a list: what `viewer` may see of what meets the conditions, newest first."""
    query = select(items).where(*conditions).order_by(items.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(items.c.id < before)
    rows = [
        row
        for part in apart(sighted(connection, viewer))
        for row in connection.execute(query.where(listed_items(part))).mappings()
    ]
    return [codec.item(row) for row in sorted(rows, key=lambda row: row["id"], reverse=True)[:limit]]


def _in_reach(viewer: Viewer, units: tuple[str, ...] | None) -> ColumnElement[bool]:
    if units is None:
        return _within(viewer, items.c.unit, items.c.owner_id)
    if not units:
        return false()
    return items.c.unit == units[0] if len(units) == 1 else items.c.unit.in_(units)


def listed_items(viewer: Viewer) -> ColumnElement[bool]:
    """The same for lists: what was disposed of is not in them."""
    return and_(items.c.disposed_at.is_(None), visible_items(viewer))


def _reached_otherwise(viewer: Viewer) -> Select[str]:
    """What is shared with the viewer, or belongs to a case that is, or that they are assigned to."""
    single = shared_with(viewer.agent_id, viewer.now).where(shares.c.subject_kind == SubjectKind.ITEM.value)
    of_cases = select(links.c.item_id).where(is_reached_link(viewer.agent_id, viewer.now))
    found = union(single, of_cases).subquery()
    return select(found.c[0])


def is_reached_link(agent_id: str, now: datetime) -> ColumnElement[bool]:
    """Whether a live link leads to a case that is shared with the agent or that they are assigned to.

    One list of cases: of two, with `or` between them, PostgreSQL would look through all links.
    """
    return and_(links.c.withdrawn_at.is_(None), links.c.case_id.in_(_reached_cases(agent_id, now)))


def _reached_cases(agent_id: str, now: datetime) -> CompoundSelect[str]:
    return union(shared_with(agent_id, now), assigned_to(agent_id))


def _hidden(agent_id: str) -> Select[str]:
    """What is sealed and does not name the agent."""
    sealed = items.alias("sealed")
    return select(sealed.c.id).where(sealed.c.restriction == SEALED, not_(named_on(sealed, agent_id)))


def visible_cases(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `cases` for what `viewer` may see."""
    reached = or_(
        _within(viewer, cases.c.unit, cases.c.opened_by),
        cases.c.id.in_(_reached_cases(viewer.agent_id, viewer.now)),
    )
    if viewer.past_seals:
        return reached
    return and_(reached, or_(cases.c.restriction != SEALED, cases.c.id.in_(named_to(viewer.agent_id))))


def _within(viewer: Viewer, unit: ColumnElement[str], owner: ColumnElement[str]) -> ColumnElement[bool]:
    if viewer.own:
        return owner == viewer.agent_id
    return true() if viewer.unit is None else is_below(unit, viewer.unit)


def shared_with(agent_id: str, now: datetime) -> Select[str]:
    """Items and cases that are shared with the agent at that time."""
    return select(shares.c.subject).where(
        shares.c.agent_id == agent_id, shares.c.until > to_micros(now), shares.c.withdrawn_at.is_(None)
    )


def assigned_to(agent_id: str) -> Select[str]:
    """Cases that the agent works on."""
    return select(case_people.c.case_id).where(case_people.c.agent_id == agent_id)


def named_to(agent_id: str) -> Select[str]:
    """What is sealed to people among whom the agent is named."""
    return select(named_people.c.subject).where(named_people.c.agent_id == agent_id)


def named_on(item: FromClause, agent_id: str) -> ColumnElement[bool]:
    """Whether the agent is named on the item where it is sealed, and on every case that seals it."""
    own = exists().where(item_restrictions.c.item_id == item.c.id, item_restrictions.c.restriction == SEALED)
    by_case = exists().where(
        links.c.item_id == item.c.id,
        links.c.withdrawn_at.is_(None),
        cases.c.id == links.c.case_id,
        cases.c.restriction == SEALED,
        cases.c.id.not_in(named_to(agent_id)),
    )
    return and_(or_(not_(own), item.c.id.in_(named_to(agent_id))), not_(by_case))
