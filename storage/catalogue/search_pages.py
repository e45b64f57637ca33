"""How PostgreSQL finds a page of a search: without hints, bound by the statement's form.

Its planner knows how often a value stands in a column, not how often two go together nor what a LIKE finds;
left to itself it looks through whole tables for what it takes to be rare. A subquery with an order of its own
is not taken apart, and what is joined to it by LATERAL with LIMIT 1 is looked up row by row: so candidates
come newest first, each is checked by indexes, and it ends once the page is full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Subquery, func, null, select, true
from sqlalchemy.sql import visitors

from evidence.search import Hit
from storage.catalogue.search_bands import MOST_STRETCHES, bands_of, narrowed
from storage.catalogue.search_tables import search_rows, search_stretches, stretch_of
from storage.catalogue.search_ways import Asking, Way, joined
from storage.catalogue.tables import items

_ROW = search_rows.c
#: Every item has a number between these.
_BELOW_ALL, _NOWHERE = -1, 2**62
#: Stretches of time that are looked into first, how many times as many after them, and the most there may be.
_STRETCHES_FIRST, _STRETCHES_MORE = 6, 3
_MOST_STRETCHES = 5_000
#: So many are looked at sooner than it is found out where the items of a time lie.
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class _Beginning:
    """What a question is begun at: `asking` with ways narrowed to its time, the one that finds the fewest."""

    asking: Asking
    way: Way | None
    #: Of these it finds so many, counted up to one more than few.
    least: int
    stretches: range
    newest_of_all: int


def newest(connection: Connection, asking: Asking, before: int, limit: int, *, few: int) -> Sequence[Hit]:
    """What is found with a lower number than `before`, newest first."""
    return _newest(connection, _begun_at(connection, asking, before, few), before, limit, few)


def all_of_few(connection: Connection, asking: Asking, *, few: int) -> Sequence[Hit] | None:
    """All that is found; None where every way finds more than few."""
    beginning = _begun_at(connection, asking, _NOWHERE, few)
    return None if beginning.least > few else _newest(connection, beginning, _NOWHERE, few, few)


def _begun_at(connection: Connection, asking: Asking, before: int, few: int) -> _Beginning:
    stretches, newest_of_all = range(0), 0
    if asking.begins is not None:
        stretches = range(stretch_of(asking.begins[0]), stretch_of(asking.begins[1]) + 1)
        newest_of_all = connection.execute(select(func.max(_ROW.seq))).scalar_one() or 0
    can_be_narrowed = 0 < len(stretches) <= MOST_STRETCHES and any(way.values for way in asking.ways)
    at_once = min(few, _AT_ONCE) if can_be_narrowed else few
    way, least = _rarest(connection, asking, at_once)
    if can_be_narrowed and least > at_once:
        bands = bands_of(connection, stretches, before, newest_of_all)
        if bands is not None:
            ways = (narrowed(way, bands) for way in asking.ways if not way.is_timed)
            asking = replace(asking, ways=tuple(ways))
        way, least = _rarest(connection, asking, few)
    return _Beginning(asking, way, least, stretches, newest_of_all)


def _newest(
    connection: Connection, beginning: _Beginning, before: int, limit: int, few: int
) -> Sequence[Hit]:
    asking, way, least = beginning.asking, beginning.way, beginning.least
    # Of what a way finds that knows no time about half is newer, and looked at for nothing; in the time
    # itself a page takes the fewer, the more of all the way finds.
    is_quicker = least > few or (
        way is not None and not way.is_timed and least * least > 2 * limit * beginning.newest_of_all
    )
    if is_quicker and 0 < len(beginning.stretches) <= _MOST_STRETCHES:
        return _by_stretches(connection, asking, beginning.stretches, before, limit)
    if way is None or (least > few and (way.column is not None or not way.is_in_order)):
        return _hits(connection, _looked_through(asking, before, limit))
    # OFFSET 0 keeps the planner from taking an index for its order that does not find what is looked for.
    found = (way.found if way.is_in_order else way.found.offset(0)).subquery()
    candidates = select(found.c.seq).where(found.c.seq < before).order_by(found.c.seq.desc())
    if least <= few:
        # What was counted is the most that there can be, whatever the planner would have guessed.
        candidates = candidates.distinct().limit(least)
    return _hits(connection, _checked(asking, candidates.subquery(), limit, way.proves))


def _hits(connection: Connection, statement: Select[Any]) -> list[Hit]:
    return [Hit(row.seq, row.item_id) for row in connection.execute(statement)]


def _rarest(connection: Connection, asking: Asking, few: int) -> tuple[Way | None, int]:
    """The way that finds the fewest; how many, counted up to one more than `few`.

    Of those that find more, the one whose newest reach the furthest back.
    """
    if not asking.ways:
        return None, few + 1
    counted = [_counted(way, few + 1) for way in asking.ways]
    columns = [column for one in counted for column in (one.c.count, one.c.reach)]
    together = reduce(lambda some, one: some.join(one, true()), counted[1:], counted[0])  # type: ignore[arg-type, return-value]
    row = connection.execute(select(*columns).select_from(together)).one()
    found = [
        (count, _NOWHERE if reach is None else reach, place)
        for place, (count, reach) in enumerate(zip(row[::2], row[1::2], strict=True))
    ]
    least, _, place = min(found)
    return asking.ways[place], least


def _counted(way: Way, most: int) -> Subquery:
    if not way.is_in_order:
        some = way.found.limit(most).subquery()
        return select(func.count().label("count"), null().label("reach")).select_from(some).subquery()
    found = way.found.subquery()
    some = select(found.c.seq).order_by(found.c.seq.desc()).limit(most).subquery()
    return select(func.count().label("count"), func.min(some.c.seq).label("reach")).subquery()


def _looked_through(asking: Asking, before: int, limit: int) -> Select[Any]:
    """By the order of all items; what other tables know is looked up for each, and never joined."""
    told = [link.rows.limit(1).scalar_subquery() for link in asking.linked]
    statement = select(_ROW.seq, _ROW.item_id).where(*asking.plain, *told, _ROW.seq < before)
    return joined(statement, asking).order_by(_ROW.seq.desc()).limit(limit)


def _by_stretches(
    connection: Connection, asking: Asking, stretches: range, before: int, limit: int
) -> Sequence[Hit]:
    """By the stretches of time that an item may begin in, the latest first, some more each time.

    Once a page is full only what is newer than its last could still push that out, so that of each further
    stretch little or nothing is looked at: what was recorded earlier mostly came in earlier. Where that is
    not so it takes longer, and the answer is the same.
    """
    found: list[Hit] = []
    last, some = stretches.stop, _STRETCHES_FIRST
    while last > stretches.start:
        first = max(stretches.start, last - some)
        after = found[-1].seq if len(found) == limit else _BELOW_ALL
        among = func.generate_series(first, last - 1).table_valued("stretch").render_derived()
        begun = search_stretches.c
        candidates = (
            select(begun.seq)
            .where(begun.stretch == among.c.stretch, begun.seq < before, begun.seq > after)
            .order_by(begun.seq.desc())
            .correlate(among)
            .subquery()
        )
        each = _checked(asking, candidates, limit).correlate(among).lateral()
        statement = select(each.c.seq, each.c.item_id).distinct().select_from(among.join(each, true()))
        hits = _hits(connection, statement.order_by(each.c.seq.desc()).limit(limit))
        found = sorted({*found, *hits}, key=lambda hit: -hit.seq)[:limit]
        last, some = first, some * _STRETCHES_MORE
    return found


def _checked(
    asking: Asking, candidates: Subquery, limit: int, proven: ColumnElement[bool] | None = None
) -> Select[Any]:
    # OFFSET 0 has each looked up by its number. By an index of what it has to be, where that may be one of
    # a hundred units, it would be looked for in each of them.
    own = select(search_rows).where(_ROW.seq == candidates.c.seq).correlate(candidates).offset(0).lateral()

    def replace_column(element: Any, **_: Any) -> Any:
        of_row = isinstance(element, Column) and element.table is search_rows
        return own.c[element.name] if of_row else None

    conditions = [
        visitors.replacement_traverse(one, {}, replace_column)
        for one in asking.conditions
        if one is not proven
    ]
    statement = select(own.c.item_id).select_from(own).where(*conditions)
    if asking.needs_items:
        statement = statement.join(items, items.c.id == own.c.item_id)
    row = statement.limit(1).correlate(candidates).lateral()
    return (
        select(candidates.c.seq, row.c.item_id)
        .select_from(candidates.join(row, true()))
        .order_by(candidates.c.seq.desc())
        .limit(limit)
    )
