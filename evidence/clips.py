"""Clips 剪辑: a stretch of one or several segments in a file of its own. Pure.

Invariants: a clip cites its sources, each as a span of the item's own time; what lies between two sources is
said and not filled. Whoever reads it may play every one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from evidence.errors import Invalid
from evidence.spans import Span

LONGEST_CLIP_MS = 3_600_000
_PREFIX = "clip-"
_RANDOM = 24


@dataclass(frozen=True, slots=True)
class Source:
    """A span, and at which millisecond of the time that was asked on it begins."""

    span: Span
    at_ms: int

    @property
    def ends_ms(self) -> int:
        """Where it ends on that time."""
        return self.at_ms + self.span.to_ms - self.span.from_ms


@dataclass(frozen=True, slots=True)
class Clip:
    """What was asked for; the rendition belongs to the first source's item."""

    id: str
    agent_id: str
    reason: str
    sources: tuple[Source, ...]
    asked_at: datetime

    @property
    def item_id(self) -> str:
        """The item whose rendition it is."""
        return self.sources[0].span.item_id

    @property
    def items(self) -> tuple[str, ...]:
        """Every item that it shows something of, each once."""
        return tuple(dict.fromkeys(source.span.item_id for source in self.sources))


def clip_kind(clip_id: str) -> str:
    """What the rendition is called among those of its item: by the random part, which fits the column."""
    return f"{_PREFIX}{clip_id.replace('-', '')[-_RANDOM:]}"


def is_clip(kind: str) -> bool:
    """Whether a rendition of this kind is a clip, which is served only by its own name."""
    return kind.startswith(_PREFIX)


def checked_sources(sources: Sequence[Source]) -> tuple[Source, ...]:
    """The sources; raises Invalid("bad-clip") for no length, or more than an hour."""
    length = sum(source.span.to_ms - source.span.from_ms for source in sources)
    if not 0 < length <= LONGEST_CLIP_MS:
        raise Invalid("bad-clip", "A clip is longer than nothing and no longer than an hour.")
    return tuple(sources)


def apart_ms(sources: Sequence[Source]) -> tuple[int, ...]:
    """Between each two that follow each other, how much lies between; negative where both show the same."""
    return tuple(after.at_ms - before.ends_ms for before, after in pairwise(sources))
