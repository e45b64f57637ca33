"""Dispatch lists, and what items say that they are compared with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, and_, delete, insert, or_, select

from evidence.dispatch import LEEWAY, Dispatch, Sighting
from evidence.items import Category, Item
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue import codec
from storage.catalogue.dispatch_tables import dispatches
from storage.catalogue.recording_tables import recording_segments, recording_starts
from storage.catalogue.tables import items

#: Local times lie so far from UTC at most.
_FARTHEST_ZONE = timedelta(hours=15)
#: No task lasts longer, so none that began earlier still goes on.
_LONGEST_TASK = timedelta(days=8)
_IN_ONE = 500
_WINDOWS_IN_ONE = 50


class SqlDispatches:
    """`evidence.ports.dispatches.Dispatches` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def known(self, unit: str, references: Collection[str]) -> Mapping[str, Dispatch]:
        """The unit's lines of these references."""
        asked = sorted(references)
        found: dict[str, Dispatch] = {}
        for start in range(0, len(asked), _IN_ONE):
            rows = self._connection.execute(
                select(dispatches).where(
                    dispatches.c.unit == unit, dispatches.c.reference.in_(asked[start : start + _IN_ONE])
                )
            ).mappings()
            found |= {row["reference"]: _dispatch(row) for row in rows}
        return found

    def put(self, unit: str, lines: Sequence[Dispatch], agent_id: str, at: datetime) -> None:
        """Insert or replace the lines of these references."""
        for start in range(0, len(lines), _IN_ONE):
            some = lines[start : start + _IN_ONE]
            self._connection.execute(
                delete(dispatches).where(
                    dispatches.c.unit == unit, dispatches.c.reference.in_([one.reference for one in some])
                )
            )
            self._connection.execute(
                insert(dispatches),
                [
                    {
                        "unit": unit,
                        "reference": one.reference,
                        "case_number": one.case_number,
                        "officer": one.officer,
                        "device": one.device,
                        "begins_at": to_micros(one.begins_at),
                        "ends_at": to_micros(one.ends_at),
                        "category": one.category.value,
                        "title": one.title,
                        "place": one.place,
                        "imported_by": agent_id,
                        "imported_at": to_micros(at),
                    }
                    for one in some
                ],
            )

    def near(
        self, spans: Mapping[str, Collection[tuple[datetime, datetime]]]
    ) -> Mapping[str, Sequence[Dispatch]]:
        """Those that meet one of the unit's times within the leeway."""
        found: dict[str, dict[str, Dispatch]] = {unit: {} for unit in spans}
        windows = [(unit, *window) for unit, times in spans.items() for window in _windows(times)]
        for start in range(0, len(windows), _WINDOWS_IN_ONE):
            asked = or_(
                *(
                    and_(dispatches.c.unit == unit, dispatches.c.begins_at.between(first, last))
                    for unit, first, last in windows[start : start + _WINDOWS_IN_ONE]
                )
            )
            for row in self._connection.execute(select(dispatches).where(asked)).mappings():
                found[row["unit"]][row["reference"]] = _dispatch(row)
        return {
            unit: sorted(lines.values(), key=lambda one: (one.begins_at, one.reference))
            for unit, lines in found.items()
        }

    def sightings(self, found: Sequence[Item], zone: timedelta) -> Mapping[str, Sighting]:
        """What each item says of itself by its first clock."""
        starts: dict[str, RowMapping] = {}
        for start in range(0, len(found), _IN_ONE):
            rows = self._connection.execute(
                select(recording_starts).where(
                    recording_starts.c.item_id.in_([item.id for item in found[start : start + _IN_ONE]]),
                    recording_starts.c.number == 0,
                )
            ).mappings()
            starts |= {row["item_id"]: row for row in rows}
        return {item.id: _sighting(item, starts.get(item.id), zone) for item in found}

    def unlinked(self, unit: str, begins_at: datetime, ends_at: datetime, limit: int) -> Sequence[Item]:
        """The unit's items without a live link that began then."""
        rows = self._connection.execute(
            select(items)
            .join(recording_segments, recording_segments.c.item_id == items.c.id)
            .join(recording_starts, recording_starts.c.item_id == items.c.id)
            .where(
                items.c.unit == unit,
                items.c.links == 0,
                items.c.disposed_at.is_(None),
                recording_starts.c.number == 0,
                recording_starts.c.begins_us <= to_micros(ends_at + LEEWAY + _FARTHEST_ZONE),
                recording_starts.c.ends_us >= to_micros(begins_at - LEEWAY - _FARTHEST_ZONE),
            )
            .order_by(items.c.id)
            .limit(limit)
        ).mappings()
        return [codec.item(row) for row in rows]


def _windows(spans: Collection[tuple[datetime, datetime]]) -> list[tuple[int, int]]:
    """When what meets one of the spans may have begun, in microseconds; windows that meet are one."""
    merged: list[tuple[int, int]] = []
    for begins_at, ends_at in sorted(spans):
        first, last = to_micros(begins_at - LEEWAY - _LONGEST_TASK), to_micros(ends_at + LEEWAY)
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _sighting(item: Item, row: RowMapping | None, zone: timedelta) -> Sighting:
    submitted = item.submission
    if row is None:
        return Sighting(submitted.officer, submitted.device, None, None)
    shift = timedelta(0) if row["zoned"] else zone
    begins_at, ends_at = (from_micros(row[name]) - shift for name in ("begins_us", "ends_us"))
    return Sighting(submitted.officer, row["device"] or submitted.device, begins_at, ends_at)


def _dispatch(row: RowMapping) -> Dispatch:
    return Dispatch(
        row["reference"],
        row["case_number"],
        row["officer"],
        row["device"],
        from_micros(row["begins_at"]),
        from_micros(row["ends_at"]),
        Category(row["category"]),
        row["title"],
        row["place"],
    )
