"""Every clock that a file holds, each as one statement.

Pure. Invariants: a statement's value is the text as the tool gave it; none is merged with another, none is
changed; a zone is only named where it is written. Dates that something else made (Composite) or that speak
of something else (colour profiles) are left out, and so is a date of zeros, which means "never set".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evidence.canonical import Json
from evidence.timekeeping import TimeStatement
from evidence.written_time import WRITTEN, Reading, read_time, zone_in
from transcode.routes import streams_of
from transcode.tags import Tag

#: A hostile file may hold any number of dates; how many were left out is said.
MOST = 200

_DATE_TAG = re.compile(r"\d{4}[:-]\d\d[:-]\d\d(?:[ T]\d\d:\d\d.{0,24})?", re.ASCII)
_ZONE = re.compile(r"Z|UTC|[+-]\d\d:?\d\d", re.ASCII)
_DERIVED_OR_FOREIGN = re.compile(r"Composite|File|System|ExifTool\d*|ICC.*")
_CHANGE = re.compile(r"Modif|MetadataDate|LastSaved")
_EXIF = re.compile(r"IFD\d|ExifIFD|SubIFD\d*")
_BOXES = {
    "CreateDate": "mvhd",
    "ModifyDate": "mvhd",
    "TrackCreateDate": "tkhd",
    "TrackModifyDate": "tkhd",
    "MediaCreateDate": "mdhd",
    "MediaModifyDate": "mdhd",
}
_OFFSETS = {
    "DateTimeOriginal": "OffsetTimeOriginal",
    "CreateDate": "OffsetTimeDigitized",
    "ModifyDate": "OffsetTime",
}
_GPS_STAMP = ("GPSDateStamp", "GPSTimeStamp")
_PROBE_DATES = ("creation_time", "com.apple.quicktime.creationdate", "date", "DATE_RECORDED", "DATE")
_MOV_FORMAT = "mov,mp4"


@dataclass(frozen=True, slots=True)
class Clock:
    """A statement, and where it stands.

    `tags` are the keys of the tools' answers it was read from. `is_utc` says that the time is UTC by the
    definition of its source (GPS), although no zone is written. `at` is the place in the recording, in
    seconds as the tool gave them, for a clock of timed metadata.
    """

    statement: TimeStatement
    tags: tuple[str, ...] = ()
    is_utc: bool = False
    at: str | None = None

    def as_json(self) -> dict[str, Json]:
        """The form in `Description.facts`."""
        return {**self.statement.as_json(), "tags": [*self.tags], "is_utc": self.is_utc, "at": self.at}


def reading(clock: Clock) -> Reading | None:
    """The value as numbers, for comparing only; None for what has no date, no time, or no sense."""
    return read_time(clock.statement.value, clock.statement.zone, is_utc=clock.is_utc)


def in_tags(tags: Sequence[Tag]) -> list[Clock]:
    """The clocks among exiftool's tags, those of single tracks last.

    Of a clock that timed metadata repeats, the first and the last; the positions hold the others.
    """
    by_place: dict[tuple[str, tuple[int, ...], str], Tag] = {}
    for tag in tags:
        by_place.setdefault((tag.group, tag.document, tag.name), tag)
    series: dict[tuple[str, str, bool], list[Clock]] = {}
    for tag in tags:
        if (clock := _clock(tag, by_place)) is not None:
            series.setdefault((tag.group, tag.name, bool(tag.document)), []).append(clock)
    found: list[Clock] = []
    for (_, _, timed), clocks in sorted(series.items(), key=_of_the_whole_file_first):
        found.extend(_ends(clocks) if timed else clocks)
    return found


def _of_the_whole_file_first(named: tuple[tuple[str, str, bool], object]) -> tuple[bool, int, str, str]:
    (group, name, timed), _ = named
    is_track = not timed and group.startswith("Track")
    return is_track, len(group) if is_track else 0, group, name


def _clock(tag: Tag, by_place: Mapping[tuple[str, tuple[int, ...], str], Tag]) -> Clock | None:
    if _DERIVED_OR_FOREIGN.fullmatch(tag.group) or not isinstance(tag.value, str):
        return None
    if not _DATE_TAG.fullmatch(tag.value) or tag.value.startswith("0000"):
        return None
    if tag.name == _GPS_STAMP[0]:
        return _gps_stamp(tag, by_place.get((tag.group, tag.document, _GPS_STAMP[1])))
    zone, keys = zone_in(tag.value), [tag.key]
    if zone is None and _EXIF.fullmatch(tag.group) and tag.group != "IFD1":
        beside = by_place.get(("ExifIFD", tag.document, _OFFSETS.get(tag.name, "")))
        if beside is not None and isinstance(beside.value, str) and _ZONE.fullmatch(beside.value):
            zone = beside.value
            keys.append(beside.key)
    sample = by_place.get((tag.group, tag.document, "SampleTime")) if tag.document else None
    at = None if sample is None else str(sample.value)
    statement = TimeStatement(_source(tag), tag.value, zone, _marks(tag, at))
    return Clock(statement, tuple(keys), tag.name == "GPSDateTime", at)


def _gps_stamp(date: Tag, time: Tag | None) -> Clock:
    """EXIF writes one GPS time as two tags; the standard says that it is UTC."""
    parts = [date] if time is None else [date, time]
    value = " ".join(str(part.value) for part in parts)
    statement = TimeStatement("GPS time", value, None, "moment")
    return Clock(statement, tuple(part.key for part in parts), True)


def _source(tag: Tag) -> str:
    if tag.name == "GPSDateTime":
        return f"GPS time ({tag.group})"
    if _EXIF.fullmatch(tag.group):
        return f"EXIF {tag.name}" if tag.group == "ExifIFD" else f"EXIF {tag.name} ({tag.group})"
    box = _BOXES.get(tag.name) if tag.group == "QuickTime" or tag.group.startswith("Track") else None
    return f"{tag.group} {tag.name}" + (f" ({box})" if box else "")


def _marks(tag: Tag, at: str | None) -> str:
    if _CHANGE.search(tag.name):
        return "change"
    if at is not None:
        return "start" if at == "0" else "moment"
    return "moment" if _EXIF.fullmatch(tag.group) else "unknown"


def _ends(clocks: Sequence[Clock]) -> Iterable[Clock]:
    if len(clocks) == 1:
        return clocks
    return (
        _renamed(clocks[0], f"first of {len(clocks)}"),
        _renamed(clocks[-1], f"last of {len(clocks)}"),
    )


def _renamed(clock: Clock, which: str) -> Clock:
    said = clock.statement
    statement = TimeStatement(f"{said.source}, {which}", said.value, said.zone, said.marks)
    return Clock(statement, clock.tags, clock.is_utc, clock.at)


def in_probe(probe_data: Json, *, dates: bool) -> list[Clock]:
    """The clocks in ffprobe's description: timecodes, and with `dates` what exiftool would have read better.

    ffprobe prints a Z after the times of an MP4, where none is written: there the zone stays None.
    """
    about = probe_data.get("format") if isinstance(probe_data, Mapping) else None
    form = about if isinstance(about, Mapping) else {}
    is_mov = str(form.get("format_name", "")).startswith(_MOV_FORMAT)
    found: list[Clock] = []
    for place, holder in (
        ("format", form),
        *((f"stream {stream['index']}", stream) for stream in streams_of(probe_data)),
    ):
        tags = holder.get("tags")
        said = tags if isinstance(tags, Mapping) else {}
        timecode = said.get("timecode")
        if isinstance(timecode, str) and timecode:
            found.append(Clock(TimeStatement(f"timecode ({place})", timecode), (f"{place} timecode",)))
        for name in _PROBE_DATES if dates else ():
            value = said.get(name)
            if isinstance(value, str) and WRITTEN.fullmatch(value.strip()):
                zone = None if is_mov and name == "creation_time" else zone_in(value)
                statement = TimeStatement(f"{name} ({place}, as ffprobe prints it)", value, zone, "unknown")
                found.append(Clock(statement, (f"{place} {name}",)))
    return found
