"""Recordings and their segments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    exists,
    insert,
    not_,
    or_,
    select,
    update,
)

from evidence.access import Viewer
from evidence.canonical import canonical
from evidence.ports.recordings import Day, Member
from evidence.recordings import SAME_COUNTER_US, TOLERANCE_US, Clock, Rule, Segment
from evidence.timekeeping import to_micros
from storage.catalogue import codec
from storage.catalogue.access import visible_items
from storage.catalogue.recording_tables import (
    recording_aliases,
    recording_segments,
    recording_starts,
    recordings,
)
from storage.catalogue.tables import items


class SqlRecordings:
    """`evidence.ports.recordings.Recordings` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def recording_of(self, item_id: str) -> str | None:
        """The recording that the item belongs to."""
        return self._connection.execute(
            select(recording_segments.c.recording_id).where(recording_segments.c.item_id == item_id)
        ).scalar()

    def current(self, recording_id: str) -> str | None:
        """The recording that this identifier names today."""
        if self._connection.execute(select(recordings.c.id).where(recordings.c.id == recording_id)).first():
            return recording_id
        return self._connection.execute(
            select(recording_aliases.c.recording_id).where(recording_aliases.c.id == recording_id)
        ).scalar()

    def near(self, segment: Segment) -> Sequence[tuple[Segment, str]]:
        """Other segments that could be of one recording with this one."""
        line = segment.line
        if line is None:
            return []
        query = select(recording_segments.c.known, recording_segments.c.recording_id).where(
            recording_segments.c.item_id != segment.item_id
        )
        if segment.rule is Rule.SUBMITTED:
            # Whatever the submitter names alike is in one recording already.
            found = query.where(recording_segments.c.line == _digest(line)).limit(1)
        else:
            found = query.where(
                recording_segments.c.item_id.in_(
                    select(recording_starts.c.item_id).where(or_(*_neighbours(segment, line)))
                )
            )
        rows = self._connection.execute(found)
        return [(Segment.from_json(codec.load(known)), recording) for known, recording in rows]

    def place(self, segment: Segment, recording_id: str, at: datetime) -> None:
        """Put the segment into the recording."""
        if self.current(recording_id) is None:
            self._connection.execute(insert(recordings).values(id=recording_id, made_at=to_micros(at)))
        self._connection.execute(
            delete(recording_starts).where(recording_starts.c.item_id == segment.item_id)
        )
        line = segment.line
        values = {
            "recording_id": recording_id,
            "line": None if line is None else _digest(line),
            "known": codec.dump(segment.as_json()),
        }
        if self.recording_of(segment.item_id) is None:
            self._connection.execute(insert(recording_segments).values(item_id=segment.item_id, **values))
        else:
            self._connection.execute(
                update(recording_segments)
                .where(recording_segments.c.item_id == segment.item_id)
                .values(**values)
            )
        if segment.starts:
            self._connection.execute(
                insert(recording_starts),
                [
                    {
                        "item_id": segment.item_id,
                        "number": number,
                        "unit": segment.unit,
                        "device": segment.device,
                        "zoned": start.clock.zoned,
                        "clock": _clock_digest(line or (), start.clock),
                        "begins_us": start.at_us,
                        "ends_us": start.at_us + (segment.length_us or 0),
                    }
                    for number, start in enumerate(segment.starts)
                ],
            )

    def merge(self, recording_id: str, into: str) -> None:
        """Move all segments and every other identifier."""
        for table in (recording_segments, recording_aliases):
            self._connection.execute(
                update(table).where(table.c.recording_id == recording_id).values(recording_id=into)
            )
        self._connection.execute(delete(recordings).where(recordings.c.id == recording_id))
        self._connection.execute(insert(recording_aliases).values(id=recording_id, recording_id=into))

    def members(self, viewer: Viewer, recording_ids: Sequence[str], limit: int) -> Sequence[Member]:
        """The segments of these recordings that the viewer may see."""
        return self._members(
            _members(viewer).where(recording_segments.c.recording_id.in_(recording_ids)).limit(limit)
        )

    def page(self, viewer: Viewer, *, before: str | None, limit: int) -> Sequence[str]:
        """Newest first."""
        seen = exists().where(
            recording_segments.c.recording_id == recordings.c.id,
            recording_segments.c.item_id == items.c.id,
            visible_items(viewer),
        )
        query = select(recordings.c.id).where(seen).order_by(recordings.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(recordings.c.id < before)
        return list(self._connection.execute(query).scalars())

    def on_day(self, viewer: Viewer, unit: str, device: str, day: Day, limit: int) -> Sequence[Member]:
        """The device's segments of that day."""
        zoned = recording_starts.c.zoned
        return self._members(
            _members(viewer)
            .join(recording_starts, recording_starts.c.item_id == recording_segments.c.item_id)
            .where(
                recording_starts.c.unit == unit,
                recording_starts.c.device == device,
                recording_starts.c.number == 0,
                or_(and_(zoned, _within(day.utc_us)), and_(not_(zoned), _within(day.local_us))),
            )
            .limit(limit)
        )

    def _members(self, query: Select[tuple[object, ...]]) -> list[Member]:
        rows = self._connection.execute(query).mappings()
        return [
            Member(Segment.from_json(codec.load(row["known"])), codec.item(row), row["recording_id"])
            for row in rows
        ]


def _members(viewer: Viewer) -> Select[tuple[object, ...]]:
    return (
        select(items, recording_segments.c.known, recording_segments.c.recording_id)
        .join(recording_segments, recording_segments.c.item_id == items.c.id)
        .where(visible_items(viewer))
        .order_by(items.c.id)
    )


def _within(window: tuple[int, int]) -> ColumnElement[bool]:
    """Half-open on both sides, so that what ends at midnight is not of the next day."""
    begins, ends = recording_starts.c.begins_us, recording_starts.c.ends_us
    return and_(begins < window[1], or_(ends > window[0], begins >= window[0]))


def _neighbours(segment: Segment, line: Iterable[str]) -> list[ColumnElement[bool]]:
    line = tuple(line)
    found: list[ColumnElement[bool]] = []
    begins, ends = recording_starts.c.begins_us, recording_starts.c.ends_us
    for start in segment.starts:
        same = recording_starts.c.clock == _clock_digest(line, start.clock)
        if segment.rule is Rule.NAME:
            found.append(
                and_(same, begins.between(start.at_us - SAME_COUNTER_US, start.at_us + SAME_COUNTER_US))
            )
            continue
        found.append(and_(same, ends.between(start.at_us - TOLERANCE_US, start.at_us + TOLERANCE_US)))
        if segment.length_us is not None:
            until = start.at_us + segment.length_us
            found.append(and_(same, begins.between(until - TOLERANCE_US, until + TOLERANCE_US)))
    return found


def _digest(parts: Sequence[str | int]) -> str:
    return hashlib.sha256(canonical([*parts])).hexdigest()


def _clock_digest(line: Sequence[str], clock: Clock) -> str:
    return _digest([*line, "by", int(clock.origin), clock.source, int(clock.zoned)])
