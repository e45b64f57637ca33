"""Where a long recording is cut so that many workers can encode it. Pure.

Invariants: every cut lies at a keyframe; the stretches are half-open, touch each other and cover all time,
so that each frame falls into exactly one; a stretch is decoded from a keyframe that lies well before it, so
that frames which refer back over the cut come out as they do when the recording is decoded in one go.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from evidence.canonical import Json

#: Decoded before a stretch begins and thrown away.
_RUN_UP_US = 4_000_000
#: ffmpeg takes a greater jump for a fault of the clock and mends it, unless it is told to keep times.
_LARGEST_STEP_US = 10_000_000
#: Formats of which ffmpeg lets the streams that it reads say where they begin (`AVFMT_TS_DISCONT`).
_DISCONTINUOUS = frozenset({"mpegts", "mpeg", "ogg", "dhav"})


class NotSpreadable(Exception):
    """Why this recording has to be made in one go, in words."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A stream's: `numerator`/`denominator` seconds a tick, and where the recording begins, microseconds."""

    numerator: int
    denominator: int
    begins_us: int = 0

    @property
    def begins(self) -> int:
        """The tick at which the recording begins."""
        return rounded_ticks(self.begins_us, self.numerator, self.denominator)

    @property
    def told_us(self) -> int:
        """What to tell ffmpeg to count from: the same tick, but not what the file says its beginning is.

        For that, ffmpeg puts the beginning of the streams that a command reads (`process_input`).
        """
        near = (self.begins_us + 1, self.begins_us - 1)
        same = (us for us in near if rounded_ticks(us, self.numerator, self.denominator) == self.begins)
        return next(same, self.begins_us)

    def micros(self, tick: int) -> int:
        """Microseconds from the recording's beginning, rounded down."""
        return self.length_us(tick - self.begins)

    def length_us(self, ticks: int) -> int:
        """How long so many ticks are, rounded down."""
        return ticks * self.numerator * 1_000_000 // self.denominator


@dataclass(slots=True)
class Survey:
    """The packets of a recording, fed line by line as ffprobe prints `stream,pts,dts,flags`.

    `video` and `sound` are the streams that are shown; what the others do is passed over.
    """

    video: int
    sound: int | None = None
    shown: array[int] = field(default_factory=lambda: array("q"))
    keyframes: array[int] = field(default_factory=lambda: array("q"))
    complete: bool = True
    ascending: bool = True
    #: The longest way from one packet of the sound to the next, in its ticks.
    longest_step: int = 0
    _last: dict[int, int] = field(default_factory=dict)

    def feed(self, line: str) -> None:
        """One packet; what is no packet is passed over."""
        fields = line.strip().split(",")
        if len(fields) < 4:
            return
        stream, shown, decoded = (_number(one) for one in fields[:3])
        if stream is None or stream not in (self.video, self.sound):
            return
        if stream == self.video:
            if shown is None:
                self.complete = False
                return
            self.shown.append(shown)
            if "K" in fields[3]:
                self.keyframes.append(shown)
        if decoded is None:
            return
        step = decoded - self._last.get(stream, decoded)
        self.ascending = self.ascending and step >= 0
        if stream == self.sound:
            self.longest_step = max(self.longest_step, step)
        self._last[stream] = decoded


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Stretch:
    """One part of the picture, half-open, in ticks counted from zero at the recording's beginning.

    None at either end: whatever lies there. `seek_us` is where decoding begins, None at the beginning.
    """

    begins: int | None
    ends: int | None
    begins_us: int
    ends_us: int
    seek_us: int | None
    packets: int

    def as_json(self) -> dict[str, Json]:
        """What `Stretch.of` reads."""
        return {
            "begins": self.begins,
            "ends": self.ends,
            "begins_us": self.begins_us,
            "ends_us": self.ends_us,
            "seek_us": self.seek_us,
            "packets": self.packets,
        }

    @classmethod
    def of(cls, found: Mapping[str, Json]) -> Stretch:
        """The inverse of `as_json`; raises ValueError for anything else."""
        numbers = [found.get(name) for name in ("begins_us", "ends_us", "packets")]
        maybe = [found.get(name) for name in ("begins", "ends", "seek_us")]
        if not all(isinstance(one, int) for one in numbers) or not all(
            one is None or isinstance(one, int) for one in maybe
        ):
            raise ValueError("not a stretch")
        begins_us, ends_us, packets = (one for one in numbers if isinstance(one, int))
        begins, ends, seek_us = (one if isinstance(one, int) else None for one in maybe)
        return cls(begins, ends, begins_us, ends_us, seek_us, packets)


def stretches(survey: Survey, clock: Clock, sound: Clock | None, least_us: int) -> Sequence[Stretch]:
    """Stretches of at least `least_us` each, in the order of time; raises NotSpreadable."""
    if not survey.complete:
        raise NotSpreadable("not every frame of it has a time")
    if not survey.ascending:
        raise NotSpreadable("its clock runs backwards somewhere")
    shown = sorted(survey.shown)
    longest = max((after - before for before, after in pairwise(shown)), default=0)
    if clock.length_us(longest) > _LARGEST_STEP_US or (
        sound is not None and sound.length_us(survey.longest_step) > _LARGEST_STEP_US
    ):
        raise NotSpreadable("its clock jumps somewhere")
    keyframes = sorted(survey.keyframes)
    cuts: list[int] = []
    last_us = 0
    end_us = clock.micros(shown[-1]) if shown else 0
    for tick in keyframes:
        at_us = clock.micros(tick)
        if at_us - last_us >= least_us and end_us - at_us >= least_us // 2:
            cuts.append(tick)
            last_us = at_us
    if not cuts:
        raise NotSpreadable("it has no keyframe at which it could be cut")
    found = []
    place = 0
    for number in range(len(cuts) + 1):
        begins = cuts[number - 1] if number else None
        ends = cuts[number] if number < len(cuts) else None
        next_place = len(shown) if ends is None else bisect_left(shown, ends)
        found.append(
            Stretch(
                None if begins is None else begins - clock.begins,
                None if ends is None else ends - clock.begins,
                0 if begins is None else clock.micros(begins),
                end_us if ends is None else clock.micros(ends),
                None if begins is None else _run_up(keyframes, begins, clock),
                next_place - place,
            )
        )
        place = next_place
    return found


def _run_up(keyframes: Sequence[int], begins: int, clock: Clock) -> int | None:
    """Microseconds at which decoding begins; None for the recording's own beginning."""
    place = bisect_right(keyframes, clock.micros(begins) - _RUN_UP_US, key=clock.micros)
    return max(0, clock.micros(keyframes[place - 1])) if place else None


def beginning_us(demuxer: str, begins_us: int | None, streams_us: Sequence[int]) -> int:
    """What ffmpeg counts a recording's times from, microseconds: `ffmpeg_opt.c`, `ts_offset`.

    `begins_us` is what the whole file says, `streams_us` when each stream begins that is read.
    """
    if demuxer in _DISCONTINUOUS and streams_us:
        return min(streams_us)
    return begins_us or 0


def rounded_ticks(micros: int, numerator: int, denominator: int) -> int:
    """Microseconds in ticks as ffmpeg rounds them (`av_rescale_q`: to the nearest, half away from zero)."""
    exact = Fraction(micros * denominator, numerator * 1_000_000)
    whole = (abs(exact) + Fraction(1, 2)).__floor__()
    return whole if exact >= 0 else -whole
