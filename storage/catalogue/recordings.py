"""Recordings and their segments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from evidence.access import Viewer
from evidence.canonical import canonical
from evidence.ids import after_instant_of
from evidence.ports.recordings import Day, Member
from evidence.recordings import SAME_COUNTER_US, TOLERANCE_US, Clock, Rule, Segment, own_recording
from storage.catalogue import codec
from storage.catalogue.day_windows import within_day
from storage.catalogue.figure_tables import figure_facts
from storage.catalogue.figures import SqlFigures
from storage.catalogue.recording_tables import recording_segments, recording_starts
from storage.catalogue.sight import apart, listed_items, sighted, visible_items
from storage.catalogue.tables import items

#: So many are compared; of what began at one instant nobody needs more to see that it cannot be told apart.
_MOST_NEAR = {Rule.SUBMITTED: 1, Rule.NAME: 1_000, Rule.TIME: 32}

#: Of so many items for each recording of a page their recordings are asked for, then of twice as many.
_WALKED_FIRST, _MOST_WALKED = 4, 2_000


class SqlRecordings:
    """`evidence.ports.recordings.Recordings` over SQL."""

    def __init__(self, connection: Connection, figures: SqlFigures) -> None:
        self._connection = connection
        self._figures = figures

    def recording_of(self, item_id: str) -> str | None:
        """The recording that the item belongs to."""
        return self._connection.execute(
            select(recording_segments.c.recording_id).where(recording_segments.c.item_id == item_id)
        ).scalar()

    def current(self, recording_id: str) -> str | None:
        """The recording that this identifier names today."""
        return self._connection.execute(
            select(recording_segments.c.recording_id).where(recording_segments.c.own == recording_id)
        ).scalar()

    def near(self, segment: Segment) -> Sequence[tuple[Segment, str]]:
        """Other segments that could be of one recording with this one."""
        rule, line = segment.rule, segment.line
        if rule is None or line is None:
            return []
        query = select(recording_segments.c.known, recording_segments.c.recording_id).where(
            recording_segments.c.item_id != segment.item_id
        )
        if rule is Rule.SUBMITTED:
            # Whatever the submitter names alike is in one recording already.
            found = query.where(recording_segments.c.line == _digest(line))
        else:
            found = query.where(
                recording_segments.c.item_id.in_(
                    select(recording_starts.c.item_id).where(or_(*_neighbours(segment, line)))
                )
            )
        rows = self._connection.execute(found.order_by(recording_segments.c.item_id).limit(_MOST_NEAR[rule]))
        return [(Segment.from_json(codec.load(known)), recording) for known, recording in rows]

    def place(self, segment: Segment, recording_id: str) -> None:
        """Put the segment, as it is known now, into the recording."""
        known_as = segment.item_id
        self._connection.execute(delete(recording_starts).where(recording_starts.c.item_id == known_as))
        self._connection.execute(delete(recording_segments).where(recording_segments.c.item_id == known_as))
        line = segment.line
        self._connection.execute(
            insert(recording_segments).values(
                item_id=known_as,
                own=own_recording(known_as),
                recording_id=recording_id,
                line=None if line is None else _digest(line),
                known=codec.dump(segment.as_json()),
            )
        )
        if segment.starts:
            self._connection.execute(
                insert(recording_starts),
                [
                    {
                        "item_id": segment.item_id,
                        "number": number,
                        "unit": segment.unit,
                        "device": codec.findable(segment.device),
                        "zoned": start.clock.zoned,
                        "clock": _clock_digest(line or (), start.clock),
                        "begins_us": start.at_us,
                        "ends_us": start.at_us + (segment.length_us or 0),
                    }
                    for number, start in enumerate(segment.starts)
                ],
            )
        self._figures.recount([known_as], moved=True)

    def move(self, item_ids: Sequence[str], recording_id: str) -> None:
        """Put these segments into that recording."""
        left = self._others_of(item_ids)
        self._connection.execute(
            update(recording_segments)
            .where(recording_segments.c.item_id.in_(item_ids))
            .values(recording_id=recording_id)
        )
        self._figures.recount([*left, *item_ids])

    def merge(self, recording_id: str, into: str) -> None:
        """Put all segments of the first into the second."""
        self._connection.execute(
            update(recording_segments)
            .where(recording_segments.c.recording_id == recording_id)
            .values(recording_id=into)
        )
        self._figures.recount(self._counted_in(into))

    def _counted_in(self, recording_id: str) -> Sequence[str]:
        """Those of its segments by which a recording is counted: after a merger, several."""
        return (
            self._connection.execute(
                select(recording_segments.c.item_id)
                .join(figure_facts, figure_facts.c.item_id == recording_segments.c.item_id)
                .where(recording_segments.c.recording_id == recording_id, figure_facts.c.recordings > 0)
            )
            .scalars()
            .all()
        )

    def _others_of(self, item_ids: Sequence[str]) -> Sequence[str]:
        """One segment that stays of each recording that these leave."""
        left = select(recording_segments.c.recording_id).where(recording_segments.c.item_id.in_(item_ids))
        return (
            self._connection.execute(
                select(func.min(recording_segments.c.item_id))
                .where(
                    recording_segments.c.recording_id.in_(left), recording_segments.c.item_id.not_in(item_ids)
                )
                .group_by(recording_segments.c.recording_id)
            )
            .scalars()
            .all()
        )

    def members(self, viewer: Viewer, recording_ids: Sequence[str], limit: int) -> Sequence[Member]:
        """The segments of these recordings that the viewer may see."""
        of_these = recording_segments.c.recording_id.in_(recording_ids)
        return self._members(
            _members(_is_listed(sighted(self._connection, viewer))).where(of_these).limit(limit)
        )

    def page(self, viewer: Viewer, *, before: str | None, limit: int) -> Sequence[str]:
        """Newest first."""
        found: set[str] = set()
        for part in apart(sighted(self._connection, viewer)):
            if part.sight is not None and part.sight.units and part.sight.also == ():
                found |= self._newest_of(part.sight.units, part, before, limit)
            else:
                found |= self._newest(part, before, limit)
        return sorted(found, reverse=True)[:limit]

    def _newest(self, viewer: Viewer, before: str | None, limit: int) -> set[str]:
        own = recording_segments.c.recording_id
        query = select(own).where(_is_listed(viewer)).distinct().order_by(own.desc()).limit(limit)
        if before is not None:
            query = query.where(own < before)
        return set(self._connection.execute(query).scalars())

    def _newest_of(self, units: Sequence[str], viewer: Viewer, before: str | None, limit: int) -> set[str]:
        """The same by the units' items, newest first, until no newer recording can come.

        A recording is of one unit, named after one of its items and of that item's instant. So one to which
        none of the newest belongs is older than all of these. All items of the unit are gone through, as the
        one that gave the name may be hidden or disposed of.
        """
        # Outer, so that PostgreSQL goes through the items in their order, whatever it believes of segments.
        joint = items.outerjoin(recording_segments, recording_segments.c.item_id == items.c.id)
        walk = select(items.c.id, recording_segments.c.recording_id).select_from(joint)
        walk = walk.where(items.c.unit.in_(units)).order_by(items.c.id.desc())
        own, found, count = recording_segments.c.recording_id, set[str](), _WALKED_FIRST * limit
        last = None if before is None else after_instant_of(before)
        while True:
            rows = self._connection.execute(
                (walk if last is None else walk.where(items.c.id < last)).limit(count)
            ).all()
            met = {recording for _, recording in rows if recording is not None}
            fresh = {recording for recording in met - found if before is None or recording < before}
            listed = select(own).where(own.in_(fresh), _is_listed(viewer)).distinct()
            found.update(self._connection.execute(listed).scalars())
            page = sorted(found, reverse=True)[:limit]
            if len(rows) < count:
                return {*page}
            last = rows[-1].id
            if len(page) == limit and page[-1] >= after_instant_of(last):
                return {*page}
            count = min(2 * count, _MOST_WALKED)

    def on_day(self, viewer: Viewer, unit: str, device: str, day: Day, limit: int) -> Sequence[Member]:
        """The device's segments of that day; disposed of or not, they are no gap in it."""
        zoned = recording_starts.c.zoned
        return self._members(
            _members(_is_visible(sighted(self._connection, viewer)))
            .join(recording_starts, recording_starts.c.item_id == recording_segments.c.item_id)
            .where(
                recording_starts.c.unit == unit,
                recording_starts.c.device == codec.findable(device),
                recording_starts.c.number == 0,
                or_(and_(zoned, within_day(day.utc_us)), and_(not_(zoned), within_day(day.local_us))),
            )
            .limit(limit)
        )

    def _members(self, query: Select[tuple[str, str, str]]) -> list[Member]:
        found = [*self._connection.execute(query)]
        wanted = select(items).where(items.c.id.in_([item_id for item_id, _, _ in found]))
        known = {row["id"]: codec.item(row) for row in self._connection.execute(wanted).mappings()}
        return [
            Member(Segment.from_json(codec.load(said)), known[item_id], recording)
            for item_id, said, recording in found
        ]


def _is_visible(viewer: Viewer) -> ColumnElement[bool]:
    """Asked of each segment, so that no list of everything that the viewer may see has to be gone through."""
    return exists().where(items.c.id == recording_segments.c.item_id, visible_items(viewer))


def _is_listed(viewer: Viewer) -> ColumnElement[bool]:
    """The same without what was disposed of."""
    return exists().where(items.c.id == recording_segments.c.item_id, listed_items(viewer))


def _members(which: ColumnElement[bool]) -> Select[tuple[str, str, str]]:
    segments = recording_segments.c
    return (
        select(segments.item_id, segments.known, segments.recording_id)
        .where(which)
        .order_by(segments.item_id)
    )


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
