"""What came in late, and what has not come in for long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, func, select

from evidence.access import Viewer
from evidence.ids import earliest_id
from evidence.ports.lateness import Late, SilentDevice
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue import codec
from storage.catalogue.recording_tables import recording_starts
from storage.catalogue.sight import listed_items, sighted, visible_items
from storage.catalogue.tables import items

_MICROSECOND = timedelta(microseconds=1)


class SqlLateness:
    """`evidence.ports.lateness.Lateness` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def late(
        self, viewer: Viewer, *, by: timedelta, since: datetime, zone: timedelta, limit: int
    ) -> Sequence[Late]:
        """Items received since then, later than `by` after they ended."""
        shift = case((recording_starts.c.zoned, 0), else_=zone // _MICROSECOND)
        late_us = (items.c.committed_at - (recording_starts.c.ends_us - shift)).label("late_us")
        rows = self._connection.execute(
            select(items, late_us)
            .join(recording_starts, recording_starts.c.item_id == items.c.id)
            .where(
                listed_items(sighted(self._connection, viewer)),
                items.c.id >= earliest_id(since),
                recording_starts.c.number == 0,
                late_us > by // _MICROSECOND,
            )
            .order_by(items.c.id.desc())
            .limit(limit)
        ).mappings()
        return [Late(codec.item(row), row["late_us"] * _MICROSECOND) for row in rows]

    def silent(
        self, viewer: Viewer, *, since: datetime, before: datetime, limit: int
    ) -> Sequence[SilentDevice]:
        """Devices that sent since then, and nothing after `before`."""
        last_at = func.max(items.c.committed_at)
        rows = self._connection.execute(
            select(items.c.unit, items.c.device, last_at)
            .where(
                visible_items(sighted(self._connection, viewer)),
                items.c.id >= earliest_id(since),
                items.c.device.is_not(None),
            )
            .group_by(items.c.unit, items.c.device)
            .having(last_at < to_micros(before))
            .order_by(last_at, items.c.unit, items.c.device)
            .limit(limit)
        )
        return [SilentDevice(unit, device, from_micros(at)) for unit, device, at in rows]
