"""Keeping figures, and reading them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    true,
    update,
)

from evidence.access import Viewer
from evidence.agents import Restriction
from evidence.figures import (
    LATE,
    MEASURES,
    Cell,
    DeviceDay,
    Dimension,
    FigureQuery,
    FigureTable,
    Gaps,
    Sums,
    changes,
    day_number,
    day_of,
    table,
)
from evidence.gaps import day_gaps
from evidence.items import Submission
from evidence.recordings import Segment
from evidence.reviews import Turn
from storage.catalogue import codec
from storage.catalogue.day_windows import within_day
from storage.catalogue.figure_tables import figure_due, figure_facts, figure_gaps, figure_gaps_due, figures
from storage.catalogue.recording_tables import recording_segments, recording_starts
from storage.catalogue.tables import items
from storage.catalogue.units import is_below

_AT_ONCE = 400
_LONGEST_DAYS = 7
_CELL = tuple(Cell.__dataclass_fields__)
_DAY_US = 86_400_000_000
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _Fact:
    """What is counted of one item."""

    cell: Cell
    sums: Sums
    #: The first and the last day on which it was taken, by its own clock.
    shot_on: int | None
    shot_until: int | None

    @property
    def device_days(self) -> Sequence[DeviceDay]:
        """The days whose gaps it may change; a length that says more than a week says nothing."""
        if self.shot_on is None or self.shot_until is None or not self.cell.device:
            return ()
        last = min(self.shot_until, self.shot_on + _LONGEST_DAYS)
        return [DeviceDay(self.cell.unit, self.cell.device, day) for day in range(self.shot_on, last + 1)]


class SqlFigures:
    """`evidence.ports.figures.Figures` over SQL. `zone`: how far the office's clocks are from UTC."""

    def __init__(self, connection: Connection, zone: timedelta) -> None:
        self._connection = connection
        self._zone = zone

    def recount(self, item_ids: Sequence[str], *, moved: bool = False) -> None:
        """Count these items anew, and the first segments of their recordings.

        `moved`: when they were taken may have changed, so that the gaps of their days are counted anew too.
        """
        for some in _slices(sorted({*item_ids, *self._heads(item_ids)})):
            old, new = self._kept(some), self._facts(some)
            changed = [one for one in some if old.get(one) != new.get(one)]
            self._replace(changed, new)
            before = [(old[one].cell, old[one].sums) for one in changed if one in old]
            after = [(new[one].cell, new[one].sums) for one in changed if one in new]
            for cell, sums in changes(before, after).items():
                self._add(cell, sums)
            self._connection.execute(delete(figure_due).where(figure_due.c.item_id.in_(some)))
            days = {
                day
                for one in some
                for fact in (old.get(one), new.get(one))
                if fact is not None and (moved or one not in old or one not in new)
                for day in fact.device_days
            }
            for day in sorted(days):
                self._mark(day)

    def table(self, viewer: Viewer, query: FigureQuery) -> FigureTable:
        """What was counted of what the viewer's role reaches."""
        days = [
            *(() if query.since is None else (figures.c.day >= day_number(query.since),)),
            *(() if query.until is None else (figures.c.day <= day_number(query.until),)),
        ]
        asked = {
            figures.c.officer: query.officer,
            figures.c.device: codec.findable(query.device),
            figures.c.category: query.category,
            figures.c.kind: query.kind,
        }
        narrowed = [column == value for column, value in asked.items() if value is not None]
        by = Dimension.DAY if query.by is Dimension.MONTH else query.by
        column = figures.c[by.value]
        rows = self._connection.execute(
            select(column, *(func.sum(figures.c[name]) for name in MEASURES))
            .where(_reached(viewer, query, figures), *days, *narrowed)
            .group_by(column)
        )
        counted = {value: Sums(*sums) for value, *sums in rows}
        gaps = None
        if query.has_gaps and not viewer.own:
            gaps = self._gaps(viewer, query, by)
        return table(query.by, counted, gaps)

    def _gaps(self, viewer: Viewer, query: FigureQuery, by: Dimension) -> Mapping[str | int, Gaps]:
        column = figure_gaps.c[by.value]
        rows = self._connection.execute(
            select(column, func.sum(figure_gaps.c.holes), func.sum(figure_gaps.c.missing))
            .where(*_asked_days(viewer, query, figure_gaps))
            .group_by(column)
        )
        found = {value: Gaps(holes, missing) for value, holes, missing in rows}
        for day in self._due(_asked_days(viewer, query, figure_gaps_due)):
            value = getattr(day, by.value)
            found[value] = found.get(value, Gaps()) + self._found_gaps(day)
        return found

    def _due(self, where: Sequence[ColumnElement[bool]], limit: int | None = None) -> Sequence[DeviceDay]:
        rows = self._connection.execute(select(figure_gaps_due).where(*where).limit(limit))
        return [DeviceDay(*row) for row in rows]

    def unsettled(self) -> bool:
        """Whether there are days whose gaps have changed since."""
        return bool(self._due((), 1))

    def settle(self, limit: int) -> int:
        """Count the gaps of days that have changed since, at most `limit`; how many these were."""
        days = self._due((), limit)
        for day in days:
            self._count_gaps(day)
        return len(days)

    def uncounted(self, limit: int) -> Sequence[str]:
        """Items that a migration left to be counted."""
        return self._connection.execute(select(figure_due.c.item_id).limit(limit)).scalars().all()

    def difference(self) -> int:
        """How many sums are kept otherwise than counting everything anew gives."""
        counted: dict[Cell, Sums] = {}
        days: set[DeviceDay] = set()
        for some in self._everything():
            for fact in self._facts(some).values():
                counted[fact.cell] = counted.get(fact.cell, Sums()) + fact.sums
                days.update(fact.device_days)
        rows = self._connection.execute(select(figures)).mappings()
        kept = {_cell_of(row): _sums_of(row) for row in rows}
        days -= {*self._due(())}
        gaps = {day: found for day in days if (found := self._found_gaps(day)) != Gaps()}
        kept_gaps = {
            DeviceDay(row["unit"], row["device"], row["day"]): Gaps(row["holes"], row["missing"])
            for row in self._connection.execute(select(figure_gaps)).mappings()
        }
        return _differing(kept, counted) + _differing(kept_gaps, gaps)

    def _everything(self) -> Iterator[Sequence[str]]:
        after = ""
        while some := list(
            self._connection.execute(
                select(items.c.id).where(items.c.id > after).order_by(items.c.id).limit(_AT_ONCE)
            ).scalars()
        ):
            yield some
            after = some[-1]

    def _heads(self, item_ids: Sequence[str]) -> set[str]:
        """The segments for which their recordings are counted, and for which they should be."""
        found: set[str] = set()
        for some in _slices(sorted(item_ids)):
            of_these = select(recording_segments.c.recording_id).where(recording_segments.c.item_id.in_(some))
            members = recording_segments.c.recording_id.in_(of_these)
            counted = (
                select(recording_segments.c.item_id)
                .join(figure_facts, figure_facts.c.item_id == recording_segments.c.item_id)
                .where(members, figure_facts.c.recordings > 0)
            )
            first = (
                select(func.min(recording_segments.c.own))
                .join(items, items.c.id == recording_segments.c.item_id)
                .where(members, items.c.restriction != Restriction.SEALED.value)
                .group_by(recording_segments.c.recording_id)
            )
            firsts = select(recording_segments.c.item_id).where(recording_segments.c.own.in_(first))
            for query in (counted, firsts):
                found.update(self._connection.execute(query).scalars())
        return found

    def _facts(self, item_ids: Sequence[str]) -> dict[str, _Fact]:
        starts = recording_starts.c
        earlier, its = recording_segments.alias(), items.alias()
        is_later = exists().where(
            earlier.c.recording_id == recording_segments.c.recording_id,
            earlier.c.own < recording_segments.c.own,
            its.c.id == earlier.c.item_id,
            its.c.restriction != Restriction.SEALED.value,
        )
        rows = self._connection.execute(
            select(
                items,
                recording_segments.c.recording_id,
                is_later.label("is_later"),
                starts.device.label("made_by"),
                starts.zoned,
                starts.begins_us,
                starts.ends_us,
            )
            .outerjoin(recording_segments, recording_segments.c.item_id == items.c.id)
            .outerjoin(recording_starts, and_(starts.item_id == items.c.id, starts.number == 0))
            .where(items.c.id.in_(item_ids), items.c.restriction != Restriction.SEALED.value)
        ).mappings()
        return {row["id"]: self._fact(row) for row in rows}

    def _fact(self, row: RowMapping) -> _Fact:
        said = Submission.from_json(codec.load(row["submission"]))
        summary = {} if row["summary"] is None else codec.load(row["summary"])
        length = summary.get("duration_ms")
        is_timed = row["begins_us"] is not None
        shift = 0 if row["zoned"] else self._zone // _MICROSECOND
        late_us = row["committed_at"] - (row["ends_us"] - shift) if is_timed else 0
        local = self._zone // _MICROSECOND if row["zoned"] else 0
        cell = Cell(
            row["unit"],
            row["owner_id"],
            (said.officer or "").strip()[:256],
            row["made_by"] or codec.findable(said.device) or "",
            said.category.value,
            row["kind"],
            day_of(row["committed_at"], self._zone),
        )
        sums = Sums(
            items=1,
            recordings=int(row["recording_id"] is not None and not row["is_later"]),
            duration_ms=length if isinstance(length, int) else 0,
            bytes=row["size"],
            tagged=int(row["links"] > 0),
            timed=int(is_timed),
            late=int(late_us > LATE // _MICROSECOND),
            held=int(row["held"]),
            reviewed=int(row["turn"] == Turn.REVIEWED),
        )
        if not is_timed:
            return _Fact(cell, sums, None, None)
        first, last = row["begins_us"] + local, max(row["begins_us"], row["ends_us"] - 1) + local
        return _Fact(cell, sums, first // _DAY_US, last // _DAY_US)

    def _kept(self, item_ids: Sequence[str]) -> dict[str, _Fact]:
        rows = self._connection.execute(
            select(figure_facts).where(figure_facts.c.item_id.in_(item_ids))
        ).mappings()
        return {
            row["item_id"]: _Fact(_cell_of(row), _sums_of(row), row["shot_on"], row["shot_until"])
            for row in rows
        }

    def _replace(self, item_ids: Sequence[str], new: Mapping[str, _Fact]) -> None:
        if item_ids:
            self._connection.execute(delete(figure_facts).where(figure_facts.c.item_id.in_(item_ids)))
        rows = [
            {
                "item_id": one,
                **_values(fact.cell, fact.sums),
                "shot_on": fact.shot_on,
                "shot_until": fact.shot_until,
            }
            for one in item_ids
            if (fact := new.get(one)) is not None
        ]
        if rows:
            self._connection.execute(insert(figure_facts), rows)

    def _add(self, cell: Cell, sums: Sums) -> None:
        at = and_(*(figures.c[name] == getattr(cell, name) for name in _CELL))
        more: dict[str, Any] = {name: figures.c[name] + getattr(sums, name) for name in MEASURES}
        if not self._connection.execute(update(figures).where(at).values(**more)).rowcount:
            self._connection.execute(insert(figures).values(**_values(cell, sums)))
        self._connection.execute(delete(figures).where(at, figures.c["items"] == 0))

    def _mark(self, day: DeviceDay) -> None:
        """What was counted of the day no longer holds."""
        self._forget(day, figure_gaps)
        self._forget(day, figure_gaps_due)
        row = {"unit": day.unit, "device": day.device, "day": day.day}
        self._connection.execute(insert(figure_gaps_due).values(**row))

    def _count_gaps(self, day: DeviceDay) -> None:
        self._forget(day, figure_gaps_due)
        found = self._found_gaps(day)
        if found != Gaps():
            self._connection.execute(
                insert(figure_gaps).values(
                    unit=day.unit, device=day.device, day=day.day, holes=found.holes, missing=found.missing
                )
            )

    def _forget(self, day: DeviceDay, counted: Table) -> None:
        self._connection.execute(
            delete(counted).where(
                counted.c.unit == day.unit, counted.c.device == day.device, counted.c.day == day.day
            )
        )

    def _found_gaps(self, day: DeviceDay) -> Gaps:
        starts = recording_starts.c
        zone = self._zone // _MICROSECOND
        begins = day.day * _DAY_US
        known = self._connection.execute(
            select(recording_segments.c.known)
            .join(recording_starts, starts.item_id == recording_segments.c.item_id)
            .join(items, items.c.id == recording_segments.c.item_id)
            .where(
                starts.unit == day.unit,
                starts.device == day.device,
                starts.number == 0,
                or_(
                    and_(starts.zoned, within_day((begins - zone, begins - zone + _DAY_US))),
                    and_(not_(starts.zoned), within_day((begins, begins + _DAY_US))),
                ),
                items.c.restriction != Restriction.SEALED.value,
            )
            .order_by(recording_segments.c.item_id)
        ).scalars()
        found = day_gaps([Segment.from_json(codec.load(one)) for one in known])
        return Gaps(len(found.holes), sum(one.last - one.first + 1 for one in found.skipped))


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(ids), _AT_ONCE):
        yield ids[begin : begin + _AT_ONCE]


def _asked_days(viewer: Viewer, query: FigureQuery, days: Table) -> Sequence[ColumnElement[bool]]:
    return [
        _reached(viewer, query, days),
        *(() if query.since is None else (days.c.day >= day_number(query.since),)),
        *(() if query.until is None else (days.c.day <= day_number(query.until),)),
        *(() if query.device is None else (days.c.device == query.device,)),
    ]


def _reached(viewer: Viewer, query: FigureQuery, counted: Table) -> ColumnElement[bool]:
    reach = true() if viewer.unit is None else is_below(counted.c.unit, viewer.unit)
    mine = counted.c.agent_id == viewer.agent_id if viewer.own else true()
    asked = true() if query.unit is None else is_below(counted.c.unit, query.unit)
    return and_(reach, mine, asked)


def _values(cell: Cell, sums: Sums) -> dict[str, Any]:
    return {
        **dict(zip(_CELL, astuple(cell), strict=True)),
        **dict(zip(MEASURES, astuple(sums), strict=True)),
    }


def _cell_of(row: RowMapping) -> Cell:
    return Cell(**{name: row[name] for name in _CELL})


def _sums_of(row: RowMapping) -> Sums:
    return Sums(**{name: row[name] for name in MEASURES})


def _differing(kept: Mapping[Any, Any], counted: Mapping[Any, Any]) -> int:
    return sum(kept.get(one) != counted.get(one) for one in {*kept, *counted})
