"""Reading a time as somebody or something wrote it: for comparing only, the text stays as it is. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

WRITTEN = re.compile(
    r"(\d{4})[:_-]?(\d\d)[:-]?(\d\d)"
    r"(?:[ T_-]?(\d\d)[:.-]?(\d\d)(?:[:.-]?(\d\d)(?:[.,]?(\d{1,9}))?)?)?"
    r"\s?(Z|UTC|[+-]\d\d:?\d\d)?(?: DST)?",
    re.ASCII,
)

_ZONE = re.compile(r"Z|UTC|[+-]\d\d:?\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a value means as a date and time: `local` without a zone, and its offset from UTC if known."""

    local: datetime
    offset: timedelta | None
    has_seconds: bool

    def instant(self, assumed: timedelta) -> datetime | None:
        """The instant by the known offset, else by the assumed one; None beyond the calendar."""
        offset = assumed if self.offset is None else self.offset
        try:
            return self.local.replace(tzinfo=timezone(offset)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


def read_time(value: str, zone: str | None, *, is_utc: bool = False) -> Reading | None:
    """The value as numbers; None for what has no date, no time, or no sense."""
    match = WRITTEN.fullmatch(value.strip())
    if match is None or match[4] is None:
        return None
    year, month, day, hour, minute = (int(match[at]) for at in range(1, 6))
    micros = int((match[7] or "").ljust(6, "0")[:6])
    try:
        local = datetime(year, month, day, hour, minute, int(match[6] or 0), micros)  # noqa: DTZ001
    except ValueError:
        return None
    return Reading(local, timedelta(0) if is_utc else offset_of(zone), match[6] is not None)


def offset_of(zone: str | None) -> timedelta | None:
    """The offset from UTC that a written zone stands for ("Z", "UTC", "+08:00", "+0800"); None for others."""
    if zone is None or _ZONE.fullmatch(zone) is None:
        return None
    if zone in ("Z", "UTC"):
        return timedelta(0)
    sign, digits = zone[0], zone[1:].replace(":", "")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if sign == "-" else size


def zone_in(value: str) -> str | None:
    """The zone that stands at the end of a date as tools write it, None if there is none."""
    match = WRITTEN.fullmatch(value.strip())
    return match[8] if match else None
