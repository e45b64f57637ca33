"""Playback sessions and clips over the wire."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from api.review_schemas import LAST_MS, SpanBody
from api.schemas import Body, JobOut
from evidence.cases import LONGEST_TEXT
from evidence.clips import apart_ms
from evidence.spans import Span, length_of
from evidence.timekeeping import to_text
from evidence.watched import Coverage
from retrieval.clips import ClipView
from retrieval.playbacks import Opened, WatchedBy, WatchedItem

_MOST_TOLD = 500


class PlaybackWanted(Body):
    """What is played: an item or a recording; and what for, where it is restricted."""

    item: str | None = None
    recording: str | None = None
    purpose: str | None = Field(None, min_length=1, max_length=LONGEST_TEXT)


class PlayedOut(BaseModel):
    """An item of a session; `at_ms`: where it lies on the recording's time."""

    item: str
    duration_ms: int | None
    at_ms: int | None


class PlaybackOut(BaseModel):
    """A session as it was opened."""

    id: str
    items: list[PlayedOut]

    @classmethod
    def of(cls, opened: Opened) -> PlaybackOut:
        """From the domain."""
        items = [
            PlayedOut(item=item.id, duration_ms=length_of(item), at_ms=opened.at_ms.get(item.id))
            for item in opened.items
        ]
        return cls(id=opened.playback.id, items=items)


class ShownBody(Body):
    """What the player showed of an item, in its own time."""

    item: str
    from_ms: int = Field(ge=0, le=LAST_MS)
    to_ms: int = Field(ge=0, le=LAST_MS)


class WatchedWanted(Body):
    """What the player says that it showed."""

    spans: list[ShownBody] = Field(min_length=1, max_length=_MOST_TOLD)

    def told(self) -> list[Span]:
        """For the domain."""
        return [Span(one.item, one.from_ms, one.to_ms) for one in self.spans]


class CoverageOut(BaseModel):
    """What of an item was watched, as a union of half-open ranges of its own time."""

    item: str
    ranges_ms: list[tuple[int, int]]
    covered_ms: int
    duration_ms: int
    covered_permille: int

    @classmethod
    def of(cls, coverage: Coverage) -> CoverageOut:
        """From the domain."""
        return cls(
            item=coverage.item_id,
            ranges_ms=list(coverage.ranges),
            covered_ms=coverage.covered_ms,
            duration_ms=coverage.length_ms,
            covered_permille=coverage.permille,
        )


class SessionOut(BaseModel):
    """What a session has of the items that were told of; `said_by`: it is the player's word."""

    said_by: str = "player"
    watched: list[CoverageOut]

    @classmethod
    def of(cls, coverages: Sequence[Coverage]) -> SessionOut:
        """From the domain."""
        return cls(watched=[CoverageOut.of(one) for one in coverages])


class WatchedItemOut(CoverageOut):
    """Beside the player's word how much of the playable copy the server has sent them, null without one."""

    sent_permille: int | None

    @classmethod
    def of_watched(cls, found: WatchedItem) -> WatchedItemOut:
        """From the domain."""
        return cls(**CoverageOut.of(found.coverage).model_dump(), sent_permille=found.sent_permille)


class WatchedByOut(BaseModel):
    """What one person watched, and the share of the whole."""

    agent: str
    name: str | None
    covered_ms: int
    duration_ms: int
    covered_permille: int
    last_at: str | None
    items: list[WatchedItemOut]

    @classmethod
    def of(cls, found: WatchedBy) -> WatchedByOut:
        """From the domain."""
        return cls(
            agent=found.agent_id,
            name=found.name,
            covered_ms=found.covered_ms,
            duration_ms=found.length_ms,
            covered_permille=found.permille,
            last_at=None if found.last_at is None else to_text(found.last_at),
            items=[WatchedItemOut.of_watched(one) for one in found.items],
        )


class WatchedList(BaseModel):
    """What each person watched, most first. Ranges are their players' word, `sent_permille` the server's."""

    said_by: str = "player"
    people: list[WatchedByOut]

    @classmethod
    def of(cls, found: Sequence[WatchedBy]) -> WatchedList:
        """From the domain."""
        return cls(people=[WatchedByOut.of(one) for one in found])


class ClipWanted(SpanBody):
    """A stretch of the time of the item or recording that is named in the path, and why it is cut."""

    reason: str = Field(min_length=1, max_length=LONGEST_TEXT)


class SourceOut(BaseModel):
    """A stretch of an item's own time; `at_ms`: where it begins on the time that was asked on."""

    item: str
    from_ms: int
    to_ms: int
    at_ms: int


class MadeClip(BaseModel):
    """What was made: its layout cites the digest of each source and the first and last frame taken of it."""

    path: str
    sha256: str
    size: int
    made_at: str
    layout: dict[str, object]


class ClipOut(BaseModel):
    """A clip. `apart_ms`: what lies between each two sources and is left out; negative: shown twice."""

    id: str
    item: str
    sources: list[SourceOut]
    apart_ms: list[int]
    reason: str
    asked_by: str | None
    asked_at: str
    job: JobOut | None
    made: MadeClip | None

    @classmethod
    def of(cls, view: ClipView) -> ClipOut:
        """From the domain."""
        clip, rendition = view.clip, view.rendition
        made = None
        if rendition is not None:
            made = MadeClip(
                path=f"/clips/{clip.id}/clip.mp4",
                sha256=rendition.sha256,
                size=rendition.size,
                made_at=to_text(rendition.made_at),
                layout=dict(rendition.layout),
            )
        sources = [
            SourceOut(item=one.span.item_id, from_ms=one.span.from_ms, to_ms=one.span.to_ms, at_ms=one.at_ms)
            for one in clip.sources
        ]
        return cls(
            id=clip.id,
            item=clip.item_id,
            sources=sources,
            apart_ms=list(apart_ms(clip.sources)),
            reason=clip.reason,
            asked_by=view.name,
            asked_at=to_text(clip.asked_at),
            job=None if view.job is None else JobOut.of(view.job),
            made=made,
        )


class ClipList(BaseModel):
    """Clips, oldest first."""

    clips: list[ClipOut]

    @classmethod
    def of(cls, views: Sequence[ClipView]) -> ClipList:
        """From the domain."""
        return cls(clips=[ClipOut.of(view) for view in views])
