"""Recordings and gap reports as they go over the wire. Milliseconds count from a recording's beginning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone

from pydantic import BaseModel

from evidence.gaps import DayGaps
from evidence.items import Item, Rendition
from evidence.recordings import Clock, Segment
from evidence.timekeeping import from_micros
from evidence.timeline import Numbers, Placed, Stretch, TimeLine
from retrieval.recordings import GapReport, RecordingView


class ClockOut(BaseModel):
    """What times were read from; `origin` is who says it. Without a zone they are the clock's own."""

    origin: str
    source: str
    zoned: bool

    @classmethod
    def of(cls, clock: Clock) -> ClockOut:
        """From the domain."""
        return cls(origin=clock.origin.name.lower().replace("_", "-"), source=clock.source, zoned=clock.zoned)


class SegmentOut(BaseModel):
    """One segment on its recording's time.

    `placed_by` is "clock", or "assumed": directly after the one before. `number` is the submitter's, else the
    one in the file's name; `number_source` says which. `plays_at_ms` is where it begins when all are played
    one after the other; null if it is left out, and `left_out` says why: "not-playable" or "other-tracks".
    """

    item: str
    filename: str
    kind: str
    number: int | None
    number_source: str | None
    offset_ms: int
    duration_ms: int | None
    placed_by: str
    plays_at_ms: int | None
    left_out: str | None


class StretchOut(BaseModel):
    """A hole between two items, or a time that both show."""

    from_ms: int
    to_ms: int
    after: str
    before: str


class NumbersOut(BaseModel):
    """Numbers that no segment here has, both ends included, and the items on either side."""

    first: int
    last: int
    after: str | None
    before: str | None


class RecordingSummary(BaseModel):
    """A recording in a list."""

    id: str
    unit: str
    device: str | None
    begins: str | None
    duration_ms: int
    segments: int
    first: str
    gaps: int
    more: bool

    @classmethod
    def of(cls, view: RecordingView) -> RecordingSummary:
        """From the domain."""
        line, first = view.line, view.line.placed[0].segment
        return cls(
            id=view.id,
            unit=first.unit,
            device=first.device,
            begins=_begins(line),
            duration_ms=line.length_us // 1000,
            segments=len(line.placed),
            first=view.items[first.item_id].submission.filename,
            gaps=len(line.missing) + len(line.holes),
            more=view.more,
        )


class RecordingPage(BaseModel):
    """A page of recordings, newest first; `next` asks for the following page."""

    recordings: list[RecordingSummary]
    next: str | None


class RecordingOut(BaseModel):
    """One continuous recording, as far as whoever asks may see it.

    What is missing here may also be hidden. `joined_by` is the rule that its segments are joined by:
    "submitted", "name" or "time"; null for a recording of one. `likely_pre_event_ms` is how long it begins
    without sound, where that looks like a pre-event buffer. `more`: not all segments are listed.
    """

    id: str
    unit: str
    device: str | None
    device_source: str | None
    joined_by: str | None
    clock: ClockOut | None
    begins: str | None
    duration_ms: int
    playing_ms: int
    segments: list[SegmentOut]
    missing: list[NumbersOut]
    repeated: list[int]
    holes: list[StretchOut]
    overlaps: list[StretchOut]
    likely_pre_event_ms: int | None
    more: bool

    @classmethod
    def of(cls, view: RecordingView) -> RecordingOut:
        """From the domain."""
        line, first = view.line, view.line.placed[0].segment
        plays_at, playing_ms = _played(view.played)
        rule = first.rule if len(line.placed) > 1 else None
        return cls(
            id=view.id,
            unit=first.unit,
            device=first.device,
            device_source=first.device_source,
            joined_by=None if rule is None else rule.value,
            clock=None if line.clock is None else ClockOut.of(line.clock),
            begins=_begins(line),
            duration_ms=line.length_us // 1000,
            playing_ms=playing_ms,
            segments=[_segment(one, view, plays_at) for one in line.placed],
            missing=_numbers(line.missing),
            repeated=list(line.repeated),
            holes=_stretches(line.holes),
            overlaps=_stretches(line.overlaps),
            likely_pre_event_ms=None if view.buffer_us is None else view.buffer_us // 1000,
            more=view.more,
        )


class DaySegmentOut(BaseModel):
    """A segment of the day; `begins` and `ends` by the report's clock, null if it does not know that."""

    item: str
    filename: str
    recording: str
    number: int | None
    sequence: str | None
    begins: str | None
    ends: str | None


class DayStretchOut(BaseModel):
    """A hole or an overlap by the report's clock; `recording` if it lies within one."""

    begins: str
    ends: str
    after: str
    before: str
    recording: str | None


class SkippedOut(BaseModel):
    """File numbers that are not there: `template` says how the names are read."""

    template: str
    first: int
    last: int
    after: str
    before: str


class RestartOut(BaseModel):
    """A file counter that went back."""

    template: str
    number: int
    to: int
    after: str
    before: str


class DayRecordingOut(BaseModel):
    """A recording of the day in which numbers are missing or stand twice."""

    recording: str
    missing: list[NumbersOut]
    repeated: list[int]


class LikelyBuffer(BaseModel):
    """A recording that begins without sound for as long as a pre-event buffer: likely one, never more."""

    item: str
    likely_ms: int


class GapReportOut(BaseModel):
    """What one device's recordings of one day do not cover, by one clock, for whoever asks.

    It says what is not there, not why: see docs/recordings.md.
    """

    unit: str
    device: str
    day: str
    zone: str
    clock: ClockOut | None
    segments: list[DaySegmentOut]
    missing_file_numbers: list[SkippedOut]
    counter_restarts: list[RestartOut]
    recordings: list[DayRecordingOut]
    holes: list[DayStretchOut]
    overlaps: list[DayStretchOut]
    likely_pre_event: list[LikelyBuffer]
    more: bool

    @classmethod
    def of(cls, report: GapReport, day: date, zone: timedelta) -> GapReportOut:
        """From the domain."""
        gaps = report.gaps
        return cls(
            unit=report.unit,
            device=report.device,
            day=day.isoformat(),
            zone=datetime(2000, 1, 1, tzinfo=timezone(zone)).isoformat()[-6:],
            clock=None if gaps.clock is None else ClockOut.of(gaps.clock),
            segments=_day_segments(report, zone),
            missing_file_numbers=[
                SkippedOut(
                    template=one.template, first=one.first, last=one.last, after=one.after, before=one.before
                )
                for one in gaps.skipped
            ],
            counter_restarts=[
                RestartOut(
                    template=one.template, number=one.number, to=one.to, after=one.after, before=one.before
                )
                for one in gaps.restarts
            ],
            recordings=[
                DayRecordingOut(
                    recording=recording, missing=_numbers(line.missing), repeated=list(line.repeated)
                )
                for recording, line in report.recordings.items()
                if line.missing or line.repeated
            ],
            holes=_day_stretches(gaps.holes, report, zone),
            overlaps=_day_stretches(gaps.overlaps, report, zone),
            likely_pre_event=[
                LikelyBuffer(item=item, likely_ms=length // 1000)
                for item, length in report.buffers_us.items()
            ],
            more=report.more,
        )


def _played(copies: Sequence[Rendition]) -> tuple[dict[str, int], int]:
    """Where each copy begins when they play one after the other, and how long all of them play."""
    at_us, begins = 0, {}
    for copy in copies:
        begins[copy.item_id] = at_us // 1000
        length = copy.layout.get("duration_us")
        at_us += length if isinstance(length, int) else 0
    return begins, at_us // 1000


def _segment(one: Placed, view: RecordingView, plays_at: Mapping[str, int]) -> SegmentOut:
    segment = one.segment
    left_out = view.left_out.get(segment.item_id)
    return SegmentOut(
        item=segment.item_id,
        filename=view.items[segment.item_id].submission.filename,
        kind=segment.kind,
        number=segment.counted,
        number_source=segment.counted_by,
        offset_ms=one.offset_us // 1000,
        duration_ms=None if segment.length_us is None else segment.length_us // 1000,
        placed_by=one.by.value,
        plays_at_ms=plays_at.get(segment.item_id),
        left_out=None if left_out is None else left_out.value,
    )


def _begins(line: TimeLine) -> str | None:
    if line.clock is None or line.begins_us is None:
        return None
    return written(line.begins_us, line.clock, timedelta(0))


def written(at_us: int, clock: Clock, zone: timedelta) -> str:
    """An instant as the clock shows it: without a zone if it has none, otherwise in that of `zone`."""
    at = from_micros(at_us)
    local = at.astimezone(timezone(zone)) if clock.zoned else at.astimezone(UTC).replace(tzinfo=None)
    return local.isoformat(timespec="milliseconds")


def _numbers(missing: Sequence[Numbers]) -> list[NumbersOut]:
    return [NumbersOut(first=one.first, last=one.last, after=one.after, before=one.before) for one in missing]


def _stretches(stretches: Sequence[Stretch]) -> list[StretchOut]:
    return [
        StretchOut(from_ms=one.from_us // 1000, to_ms=one.to_us // 1000, after=one.first, before=one.second)
        for one in stretches
    ]


def _day_segments(report: GapReport, zone: timedelta) -> list[DaySegmentOut]:
    gaps = report.gaps

    def out(segment: Segment, begins_us: int | None) -> DaySegmentOut:
        ends_us = None if begins_us is None or segment.length_us is None else begins_us + segment.length_us
        return DaySegmentOut(
            item=segment.item_id,
            filename=_named(report.items, segment),
            recording=report.recording_of[segment.item_id],
            number=segment.counted,
            sequence=segment.sequence,
            begins=_maybe(begins_us, gaps, zone),
            ends=_maybe(ends_us, gaps, zone),
        )

    placed = [out(one.segment, one.offset_us) for one in gaps.placed]
    return [*placed, *(out(segment, None) for segment in gaps.unplaced)]


def _named(items: Mapping[str, Item], segment: Segment) -> str:
    return items[segment.item_id].submission.filename


def _maybe(at_us: int | None, gaps: DayGaps, zone: timedelta) -> str | None:
    return None if at_us is None or gaps.clock is None else written(at_us, gaps.clock, zone)


def _day_stretches(stretches: Sequence[Stretch], report: GapReport, zone: timedelta) -> list[DayStretchOut]:
    clock = report.gaps.clock
    assert clock is not None or not stretches
    return [
        DayStretchOut(
            begins=written(one.from_us, clock, zone),
            ends=written(one.to_us, clock, zone),
            after=one.first,
            before=one.second,
            recording=report.recording_of[one.first]
            if report.recording_of[one.first] == report.recording_of[one.second]
            else None,
        )
        for one in stretches
        if clock is not None
    ]
