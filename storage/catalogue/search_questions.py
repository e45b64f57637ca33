"""How a search is answered in SQL.

Every statement carries `visible_items`, with the columns of `items` read from `search_rows` where that has
them; where it does not, `items` is joined, which is right and slower.

A statement begins with what holds of the fewest: each criterion that an index can find is counted first, up
to a bound and all in one statement, and the others are checked of what the best one finds. So nothing hangs
on statistics of the database's own. If none finds few, items are looked through from the newest on, until
enough are found. Hints bind SQLite to it; how PostgreSQL is bound, for pages, is in `search_pages`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BinaryExpression,
    BooleanClauseList,
    Column,
    ColumnElement,
    Connection,
    Exists,
    RowMapping,
    Select,
    and_,
    cast,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.sql import operators, visitors

from evidence.access import Viewer
from evidence.places import MICRO, Box, Circle, covering, haversine_of
from evidence.projection import LONGEST
from evidence.search import MOST_VALUES, Facets, Hit, Query
from evidence.timekeeping import to_micros
from evidence.words import code
from storage.catalogue import search_pages
from storage.catalogue.engine import is_postgres
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
from storage.catalogue.sight import sighted, visible_items
from storage.catalogue.tables import items

#: So many are looked at one by one; of more, other ways are cheaper.
FEW = 20_000
#: More terms of one question than this are not counted: the rest is checked all the same.
_MOST_TERMS = 12
_LAST = "\U0010ffff"
_NO_END = 2**62
#: From the earliest that a recording may have begun to the latest that it may have ended, in microseconds.
_SPAN = 2 * LONGEST // timedelta(microseconds=1)
_ROW = search_rows.c
_COLUMNS: Mapping[Any, Any] = {
    items.c.id: _ROW.item_id,
    items.c.unit: _ROW.unit,
    items.c.owner_id: _ROW.agent_id,
    items.c.kind: _ROW.kind,
}
_FACETS = ("unit", "kind", "category", "state", "device", "officer")
#: Which facets an index counts, by the columns that it begins with; each facet once.
_COUNTED: Mapping[str, tuple[str, ...]] = {
    "ix_search_rows_counts": ("unit", "kind", "category", "state"),
    "ix_search_rows_officers": ("unit", "officer"),
    "ix_search_rows_devices": ("unit", "device"),
}
_COUNTED_AT_ONCE: Mapping[str, tuple[str, ...]] = {
    "ix_search_rows_counts": ("unit", "kind", "category", "state", "officer", "device"),
}
#: Values that many items share: these are counted in an index sooner than row by row.
_WIDE = frozenset({"unit", "kind", "category", "state"})


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


class Questions:
    """The questions of `evidence.ports.search.Search`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, viewer: Viewer, query: Query, *, before: int | None, limit: int) -> Sequence[Hit]:
        """What is found, newest first."""
        before = _NO_END if before is None else before
        asking = _asking(sighted(self._connection, viewer), query)
        if is_postgres(self._connection):
            return search_pages.newest(self._connection, asking, before, limit, few=FEW)
        statement = (
            _from(select(_ROW.seq, _ROW.item_id), asking, self._best(asking))
            .where(_ROW.seq < before)
            .order_by(_ROW.seq.desc())
            .limit(limit)
        )
        return [Hit(row.seq, row.item_id) for row in self._connection.execute(statement)]

    def clocks(self, query: Query, item_ids: Sequence[str]) -> Sequence[RowMapping]:
        """The clocks of these items that lie in the time that is asked for."""
        if not query.is_timed:
            return []
        statement = (
            select(_ROW.item_id, search_clocks)
            .join_from(search_rows, search_clocks)
            .where(_ROW.item_id.in_(item_ids), _in_time(query))
        )
        return self._connection.execute(statement).mappings().all()

    def facets(self, viewer: Viewer, query: Query) -> Facets:
        """How many are found, and of which values."""
        asking = _asking(sighted(self._connection, viewer), query)
        if is_postgres(self._connection) and not asking.is_plain:
            hits = search_pages.all_of_few(self._connection, asking, few=FEW)
            if hits is not None:
                return self._looked_up(hits)
        way = self._best(asking)
        if way is not None and not (asking.is_plain and way.column in _WIDE):
            return self._looked_at(asking, way)
        counted: dict[str, Counter[str]] = {name: Counter() for name in _FACETS}
        # What has to be looked up elsewhere for each item is looked up once.
        by_index = _COUNTED if asking.is_plain else _COUNTED_AT_ONCE
        for index, names in by_index.items():
            columns = [_ROW[name] for name in names]
            statement = _joined(select(*columns, func.count()), asking).where(*asking.conditions)
            statement = statement.group_by(*columns).with_hint(search_rows, f"INDEXED BY {index}", "sqlite")
            fresh = [
                (place, name) for place, name in enumerate(names) if name == names[-1] or "kind" in names
            ]
            for row in self._connection.execute(statement):
                for place, name in fresh:
                    counted[name][row[place]] += row[-1]
        return _facets(sum(counted["kind"].values()), counted)

    def _looked_up(self, hits: Sequence[Hit]) -> Facets:
        numbers = func.unnest(cast([hit.seq for hit in hits], ARRAY(BigInteger))).table_valued("seq")
        found = select(numbers.render_derived(name="found").c.seq)
        return self._counted(select(*(_ROW[name] for name in _FACETS)).where(_ROW.seq.in_(found)))

    def _looked_at(self, asking: Asking, way: Way) -> Facets:
        return self._counted(_from(select(*(_ROW[name] for name in _FACETS)), asking, way))

    def _counted(self, statement: Select[Any]) -> Facets:
        rows = self._connection.execute(statement).all()
        columns = zip(*rows, strict=True) if rows else ((),) * len(_FACETS)
        counted = {name: Counter(values) for name, values in zip(_FACETS, columns, strict=True)}
        return _facets(len(rows), counted)

    def suggestions(self, viewer: Viewer, beginning: str, limit: int) -> Mapping[str, Sequence[str]]:
        """Values that begin so, in their order."""
        asking = _asking(sighted(self._connection, viewer), Query())
        found: dict[str, Sequence[str]] = {}
        for name in ("officer", "device", "unit"):
            start = beginning if name == "unit" else code(beginning)
            statement = _joined(select(_ROW[name]), asking).where(
                *asking.conditions, *_begins(_ROW[name], start)
            )
            found[name] = self._first(statement, _ROW[name], limit)
        number = search_cases.c.number
        numbers = _joined(select(number).join_from(search_cases, search_rows), asking)
        found["case"] = self._first(
            numbers.where(*asking.conditions, *_begins(number, code(beginning))), number, limit
        )
        return found

    def _first(self, statement: Select[Any], column: ColumnElement[str], limit: int) -> Sequence[str]:
        return self._connection.execute(statement.distinct().order_by(column).limit(limit)).scalars().all()

    def _best(self, asking: Asking) -> Way | None:
        """The way that finds the fewest; None where all find many, and all has to be looked through."""
        if not asking.ways:
            return None
        counts = [
            select(func.count()).select_from(way.found.limit(FEW + 1).subquery()).scalar_subquery()
            for way in asking.ways
        ]
        counted = self._connection.execute(select(*counts)).one()
        least, place = min((count, place) for place, count in enumerate(counted))
        if least <= FEW:
            return asking.ways[place]
        return next((way for way in asking.ways if way.column and way.column not in _WIDE), None)


def _facets(total: int, counted: Mapping[str, Counter[Any]]) -> Facets:
    def listed(values: Counter[Any]) -> list[tuple[str, int]]:
        known = ((value, count) for value, count in values.items() if value is not None)
        return sorted(known, key=lambda pair: (-pair[1], pair[0]))[:MOST_VALUES]

    return Facets(total, {name: listed(counted[name]) for name in _FACETS})


def _joined(statement: Select[Any], asking: Asking) -> Select[Any]:
    return statement.join(items, items.c.id == _ROW.item_id) if asking.needs_items else statement


def _from(statement: Select[Any], asking: Asking, way: Way | None) -> Select[Any]:
    proven = None if way is None else way.proves
    statement = _joined(statement, asking).where(*(one for one in asking.conditions if one is not proven))
    if way is None or way.column is None:
        statement = statement.with_hint(search_rows, "NOT INDEXED", "sqlite")
        return statement if way is None else statement.where(_ROW.seq.in_(way.found))
    return statement.with_hint(search_rows, f"INDEXED BY ix_search_rows_{way.column}", "sqlite")


def _asking(viewer: Viewer, query: Query) -> Asking:
    visible, needs_items = _visible_rows(viewer)
    conditions = [visible]
    ways = [*_ways_of(visible)] if not needs_items else []
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
        is_then = Link.of(search_clocks.c.seq, _in_time(query))
        then = select(search_clocks.c.seq).where(_in_time(query))
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

    def replace(element: Any, **_: Any) -> Any:
        return _COLUMNS.get(element) if isinstance(element, Column) else None

    replaced = visitors.replacement_traverse(condition, {}, replace)
    if any(getattr(element, "table", element) is items for element in visitors.iterate(replaced)):
        return condition, True
    return replaced, False


def _ways_of(visible: ColumnElement[bool]) -> Iterator[Way]:
    """The equalities that hold of all that somebody may see, where an index finds them."""
    clauses = visible.clauses if isinstance(visible, BooleanClauseList) else [visible]
    if isinstance(visible, BooleanClauseList) and visible.operator is not operators.and_:
        return
    for clause in clauses:
        if (
            isinstance(clause, BinaryExpression)
            and clause.operator in (operators.eq, operators.in_op)
            and isinstance(clause.left, Column)
            and clause.left.table is search_rows
            and clause.left.name in INDEXED
        ):
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
        conditions = _begins(held, term) if is_prefix else (held == term,)
        found = select(search_terms.c.seq).where(*conditions)
        yield Way(found, proves=proves, values=0 if is_prefix else 1)


def _begins(column: ColumnElement[str], text: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return column >= text, column < text + _LAST


def _in_time(query: Query) -> ColumnElement[bool]:
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
