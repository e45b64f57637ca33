"""Which clocks of a file contradict each other, in sentences.

Pure. Invariant: nothing is decided. Where a zone is missing, the sentence says what follows if the clocks
mean the same, and what if one is local time; two clocks a whole zone apart do not contradict each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from evidence.written_time import Reading
from transcode.clocks import Clock, reading

TOLERATED = timedelta(seconds=5)
_SHOWN = 5

# Every offset from UTC that is in use anywhere, in minutes.
_IN_USE = sorted(
    {hours * 60 for hours in range(-12, 15)}
    | {-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825}
)
_APART = sorted({one - other for one in _IN_USE for other in _IN_USE})


@dataclass(frozen=True, slots=True)
class _Told:
    clock: Clock
    reading: Reading

    @property
    def words(self) -> str:
        said = self.clock.statement
        if said.zone is None:
            hint = " UTC" if self.clock.is_utc else " without a zone"
        else:
            hint = "" if said.value.endswith(said.zone) else f" {said.zone}"
        return f"{said.source} says {said.value}{hint}"


def disagreements(clocks: Sequence[Clock], duration_ms: int | None) -> list[str]:
    """Sentences for the clocks that contradict the most trustworthy one.

    That is one of GPS, else the first with a zone, else the first. Clocks that mark a change of the file
    afterwards, or have no date, are not compared.
    """
    told = _distinct(clocks)
    if len(told) < 2:
        return []
    reference = min(told, key=lambda one: (not one.clock.is_utc, one.reading.offset is None, told.index(one)))
    said = [
        sentence
        for one in told
        if one is not reference and (sentence := _sentence(one, reference, duration_ms)) is not None
    ]
    if len(said) > _SHOWN:
        return [*said[:_SHOWN], f"Clocks disagree: {len(said) - _SHOWN} more do, see the list of clocks."]
    return said


def _distinct(clocks: Sequence[Clock]) -> list[_Told]:
    """The first clock of each value; a time repeated for every track is one statement to compare."""
    told: dict[tuple[object, object], _Told] = {}
    for clock in clocks:
        if clock.statement.marks == "change" or _is_later_in_the_recording(clock):
            continue
        if (read := reading(clock)) is not None:
            told.setdefault((read.local, read.offset), _Told(clock, read))
    return list(told.values())


def _is_later_in_the_recording(clock: Clock) -> bool:
    return clock.at is not None and clock.statement.marks != "start"


def _sentence(one: _Told, other: _Told, duration_ms: int | None) -> str | None:
    apart = one.reading.local - other.reading.local
    apart -= (one.reading.offset or timedelta(0)) - (other.reading.offset or timedelta(0))
    tolerated = TOLERATED if one.reading.has_seconds and other.reading.has_seconds else timedelta(seconds=60)
    unknown = [told for told in (one, other) if told.reading.offset is None]
    zone = timedelta(0) if not unknown else _nearest(apart, _IN_USE if len(unknown) == 1 else _APART)
    rest = abs(apart - zone)
    if rest <= tolerated:
        return None
    said = f"Clocks disagree: {one.words}, {other.words}; by {_words(abs(apart))}"
    if unknown:
        said += " if both mean the same zone" if len(unknown) == 2 else " if the first means UTC"
    if zone:
        said += f", by {_words(rest)} if {_shifted(zone, len(unknown))}: which, cannot be told"
    said += "."
    if duration_ms is not None and rest <= timedelta(milliseconds=duration_ms) + tolerated:
        said += f" The recording lasts {duration_ms / 1000:.1f} s: one may mark its start, one its end."
    return said


def _shifted(zone: timedelta, unknown: int) -> str:
    if unknown == 2:
        return f"their zones are {_words(abs(zone))} apart"
    # The clock that others are compared with has a zone if any has one.
    side = "ahead of" if zone > timedelta(0) else "behind"
    return f"the first is local time {_words(abs(zone))} {side} UTC"


def _nearest(apart: timedelta, minutes: Sequence[int]) -> timedelta:
    return min((timedelta(minutes=one) for one in minutes), key=lambda zone: (abs(apart - zone), abs(zone)))


def _words(span: timedelta) -> str:
    """ "7 h 59 min 42 s"; fractions of a second are dropped."""
    seconds = int(span.total_seconds())
    parts = (
        (seconds // 86400, "days" if seconds >= 2 * 86400 else "day"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    )
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
