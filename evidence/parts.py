"""A long recording made playable in parts: what each part is, and how far it has come. Pure.

Part 0 is the sound, whole: cut sound clicks. The others are stretches of the picture, numbered from 1 in
the order of time; each begins at a keyframe, and each frame belongs to one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from evidence.canonical import Json

SOUND = 0
#: Permille of the way at which all parts are there; the rest is joining them.
ALL_MADE = 950
#: How long parts are kept once the recording is whole.
PARTS_KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of an item, half-open, in microseconds of the time at which it is shown.

    `how` is what whoever planned it has to know again to make it. `given_up` says why it cannot be made.
    """

    id: str
    item_id: str
    number: int
    begins_us: int
    ends_us: int
    how: Mapping[str, Json]
    made_at: datetime | None = None
    given_up: str | None = None

    @property
    def kind(self) -> str:
        """The kind of the rendition that holds it."""
        return part_kind(self.number)


def part_kind(number: int) -> str:
    """The kind of the rendition of part `number`."""
    return f"part-{number}"


def is_settled(parts: Sequence[Part]) -> bool:
    """Whether nothing is left to wait for: all are made, or one cannot be."""
    return all(part.made_at for part in parts) or any(part.given_up is not None for part in parts)


def progress(parts: Sequence[Part]) -> int:
    """How far all are together, in permille of the whole way."""
    return ALL_MADE * sum(part.made_at is not None for part in parts) // max(1, len(parts))


def playable_parts(parts: Sequence[Part]) -> Sequence[Part]:
    """What of the picture can be played by now: without a gap from its beginning, once the sound is there."""
    if any(part.number == SOUND and part.made_at is None for part in parts):
        return ()
    picture = sorted((part for part in parts if part.number != SOUND), key=lambda part: part.number)
    return tuple(takewhile(lambda part: part.made_at is not None, picture))
