"""Marks, reviews and samples over the wire."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import AwareDatetime, BaseModel, Field

from api.schemas import Body
from cases.marks import MarksView
from cases.reviews import ReviewsView
from cases.sampling import Asked, DrawnView, Population, SampleView
from evidence.cases import LONGEST_TEXT
from evidence.items import Category, Item
from evidence.marks import LONGEST_LABEL, Mark
from evidence.ports.reviews import Queued
from evidence.reviews import MOST_FINDINGS, Outcome, Review, Turn
from evidence.spans import Span, length_of
from evidence.timekeeping import to_text
from evidence.watched import share

#: The longest time that is asked for, milliseconds: longer than anything that can be played.
LAST_MS = 100 * 86_400_000


class SpanBody(Body):
    """A stretch, milliseconds; a moment where both are equal."""

    from_ms: int = Field(ge=0, le=LAST_MS)
    to_ms: int = Field(ge=0, le=LAST_MS)


class MarkWanted(SpanBody):
    """What is marked, in the time of the item or recording that is named in the path, and in which words."""

    label: str = Field(min_length=1, max_length=LONGEST_LABEL)
    note: str = Field("", max_length=LONGEST_TEXT)


class SpanOut(BaseModel):
    """A stretch of an item's own time; `at_ms`: where it begins on the recording that was asked for."""

    item: str
    from_ms: int
    to_ms: int
    at_ms: int | None

    @classmethod
    def of(cls, span: Span, at_ms: Mapping[Span, int]) -> SpanOut:
        """From the domain."""
        return cls(item=span.item_id, from_ms=span.from_ms, to_ms=span.to_ms, at_ms=at_ms.get(span))


class MarkOut(BaseModel):
    """A mark; one that was withdrawn says when, by whom and why."""

    id: str
    kind: str
    label: str
    note: str
    spans: list[SpanOut]
    made_by: str | None
    made_at: str
    withdrawn_at: str | None
    withdrawn_by: str | None
    withdrawn_for: str | None

    @classmethod
    def of(cls, mark: Mark, names: Mapping[str, str], at_ms: Mapping[Span, int]) -> MarkOut:
        """From the domain."""
        return cls(
            id=mark.id,
            kind=mark.kind,
            label=mark.label,
            note=mark.note,
            spans=[SpanOut.of(span, at_ms) for span in mark.spans],
            made_by=names.get(mark.agent_id),
            made_at=to_text(mark.made_at),
            withdrawn_at=None if mark.withdrawn_at is None else to_text(mark.withdrawn_at),
            withdrawn_by=None if mark.withdrawn_by is None else names.get(mark.withdrawn_by),
            withdrawn_for=mark.withdrawn_for,
        )


class MarkList(BaseModel):
    """Marks, oldest first."""

    marks: list[MarkOut]

    @classmethod
    def of(cls, view: MarksView) -> MarkList:
        """From the domain."""
        return cls(marks=[MarkOut.of(mark, view.names, view.at_ms) for mark in view.marks])


class ReviewWanted(Body):
    """What came of looking through an item."""

    outcome: Outcome
    findings: list[str] = Field(default_factory=list, max_length=MOST_FINDINGS)
    note: str = Field("", max_length=LONGEST_TEXT)


class ReviewOut(BaseModel):
    """A review, and how much of the item its author had watched by then: null of what has no length."""

    id: str
    item: str
    outcome: str
    findings: list[str]
    note: str
    covered_ms: int | None
    duration_ms: int | None
    covered_permille: int | None
    reviewed_by: str | None
    reviewed_at: str
    withdrawn_at: str | None
    withdrawn_by: str | None
    withdrawn_for: str | None

    @classmethod
    def of(cls, review: Review, names: Mapping[str, str]) -> ReviewOut:
        """From the domain."""
        watched = None
        if review.covered_ms is not None and review.length_ms is not None:
            watched = share(review.covered_ms, review.length_ms)
        return cls(
            id=review.id,
            item=review.item_id,
            outcome=review.outcome,
            findings=list(review.findings),
            note=review.note,
            covered_ms=review.covered_ms,
            duration_ms=review.length_ms,
            covered_permille=watched,
            reviewed_by=names.get(review.agent_id),
            reviewed_at=to_text(review.reviewed_at),
            withdrawn_at=None if review.withdrawn_at is None else to_text(review.withdrawn_at),
            withdrawn_by=None if review.withdrawn_by is None else names.get(review.withdrawn_by),
            withdrawn_for=review.withdrawn_for,
        )


class ReviewList(BaseModel):
    """The reviews of an item, oldest first, beside each other."""

    reviews: list[ReviewOut]

    @classmethod
    def of(cls, view: ReviewsView) -> ReviewList:
        """From the domain."""
        return cls(reviews=[ReviewOut.of(review, view.names) for review in view.reviews])


class ReviewedItem(BaseModel):
    """An item as far as lists of reviews show it."""

    id: str
    unit: str
    filename: str
    kind: str
    category: str
    officer: str | None
    received_at: str
    duration_ms: int | None

    @classmethod
    def of(cls, item: Item) -> ReviewedItem:
        """From the domain."""
        return cls(
            id=item.id,
            unit=item.unit,
            filename=item.submission.filename,
            kind=item.kind,
            category=item.submission.category,
            officer=item.submission.officer,
            received_at=to_text(item.committed_at),
            duration_ms=length_of(item),
        )


class QueuedOut(ReviewedItem):
    """An item that waits; `drawn`: it is in a sample."""

    drawn: bool


class QueuePage(BaseModel):
    """What waits for a review, drawn first, then oldest first; `next` is the cursor of the page after."""

    items: list[QueuedOut]
    next: str | None

    @classmethod
    def of(cls, page: list[Queued], following: str | None) -> QueuePage:
        """From the domain."""
        listed = [
            QueuedOut(**ReviewedItem.of(one.item).model_dump(), drawn=one.turn is Turn.DRAWN) for one in page
        ]
        return cls(items=listed, next=following)


class SampleWanted(Body):
    """What is drawn from, by when it was received (`until` excluded), and how many: `count` or `percent`."""

    unit: str | None = Field(None, max_length=128)
    since: AwareDatetime
    until: AwareDatetime | None = None
    category: Category | None = None
    kind: str | None = Field(None, max_length=16)
    count: int | None = Field(None, ge=1)
    percent: int | None = Field(None, ge=1, le=100)
    seed: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    reason: str = Field(min_length=1, max_length=LONGEST_TEXT)

    def asked(self, unit: str) -> Asked:
        """For the domain; `unit` where none is named."""
        return Asked(
            self.unit or unit,
            self.since,
            self.until,
            self.category,
            self.kind,
            self.count,
            self.percent,
            self.seed,
            self.reason,
        )


class SampleOut(BaseModel):
    """A draw as it is on record. `earlier`: those before it by the same filter whose periods meet its own."""

    id: str
    unit: str
    since: str
    until: str
    category: str | None
    kind: str | None
    seed: str
    population: int
    population_sha256: str
    count: int
    reason: str
    drawn_by: str | None
    drawn_at: str
    earlier: list[str]

    @classmethod
    def of(cls, view: SampleView) -> SampleOut:
        """From the domain."""
        sample, frame = view.sample, view.sample.frame
        return cls(
            id=sample.id,
            unit=frame.unit,
            since=to_text(frame.since),
            until=to_text(frame.until),
            category=frame.category,
            kind=frame.kind,
            seed=sample.seed,
            population=sample.size,
            population_sha256=sample.digest,
            count=sample.count,
            reason=sample.reason,
            drawn_by=view.name,
            drawn_at=to_text(sample.drawn_at),
            earlier=list(view.earlier),
        )


class SamplePage(BaseModel):
    """Draws, newest first; `next` is the cursor of the page after."""

    samples: list[SampleOut]
    next: str | None


class DrawnOut(ReviewedItem):
    """An item of a sample; `reviews`: how many stand."""

    reviews: int


class SampleDetail(SampleOut):
    """A draw and what of it one may see, in its order; `reviewed`: how many of these are reviewed."""

    items: list[DrawnOut]
    reviewed: int

    @classmethod
    def of_drawn(cls, found: DrawnView) -> SampleDetail:
        """From the domain."""
        listed = [
            DrawnOut(**ReviewedItem.of(item).model_dump(), reviews=found.reviewed.get(item.id, 0))
            for item in found.items
        ]
        return cls(
            **SampleOut.of(found.view).model_dump(),
            items=listed,
            reviewed=sum(one.reviews > 0 for one in listed),
        )


class PopulationOut(BaseModel):
    """What one sees of a sample's frame now; `same`: it is the list that was drawn from."""

    items: list[str]
    sha256: str
    same: bool

    @classmethod
    def of(cls, found: Population) -> PopulationOut:
        """From the domain."""
        return cls(items=list(found.item_ids), sha256=found.digest, same=found.same)
