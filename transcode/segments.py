"""What a submission and a description say of an item as a segment of a recording.

Pure. Nothing is merged or corrected: of several statements the first by a stated order is taken, and its
source goes with it (docs/recordings.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from evidence.canonical import Json
from evidence.items import Item
from evidence.recordings import LONGEST_US, Clock, Origin, Segment, Start
from evidence.timekeeping import TimeStatement, to_micros
from transcode import clocks

_RECORDED = frozenset({"video", "audio"})
#: A clock that says anything else was never set, or is not of this world.
_YEARS = range(1980, 2200)
_MOST_CLOCKS = 16
#: Templates that give the first part of a recording a name of its own: those of the others, and its number.
_FIRST_PARTS = {"GoPro until HERO5, first chapter": ("GoPro until HERO5, later chapter", 0)}


def segment_of(item: Item, description: Mapping[str, Json]) -> Segment | None:
    """The item as a segment; None for what is no picture that moves and no sound."""
    if item.kind not in _RECORDED:
        return None
    facts: Any = description.get("facts") or {}
    named: Any = facts.get("file_name") or {}
    said: Any = named.get("statements") or {}
    template, part = named.get("template"), _number(said.get("segment"))
    template, part = _FIRST_PARTS.get(template, (template, part))
    device, device_source = _device(item, facts, said)
    duration_ms = description.get("duration_ms")
    length_us = duration_ms * 1000 if isinstance(duration_ms, int) else None
    return Segment(
        item_id=item.id,
        unit=item.unit,
        kind=item.kind,
        device=device,
        device_source=device_source,
        recording=item.submission.recording,
        number=item.submission.segment,
        template=template,
        sequence=said.get("sequence"),
        part=part,
        channel=said.get("channel"),
        starts=_starts(item.submission.times, facts.get("clocks") or ()),
        length_us=length_us if length_us is not None and 0 <= length_us <= LONGEST_US else None,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _device(item: Item, facts: Any, said: Any) -> tuple[str | None, str | None]:
    """A model is no device: only what tells one from all others counts."""
    serials: Any = (facts.get("device") or {}).get("serial") or ()
    found = [
        (item.submission.device, "submitted"),
        *((serial["value"], serial["source"]) for serial in serials),
        (said.get("device"), "file name"),
    ]
    for value, source in found:
        if isinstance(value, str) and value.strip():
            return value.strip(), source
    return None, None


def _starts(submitted: Iterable[TimeStatement], in_file: Iterable[Any]) -> tuple[Start, ...]:
    said: dict[Clock, set[int]] = {}
    for statement in submitted:
        _note(said, Origin.SUBMITTER, clocks.Clock(statement))
    for clock in in_file:
        statement = TimeStatement(clock["source"], clock["value"], clock["zone"], clock["marks"])
        origin = Origin.FILE_NAME if statement.source == "file name" else Origin.FILE
        _note(said, origin, clocks.Clock(statement, is_utc=clock["is_utc"]))
    # A clock that says two things says nothing.
    starts = sorted(Start(clock, next(iter(at))) for clock, at in said.items() if len(at) == 1)
    return tuple(starts[:_MOST_CLOCKS])


def _note(said: dict[Clock, set[int]], origin: Origin, clock: clocks.Clock) -> None:
    marks, source = clock.statement.marks, clock.statement.source
    if marks == "unknown" and origin is Origin.FILE and not source.startswith("Track"):
        origin = Origin.FILE_UNMARKED
    elif marks != "start":
        return
    reading = clocks.reading(clock)
    if reading is None or not reading.has_seconds or reading.local.year not in _YEARS:
        return
    zoned = reading.offset is not None
    said.setdefault(Clock(origin, source, zoned), set()).add(_micros(reading.local, reading.offset))


def _micros(local: datetime, offset: timedelta | None) -> int:
    return to_micros(local.replace(tzinfo=UTC) - (offset or timedelta(0)))
