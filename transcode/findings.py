"""What ffmpeg's filters printed while a recording went by, as marks on its time line.

Pure. The filters write `metadata=mode=print` files: a line with the frame's time, then one `key=value` line.
Invariants: times are whole microseconds from the start of the recording as ffmpeg decodes it, ascending and
inside the length where that is known; whatever cannot be read is left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from itertools import pairwise

from evidence.canonical import Json

ANALYSIS_VERSION = "custos/analysis/1"
#: Marks of one kind that are kept; a recording with more is one long disturbance.
MOST_MARKS = 2_000
PEAK_HIGHEST = 255
#: Encoders put this much before the first sound.
_FIRST_SOUND_US = 100_000
_LONGEST_US = 100 * 86_400 * 1_000_000
#: What ebur128 says before it has heard anything.
_NOTHING_HEARD = Decimal(-70)


@dataclass(frozen=True, slots=True)
class Printed:
    """One printed value and the time of the frame that it stood on."""

    at_us: int
    value: str


def microseconds(seconds: str) -> int | None:
    """A filter's "12.345" as 12,345,000; None for what is no time in a recording."""
    try:
        exact = Decimal(seconds) * 1_000_000
        return int(exact) if 0 <= exact <= _LONGEST_US else None
    except (DecimalException, ValueError, OverflowError):
        return None


def printed(text: str) -> Iterator[Printed]:
    """The values in one file, each with its frame's time; a frame without a sane time is passed over."""
    at_us: int | None = None
    for line in text.splitlines():
        if line.startswith("frame:"):
            at_us = microseconds(line.rpartition("pts_time:")[2].strip())
        elif at_us is not None and "=" in line:
            yield Printed(at_us, line.partition("=")[2].strip())


def moments(text: str) -> list[int]:
    """Times that were themselves the printed values, ascending, none twice."""
    found = {at for one in printed(text) if (at := microseconds(one.value)) is not None}
    return sorted(found)[:MOST_MARKS]


def stretches(starts: str, ends: str, length_us: int | None) -> list[list[int]]:
    """[start, end) pairs from two files; what was still going on at the end lasts until the end."""
    begun, over = moments(starts), moments(ends)
    pairs: list[list[int]] = []
    for at, following in pairwise([*begun, None]):
        if at is None:
            continue
        end = next((end for end in over if end > at and (following is None or end <= following)), None)
        end = length_us if end is None and following is None else end
        if end is not None and end > at:
            pairs.append([at, end])
    return pairs


def peaks(text: str, window_us: int, length_us: int | None) -> list[int]:
    """The highest amplitude of each window, 0 to `PEAK_HIGHEST` of full scale; silence where nothing is."""
    heights: dict[int, int] = {}
    for one in printed(text):
        heights[one.at_us // window_us] = max(heights.get(one.at_us // window_us, 0), _height(one.value))
    count = max(heights, default=-1) + 1
    if length_us is not None:
        count = min(count, length_us // window_us + 1)
    return [heights.get(number, 0) for number in range(count)]


def _height(decibels: str) -> int:
    try:
        level = float(decibels)
    except ValueError:
        return 0
    return min(PEAK_HIGHEST, round(PEAK_HIGHEST * 10 ** (min(level, 0) / 20))) if level > -200 else 0


def loudness(text: str) -> str | None:
    """The integrated loudness in LUFS (EBU R 128) as it was printed last; None where nothing was heard."""
    last = None
    for one in printed(text):
        last = one.value
    try:
        return last if last is not None and Decimal(last) > _NOTHING_HEARD else None
    except DecimalException:
        return None


def analysis(
    files: Mapping[str, str], *, every_frame: bool, window_us: int, length_us: int | None
) -> dict[str, Json]:
    """Everything found, as the rendition "analysis" holds it (docs/media.md).

    `files` are the printed files by the names of `transcode.graphs`; a kind whose file is absent is None:
    it was not looked for.
    """

    def pairs(kind: str) -> list[list[int]] | None:
        if f"{kind}-starts" not in files:
            return None
        return stretches(files[f"{kind}-starts"], files.get(f"{kind}-ends", ""), length_us)

    found: dict[str, Json] = {"v": ANALYSIS_VERSION, "pictures_from": None, "peaks": None}
    if "scenes" in files:
        found["pictures_from"] = "every frame" if every_frame else "keyframes"
    found["scenes_us"] = _ints(moments(files["scenes"])) if "scenes" in files else None
    for kind in ("black", "freeze", "silence"):
        stretched = pairs(kind)
        found[f"{kind}_us"] = None if stretched is None else [_ints(pair) for pair in stretched]
    found["loudness_lufs"] = loudness(files["loudness"]) if "loudness" in files else None
    if "peaks" in files:
        found["peaks"] = {
            "window_us": window_us,
            "highest": PEAK_HIGHEST,
            "values": _ints(peaks(files["peaks"], window_us, length_us)),
        }
    return found


def silent_until(found: Mapping[str, Json]) -> int | None:
    """How far the recording of this analysis is silent from its beginning; None where nobody listened."""
    silence = found["silence_us"]
    if not isinstance(silence, list):
        return None
    for pair in silence[:1]:
        if isinstance(pair, list) and isinstance(pair[0], int) and isinstance(pair[1], int):
            return pair[1] if pair[0] <= _FIRST_SOUND_US else 0
    return 0


def _ints(values: Iterable[int]) -> list[Json]:
    return [*values]
