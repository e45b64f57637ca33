"""What has to hold of a search's items, and the ways by which each criterion can be found.

Every question carries `visible_items`, with the columns of `items` read from `search_rows` where that has
them; where it does not, `items` is joined, which is right and slower.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BinaryExpression,
    BooleanClauseList,
    Column,
    ColumnElement,
    Exists,
    Select,
    and_,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.sql import operators, visitors

from evidence.access import Viewer
from evidence.places import MICRO, Box, Circle, covering, haversine_of
from evidence.projection import LONGEST
from evidence.search import Query
from evidence.timekeeping import to_micros
from storage.catalogue.search_tables import (
    INDEXED,
    search_cases,
    search_cells,
    search_clocks,
    search_places,
    search_rows,
    search_terms,
    search_texts,
)
from storage.catalogue.sight import visible_items
from storage.catalogue.tables import items

#: More terms of one question than this are not counted: the rest is checked all the same.
_MOST_TERMS = 12
_LAST = "\U0010ffff"
#: From the earliest that a recording may have begun to the latest that it may have ended, in microseconds.
_SPAN = 2 * LONGEST // timedelta(microseconds=1)
_ROW = search_rows.c
_COLUMNS: Mapping[Any, Any] = {
    items.c.id: _ROW.item_id,
    items.c.unit: _ROW.unit,
    items.c.owner_id: _ROW.agent_id,
    items.c.kind: _ROW.kind,
}


@dataclass(frozen=True, slots=True)
class Way:
    """An index by which all that a criterion holds of can be found.

    Of `search_rows` itself by a column's index, or the numbers that another table knows. `proves` is the
    condition that holds of all that it finds and of nothing else. `values`: of each of so many values the
    index has all by number; 0 where it has not. `is_timed`: it finds hardly more than the time asked for has.
    """

    found: Select[Any]
    column: str | None = None
    proves: ColumnElement[bool] | None = None
    values: int = 0
    is_timed: bool = False

    @property
    def is_in_order(self) -> bool:
        """Whether the index has all that it finds by number."""
        return self.values == 1


@dataclass(frozen=True, slots=True)
class Link:
    """What another table knows of one of `search_rows`: the rows that tell it, and that there is one."""

    rows: Select[Any]
    condition: Exists

    @classmethod
    def of(cls, seq: Column[int], *conditions: ColumnElement[bool]) -> Link:
        """By the number that they share."""
        rows = select(true()).where(seq == _ROW.seq, *conditions)
        return cls(rows, rows.exists())


@dataclass(frozen=True, slots=True)
class Asking:
    """What has to hold of `search_rows`, and the ways to begin with."""

    #: What stands in `search_rows`, or with `needs_items` in `items`; and what has a row in another table.
    plain: tuple[ColumnElement[bool], ...]
    linked: tuple[Link, ...]
    ways: tuple[Way, ...]
    needs_items: bool
    #: Between which instants, in microseconds, an item begins that lies in the time that is asked for.
    begins: tuple[int, int] | None

    @property
    def conditions(self) -> tuple[ColumnElement[bool], ...]:
        """All of them."""
        return (*self.plain, *(link.condition for link in self.linked))

    @property
    def is_plain(self) -> bool:
        """Whether all of it stands in `search_rows`."""
        return not self.linked and not self.needs_items


def joined(statement: Select[Any], asking: Asking) -> Select[Any]:
    """The statement, with `items` where something asks for them."""
    return statement.join(items, items.c.id == _ROW.item_id) if asking.needs_items else statement


def asking_of(viewer: Viewer, query: Query) -> Asking:
    """What has to hold of what the viewer asks for; its reach has been looked up."""
    visible, needs_items = _visible_rows(viewer)
    conditions = [visible]
    seen = [] if needs_items else [*_ways_of(visible)]
    ways = []
    for name in ("officer", "badge", "device", "unit", "kind", "category", "state"):
        value = getattr(query, name)
        if value is not None:
            conditions.append(_ROW[name] == str(value))
            ways.append(_by_column(name, conditions[-1], 1))
    linked = [*_linked(query)]
    ways.extend(way for _, found in linked for way in found)
    begins = None
    if query.since is not None and query.until is not None:
        begins = (to_micros(query.since) - _SPAN, to_micros(query.until))
    # Nothing finds fewer than the index of single items.
    are_single = bool(seen) and viewer.sight is not None and viewer.sight.units == ()
    ways = seen if are_single else [*seen, *ways]
    return Asking(tuple(conditions), tuple(one for one, _ in linked), tuple(ways), needs_items, begins)


def _linked(query: Query) -> Iterator[tuple[Link, list[Way]]]:
    """What other tables know, each condition with the ways to what it may hold of."""
    if query.case is not None:
        number = search_cases.c.number == query.case
        has_case = Link.of(search_cases.c.seq, number)
        found = select(search_cases.c.seq).where(number)
        yield has_case, [Way(found, proves=has_case.condition, values=1)]
    if query.tokens:
        text = search_texts.c.text
        within = (text.contains(token.within, autoescape=True) for token in query.tokens)
        has_tokens = Link.of(search_texts.c.seq, *within)
        yield has_tokens, [*_ways_of_tokens(query, has_tokens.condition)]
    if query.is_timed:
        is_then = Link.of(search_clocks.c.seq, in_time(query))
        then = select(search_clocks.c.seq).where(in_time(query))
        then = then.with_hint(search_clocks, "INDEXED BY ix_search_clocks_begins", "sqlite")
        yield is_then, [Way(then, proves=is_then.condition, is_timed=True)]
    if query.place is not None:
        is_there = Link.of(search_places.c.seq, _in_place(query.place))
        covered = covering(query.place.boxes())
        within = search_cells.c.cell.in_(covered)
        yield is_there, [Way(select(search_cells.c.seq).where(within), values=len(covered))]


def _visible_rows(viewer: Viewer) -> tuple[ColumnElement[bool], bool]:
    """`visible_items` on `search_rows`, and whether it still asks for columns that only `items` has."""
    condition = visible_items(viewer)

    def replaced_by(element: Any, **_: Any) -> Any:
        return _COLUMNS.get(element) if isinstance(element, Column) else None

    replaced = visitors.replacement_traverse(condition, {}, replaced_by)
    if any(getattr(element, "table", element) is items for element in visitors.iterate(replaced)):
        return condition, True
    return replaced, False


def _ways_of(visible: ColumnElement[bool]) -> Iterator[Way]:
    """The equalities that hold of all that somebody may see, where an index finds them."""
    clauses: Sequence[Any] = [visible]
    if isinstance(visible, BooleanClauseList) and visible.operator is operators.and_:
        clauses = visible.clauses
    for clause in clauses:
        if not (
            isinstance(clause, BinaryExpression)
            and clause.operator in (operators.eq, operators.in_op)
            and isinstance(clause.left, Column)
            and clause.left.table is search_rows
        ):
            continue
        if clause.left.name == "item_id":
            yield Way(select(_ROW.seq).where(clause))
        elif clause.left.name in INDEXED:
            several = getattr(clause.right, "value", None) if clause.operator is operators.in_op else [None]
            yield _by_column(clause.left.name, clause, len(several or ()))


def _by_column(name: str, condition: ColumnElement[bool], values: int) -> Way:
    found = select(_ROW.seq).where(condition)
    found = found.with_hint(search_rows, f"INDEXED BY ix_search_rows_{name}", "sqlite")
    return Way(found, name, values=values)


def _ways_of_tokens(query: Query, has_tokens: ColumnElement[bool]) -> Iterator[Way]:
    tokens = query.tokens
    proves = has_tokens if len(tokens) == 1 and tokens[0].is_told_by_terms else None
    of_words = [(term, token.is_prefix) for token in tokens for term in token.terms][:_MOST_TERMS]
    for term, is_prefix in of_words:
        held = search_terms.c.term
        conditions = beginning_with(held, term) if is_prefix else (held == term,)
        found = select(search_terms.c.seq).where(*conditions)
        yield Way(found, proves=proves, values=0 if is_prefix else 1)


def beginning_with(column: ColumnElement[str], text: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The conditions on a column for what begins so."""
    return column >= text, column < text + _LAST


def in_time(query: Query) -> ColumnElement[bool]:
    """The condition on `search_clocks` for the time that is asked for."""
    clock = search_clocks.c
    conditions: list[ColumnElement[bool]] = []
    if query.until is not None:
        conditions.append(clock.begins <= to_micros(query.until))
    if query.since is not None:
        since = to_micros(query.since)
        # What began earlier has ended by then, whatever its length; so that the index can begin there.
        conditions += [clock.begins >= since - _SPAN, clock.ends >= since]
    if query.clocks:
        conditions.append(clock.kind.in_([kind.value for kind in query.clocks]))
    return and_(true(), *conditions)


def _in_place(place: Box | Circle) -> ColumnElement[bool]:
    latitude, longitude = search_places.c.latitude, search_places.c.longitude
    within = or_(
        *(
            and_(latitude.between(box.south, box.north), longitude.between(box.west, box.east))
            for box in place.boxes()
        )
    )
    if isinstance(place, Box):
        return within
    centre = place.centre
    up = func.radians((latitude - centre.latitude) / float(MICRO)) / 2
    across = func.radians((longitude - centre.longitude) / float(MICRO)) / 2
    narrow = func.cos(func.radians(latitude / float(MICRO))) * func.cos(
        func.radians(centre.latitude / float(MICRO))
    )
    half_chord = func.sin(up) * func.sin(up) + narrow * func.sin(across) * func.sin(across)
    return and_(within, half_chord <= haversine_of(place.radius_m))
