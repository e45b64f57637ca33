"""How a search is answered in SQL.

A statement begins with what holds of the fewest: each criterion that an index can find is counted first, up
to a bound and all in one statement, and the others are checked of what the best one finds. So nothing hangs
on statistics of the database's own. If none finds few, items are looked through from the newest on, until
enough are found. Hints bind SQLite to it; how PostgreSQL is bound, for pages, is in `search_pages`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    cast,
    func,
    select,
)

from evidence.access import Viewer
from evidence.search import MOST_VALUES, Facets, Hit, Query
from evidence.words import code
from storage.catalogue import search_pages
from storage.catalogue.engine import is_postgres
from storage.catalogue.search_tables import (
    search_cases,
    search_clocks,
    search_rows,
)
from storage.catalogue.search_ways import Asking, Way, asking_of, beginning_with, in_time, joined
from storage.catalogue.sight import apart, sighted

#: So many are looked at one by one; of more, other ways are cheaper.
FEW = 20_000
_NO_END = 2**62
_ROW = search_rows.c
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


#: By facet, how often each value is found.
_Tally = dict[str, Counter[str | None]]


class Questions:
    """The questions of `evidence.ports.search.Search`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, viewer: Viewer, query: Query, *, before: int | None, limit: int) -> Sequence[Hit]:
        """What is found, newest first."""
        before = _NO_END if before is None else before
        pages = [
            self._page(asking_of(part, query), before, limit)
            for part in apart(sighted(self._connection, viewer), query.unit)
        ]
        return sorted(chain.from_iterable(pages), key=lambda hit: -hit.seq)[:limit]

    def _page(self, asking: Asking, before: int, limit: int) -> Sequence[Hit]:
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
            .where(_ROW.item_id.in_(item_ids), in_time(query))
        )
        return self._connection.execute(statement).mappings().all()

    def facets(self, viewer: Viewer, query: Query) -> Facets:
        """How many are found, and of which values."""
        counted: _Tally = {name: Counter() for name in _FACETS}
        for part in apart(sighted(self._connection, viewer), query.unit):
            for name, values in self._counts(asking_of(part, query)).items():
                counted[name].update(values)

        def listed(values: Counter[str | None]) -> list[tuple[str, int]]:
            known = ((value, count) for value, count in values.items() if value is not None)
            return sorted(known, key=lambda pair: (-pair[1], pair[0]))[:MOST_VALUES]

        # Every item has a kind.
        return Facets(sum(counted["kind"].values()), {name: listed(counted[name]) for name in _FACETS})

    def _counts(self, asking: Asking) -> _Tally:
        if is_postgres(self._connection) and not asking.is_plain:
            hits = search_pages.all_of_few(self._connection, asking, few=FEW)
            if hits is not None:
                return self._looked_up(hits)
        way = self._best(asking)
        if way is not None and not (asking.is_plain and way.column in _WIDE):
            return self._looked_at(asking, way)
        counted: _Tally = {name: Counter() for name in _FACETS}
        # What has to be looked up elsewhere for each item is looked up once.
        by_index = _COUNTED if asking.is_plain else _COUNTED_AT_ONCE
        for index, names in by_index.items():
            columns = [_ROW[name] for name in names]
            statement = joined(select(*columns, func.count()), asking).where(*asking.conditions)
            statement = statement.group_by(*columns).with_hint(search_rows, f"INDEXED BY {index}", "sqlite")
            fresh = [
                (place, name) for place, name in enumerate(names) if name == names[-1] or "kind" in names
            ]
            for row in self._connection.execute(statement):
                for place, name in fresh:
                    counted[name][row[place]] += row[-1]
        return counted

    def _looked_up(self, hits: Sequence[Hit]) -> _Tally:
        numbers = func.unnest(cast([hit.seq for hit in hits], ARRAY(BigInteger))).table_valued("seq")
        found = select(numbers.render_derived(name="found").c.seq)
        return self._counted(select(*(_ROW[name] for name in _FACETS)).where(_ROW.seq.in_(found)))

    def _looked_at(self, asking: Asking, way: Way) -> _Tally:
        return self._counted(_from(select(*(_ROW[name] for name in _FACETS)), asking, way))

    def _counted(self, statement: Select[Any]) -> _Tally:
        rows = self._connection.execute(statement).all()
        columns = zip(*rows, strict=True) if rows else ((),) * len(_FACETS)
        return {name: Counter(values) for name, values in zip(_FACETS, columns, strict=True)}

    def suggestions(self, viewer: Viewer, beginning: str, limit: int) -> Mapping[str, Sequence[str]]:
        """Values that begin so, in their order."""
        asking = asking_of(sighted(self._connection, viewer), Query())
        found: dict[str, Sequence[str]] = {}
        for name in ("officer", "device", "unit"):
            start = beginning if name == "unit" else code(beginning)
            statement = joined(select(_ROW[name]), asking).where(
                *asking.conditions, *beginning_with(_ROW[name], start)
            )
            found[name] = self._first(statement, _ROW[name], limit)
        number = search_cases.c.number
        numbers = joined(select(number).join_from(search_cases, search_rows), asking)
        found["case"] = self._first(
            numbers.where(*asking.conditions, *beginning_with(number, code(beginning))), number, limit
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


def _from(statement: Select[Any], asking: Asking, way: Way | None) -> Select[Any]:
    proven = None if way is None else way.proves
    statement = joined(statement, asking).where(*(one for one in asking.conditions if one is not proven))
    if way is None or way.column is None:
        statement = statement.with_hint(search_rows, "NOT INDEXED", "sqlite")
        return statement if way is None else statement.where(_ROW.seq.in_(way.found))
    return statement.with_hint(search_rows, f"INDEXED BY ix_search_rows_{way.column}", "sqlite")
