"""WebVTT (W3C) over the sprite sheet: which rectangle shows which time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from evidence.canonical import Json


def thumbnail_track(layout: Mapping[str, Json], uri: str) -> str:
    """The cues of a "sprite" rendition's layout; `uri` is where the sheet is served."""
    known: Any = layout
    times: list[int] = known["times_us"]
    width, height, columns = known["width"], known["height"], known["columns"]
    # The last picture stands until the end; where no length is known, for as long as the one before it.
    last_step = times[-1] - times[-2] if len(times) > 1 else 1_000_000
    end = max(known["duration_us"] or times[-1] + last_step, times[-1] + 1)
    lines = ["WEBVTT", ""]
    for number, (start, until) in enumerate(pairwise([*times, end])):
        x, y = number % columns * width, number // columns * height
        lines += [f"{_clock(start)} --> {_clock(until)}", f"{uri}#xywh={x},{y},{width},{height}", ""]
    return "\n".join(lines)


def _clock(microseconds: int) -> str:
    seconds, rest = divmod(microseconds // 1000, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
