"""Time as Custos writes it, and rules that survive a clock that moves.

Instants are aware UTC datetimes; on disk they are whole microseconds since 1970, in formats they are
RFC 3339 text with six decimals and `Z`. A clock may jump in either direction, so no rule here trusts an
expiry that lies further ahead than it could have been set: such a row was written under another clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Where offices are whose settings say nothing else.
OFFICE_ZONE = timedelta(hours=8)


def to_micros(at: datetime) -> int:
    """Whole microseconds since 1970-01-01T00:00:00Z."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The instant of `to_micros`."""
    return _EPOCH + timedelta(microseconds=micros)


def to_text(at: datetime) -> str:
    """RFC 3339 in UTC with exactly six decimals."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def from_text(text: str) -> datetime:
    """The instant written by `to_text`; ValueError for any other spelling."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is not UTC or to_text(at) != text:
        raise ValueError(f"not an instant as Custos writes it: {text!r}")
    return at


def is_live(until: datetime, now: datetime, longest: timedelta) -> bool:
    """Whether something granted for at most `longest` and ending at `until` still holds at `now`.

    False also when `until` is further ahead than a grant made now could be: the clock went back.
    """
    return now < until <= now + longest


#: How far the clocks of the hosts of one installation may be apart.
CLOCKS_APART = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class TimeStatement:
    """One statement of time as it was made; never merged, never edited (promise 9 of docs/architecture.md).

    `source` says who states it ("device clock", "file name", "QuickTime CreateDate"), `value` is the
    text as written, `zone` the offset as written or None. `marks` is "start" or "end" of a recording,
    "moment" (of a picture, or one within a recording), "change" (of the file, after it was made), or
    "unknown" where the format or its makers do not agree on which.
    """

    source: str
    value: str
    zone: str | None = None
    marks: str = "start"

    def as_json(self) -> dict[str, str | None]:
        """The form in manifests and details."""
        return {
            "source": self.source,
            "value": self.value,
            "zone": self.zone,
            "marks": self.marks,
        }


def zone_text(zone: timedelta) -> str:
    """A distance from UTC, in whole minutes, as it is written: +08:00."""
    minutes = abs(zone) // timedelta(minutes=1)
    return f"{'-' if zone < timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"
