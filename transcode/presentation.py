"""What was shown of a recording, and at which of its own times: the presentation map (docs/media.md).

Pure. `Times` are the presentation times of one stream's packets in ticks of its time base. Invariants of a
map: every run holds frames that lie equally far from their originals, runs ascend without overlap, and
frames on either side that have no partner are counted, never passed over.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from evidence.canonical import Json

PRESENTATION_VERSION = "custos/presentation/1"
#: Runs kept in a map; where a clock drifts at every frame, the counts still hold.
MOST_RUNS = 10_000
#: A shown time may be rounded to its own tick, and to microseconds on the way.
_TOLERANCE_US = 1_000
_FIRST_CANDIDATES = 64
_HASH = re.compile(r"(\d+),([va]),SHA256=([0-9a-f]{64})")
_TIME_BASE = re.compile(r"#tb (\d+): (\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Times:
    """`numerator`/`denominator` seconds a tick; `ticks` in the order of presentation."""

    numerator: int
    denominator: int
    ticks: Sequence[int]

    def micros(self, tick: int) -> int:
        """A tick in microseconds, rounded down."""
        return tick * self.numerator * 1_000_000 // self.denominator


def stream_hashes(text: str) -> dict[int, str]:
    """SHA-256 per stream from ffmpeg's `streamhash`; streams without packets have none."""
    return {int(found[1]): found[3] for line in text.splitlines() if (found := _HASH.fullmatch(line.strip()))}


def packet_times(lines: Iterable[str]) -> Times | None:
    """Presentation times from ffmpeg's `framecrc` of a single stream; None without a time base or packet."""
    base: tuple[int, int] | None = None
    ticks: list[int] = []
    for line in lines:
        if line.startswith("#"):
            if (found := _TIME_BASE.match(line)) is not None:
                base = int(found[2]), int(found[3])
            continue
        fields = line.split(",", 3)
        try:
            ticks.append(int(fields[2]))
        except (IndexError, ValueError):
            continue
    if base is None or not base[0] or not base[1] or not ticks:
        return None
    return Times(*base, sorted(ticks))


def shift_us(original: Times, shown: Times) -> int:
    """How far the shown times lie behind the original's: so that most frames at both ends have a partner."""
    first = [shown.micros(tick) for tick in shown.ticks[:_FIRST_CANDIDATES]]
    tried = {*first, *(shown.micros(tick) for tick in shown.ticks[-_FIRST_CANDIDATES:])}
    there = [original.micros(tick) for tick in original.ticks]

    def partners(shift: int) -> int:
        # The end as well: at a steady rate a whole frame too far fits the beginning just as well.
        return sum(_nearest(there, at + shift) is not None for at in tried)

    def places_off(shift: int) -> int:
        # A whole frame too far fits as well where the first frame was stretched: then counting decides.
        number = min(1, len(shown.ticks) - 1)
        index = _nearest(there, shown.micros(shown.ticks[number]) + shift)
        return len(there) if index is None else abs(index - number)

    # Not from the first frame alone: muxers stretch it to the beginning of the sound.
    candidates = {at - one for one in first[:3] for at in there[:_FIRST_CANDIDATES]}
    return max(sorted(candidates), key=lambda shift: (partners(shift), -places_off(shift), -abs(shift)))


def _nearest(sorted_us: Sequence[int], at_us: int, start: int = 0) -> int | None:
    """The index of the value closest to `at_us` within tolerance."""
    place = bisect_left(sorted_us, at_us, start)
    near = [index for index in (place - 1, place) if start <= index < len(sorted_us)]
    best = min(near, key=lambda index: abs(sorted_us[index] - at_us), default=None)
    return best if best is not None and abs(sorted_us[best] - at_us) <= _TOLERANCE_US else None


def matched(original: Times, shown: Times) -> dict[str, Json]:
    """The map of one stream: runs of shown frames, each with the original's presentation time.

    A run is {"shown", "original", "frames"}: ticks of the first frame on either side, in the time bases
    that stand beside it, and how many frames follow at the same distance, itself included.
    """
    partners = _partners(original, shown)
    runs: list[dict[str, Json]] = []
    last: tuple[int, Fraction] | None = None
    frames = 0
    for tick, index in zip(shown.ticks, partners, strict=True):
        if index is None:
            last = None
            continue
        distance = Fraction(original.ticks[index] * original.numerator, original.denominator) - Fraction(
            tick * shown.numerator, shown.denominator
        )
        if last is not None and index == last[0] + 1 and _same(distance, last[1]):
            frames += 1
            runs[-1]["frames"] = frames
            last = (index, last[1])
        else:
            frames = 1
            last = (index, distance)
            runs.append({"shown": tick, "original": original.ticks[index], "frames": 1})
    partnered = sum(index is not None for index in partners)
    kept: list[Json] = [*runs[:MOST_RUNS]]
    return {
        "original_time_base": [original.numerator, original.denominator],
        "shown_time_base": [shown.numerator, shown.denominator],
        "runs": kept,
        "runs_left_out": max(0, len(runs) - MOST_RUNS),
        "frames_shown": len(shown.ticks),
        "frames_original": len(original.ticks),
        "shown_without_original": len(shown.ticks) - partnered,
        "original_not_shown": len(original.ticks) - partnered,
    }


def _partners(original: Times, shown: Times) -> list[int | None]:
    """For each shown frame the index of its original.

    A frame has the original that lies where most lie. Between two that have one, as many shown frames as
    originals are paired in their order: a muxer moved them.
    """
    shift = shift_us(original, shown)
    there = [original.micros(tick) for tick in original.ticks]
    found: list[int | None] = []
    place = 0
    for tick in shown.ticks:
        index = _nearest(there, shown.micros(tick) + shift, place)
        found.append(index)
        place = place if index is None else index + 1
    gap: list[int] = []
    before = -1
    for number, index in enumerate([*found, len(there)]):
        if index is None:
            gap.append(number)
            continue
        if len(gap) == index - before - 1:
            for offset, alone in enumerate(gap):
                found[alone] = before + 1 + offset
        gap, before = [], index
    return found


def _same(one: Fraction, other: Fraction) -> bool:
    return abs(one - other) * 1_000_000 <= _TOLERANCE_US


def on_screen(stream_map: Mapping[str, Json], original: Times, shown_us: int) -> int | None:
    """The presentation time of the original's frame that is on screen at a shown time; None without any run.

    That is the last frame shown by then, never the next one, and before the first frame that one. A shown
    time that is a frame's own counts as that frame's although it was cut to whole microseconds.
    """
    runs, shown_base, original_base = (
        stream_map["runs"], stream_map["shown_time_base"], stream_map["original_time_base"],
    )  # fmt: skip
    assert isinstance(runs, list)
    assert isinstance(shown_base, list)
    assert isinstance(original_base, list)
    begun: Mapping[str, Json] | None = None
    at = (shown_us + 1) * _int(shown_base[1]) // (_int(shown_base[0]) * 1_000_000)
    for run in runs:
        assert isinstance(run, dict)
        if begun is not None and _int(run["shown"]) > at:
            break
        begun = run
    if begun is None:
        return None
    first = _int(begun["original"])
    # How many ticks of the copy one of the original's is: its frames' times were rounded to the copy's.
    ratio = Fraction(
        _int(original_base[0]) * _int(shown_base[1]), _int(original_base[1]) * _int(shown_base[0])
    )
    ticks = original.ticks
    place = bisect_right(ticks, first + (max(0, at - _int(begun["shown"])) + Fraction(1, 2)) // ratio) - 1
    # What was not shown after the run is not on screen either; of runs that were left out nothing is known.
    if begun is not runs[-1] or not stream_map["runs_left_out"]:
        place = min(place, bisect_left(ticks, first) + _int(begun["frames"]) - 1)
    return ticks[max(0, place)]


def _int(value: Json) -> int:
    assert isinstance(value, int)
    return value
