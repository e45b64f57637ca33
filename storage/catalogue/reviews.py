"""Reviews, the queue, and samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, case, exists, func, insert, select, tuple_, update

from evidence.access import Viewer
from evidence.agents import Restriction
from evidence.canonical import Json
from evidence.errors import Conflict
from evidence.ports.reviews import Queued
from evidence.reviews import Outcome, Review, Turn
from evidence.sampling import Frame, Sample
from evidence.timekeeping import from_micros, from_text, to_micros
from storage.catalogue import codec
from storage.catalogue.case_tables import unit_above
from storage.catalogue.figure_tables import figure_facts
from storage.catalogue.figures import SqlFigures
from storage.catalogue.review_tables import reviews, sample_items, samples
from storage.catalogue.sight import apart, listed_items, sighted
from storage.catalogue.tables import items


class SqlReviews:
    """`evidence.ports.reviews.Reviews` over SQL."""

    def __init__(self, connection: Connection, figures: SqlFigures) -> None:
        self._connection = connection
        self._figures = figures

    def add(self, review: Review) -> None:
        """A new review."""
        self._connection.execute(
            insert(reviews).values(
                id=review.id,
                item_id=review.item_id,
                agent_id=review.agent_id,
                outcome=review.outcome.value,
                findings=codec.dump(list(review.findings)),
                note=review.note,
                covered_ms=review.covered_ms,
                length_ms=review.length_ms,
                reviewed_at=to_micros(review.reviewed_at),
            )
        )
        self._follow([review.item_id])

    def get(self, review_id: str) -> Review | None:
        """The review of that identifier."""
        row = self._connection.execute(select(reviews).where(reviews.c.id == review_id)).mappings().first()
        return None if row is None else _review(row)

    def withdraw(self, review_id: str, *, at: datetime, agent_id: str, reason: str) -> None:
        """Note that it holds no longer."""
        review = self.get(review_id)
        if review is None or review.withdrawn_at is not None:
            raise Conflict("already-withdrawn", "This review was withdrawn already.")
        self._connection.execute(
            update(reviews)
            .where(reviews.c.id == review_id)
            .values(withdrawn_at=to_micros(at), withdrawn_by=agent_id, withdrawn_for=reason)
        )
        self._follow([review.item_id])

    def of(self, item_id: str) -> Sequence[Review]:
        """Withdrawn ones too, oldest first."""
        rows = self._connection.execute(
            select(reviews).where(reviews.c.item_id == item_id).order_by(reviews.c.id)
        ).mappings()
        return [_review(row) for row in rows]

    def reviewed(self, item_ids: Collection[str]) -> Mapping[str, int]:
        """How many standing reviews each item has."""
        rows = self._connection.execute(
            select(reviews.c.item_id, func.count())
            .where(reviews.c.item_id.in_(item_ids), reviews.c.withdrawn_at.is_(None))
            .group_by(reviews.c.item_id)
        )
        return {item_id: count for item_id, count in rows}  # noqa: C416  a row is no pair to the type checker

    def queue(
        self, viewer: Viewer, unit: str, *, after: tuple[Turn, str] | None, limit: int
    ) -> Sequence[Queued]:
        """What waits of the unit and of those below it, drawn first, oldest first."""
        query = (
            select(items)
            .where(
                items.c.unit.in_(self._below(unit)),
                items.c.turn < Turn.REVIEWED,
                items.c.owner_id != viewer.agent_id,
            )
            .order_by(items.c.turn, items.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(items.c.turn, items.c.id) > tuple_(int(after[0]), after[1]))
        rows = [
            row
            for part in apart(sighted(self._connection, viewer))
            for row in self._connection.execute(query.where(listed_items(part))).mappings()
        ]
        rows.sort(key=lambda row: (row["turn"], row["id"]))
        return [Queued(codec.item(row), Turn(row["turn"])) for row in rows[:limit]]

    def population(self, viewer: Viewer, frame: Frame, limit: int) -> Sequence[str]:
        """Items within the frame that `viewer` may see and that are not sealed."""
        viewer = sighted(self._connection, viewer)
        query = (
            select(items.c.id)
            .where(
                items.c.unit.in_(self._below(frame.unit)),
                items.c.committed_at >= to_micros(frame.since),
                items.c.committed_at < to_micros(frame.until),
                items.c.restriction != Restriction.SEALED.value,
                listed_items(viewer),
            )
            .limit(limit)
        )
        if frame.category is not None:
            query = query.join(figure_facts, figure_facts.c.item_id == items.c.id).where(
                figure_facts.c.category == frame.category
            )
        if frame.kind is not None:
            query = query.where(items.c.kind == frame.kind)
        return sorted(self._connection.execute(query).scalars())

    def draw(self, sample: Sample, item_ids: Sequence[str]) -> None:
        """Note the draw, and put what was drawn and is not reviewed at the queue's head."""
        self._connection.execute(
            insert(samples).values(
                id=sample.id,
                unit=sample.frame.unit,
                frame=codec.dump(sample.frame.as_json()),
                filter_digest=sample.frame.filter_digest,
                seed=sample.seed,
                size=sample.size,
                digest=sample.digest,
                count=sample.count,
                reason=sample.reason,
                drawn_by=sample.drawn_by,
                drawn_at=to_micros(sample.drawn_at),
            )
        )
        if item_ids:
            self._connection.execute(
                insert(sample_items),
                [
                    {"sample_id": sample.id, "number": number, "item_id": item_id}
                    for number, item_id in enumerate(item_ids)
                ],
            )
        self._follow(item_ids)

    def sample(self, sample_id: str) -> Sample | None:
        """The draw of that identifier."""
        row = self._connection.execute(select(samples).where(samples.c.id == sample_id)).mappings().first()
        return None if row is None else _sample(row)

    def drawn(self, sample_id: str) -> Sequence[str]:
        """In the order in which they were drawn."""
        rows = self._connection.execute(
            select(sample_items.c.item_id)
            .where(sample_items.c.sample_id == sample_id)
            .order_by(sample_items.c.number)
        )
        return list(rows.scalars())

    def samples(self, unit: str, *, before: str | None, limit: int) -> Sequence[Sample]:
        """Newest first."""
        query = (
            select(samples)
            .where(samples.c.unit.in_(self._below(unit)))
            .order_by(samples.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(samples.c.id < before)
        return [_sample(row) for row in self._connection.execute(query).mappings()]

    def again(self, filters: Collection[str]) -> Sequence[Sample]:
        """Every draw by one of these filters' digests, oldest first."""
        rows = self._connection.execute(
            select(samples).where(samples.c.filter_digest.in_(filters)).order_by(samples.c.id)
        ).mappings()
        return [_sample(row) for row in rows]

    def _below(self, unit: str) -> Sequence[str]:
        below = select(unit_above.c.unit).where(unit_above.c.above == unit).order_by(unit_above.c.unit)
        return [unit, *self._connection.execute(below).scalars()]

    def _follow(self, item_ids: Sequence[str]) -> None:
        """Bring the items' turn up to date, and their figures."""
        stands = exists().where(reviews.c.item_id == items.c.id, reviews.c.withdrawn_at.is_(None))
        is_drawn = exists().where(sample_items.c.item_id == items.c.id)
        turn = case((stands, int(Turn.REVIEWED)), (is_drawn, int(Turn.DRAWN)), else_=int(Turn.WAITING))
        self._connection.execute(update(items).where(items.c.id.in_(item_ids)).values(turn=turn))
        self._figures.recount(item_ids)


def _review(row: RowMapping) -> Review:
    return Review(
        row["id"],
        row["item_id"],
        row["agent_id"],
        Outcome(row["outcome"]),
        tuple(codec.load_list(row["findings"])),
        row["note"],
        row["covered_ms"],
        row["length_ms"],
        from_micros(row["reviewed_at"]),
        codec.maybe_time(row["withdrawn_at"]),
        row["withdrawn_by"],
        row["withdrawn_for"],
    )


def _sample(row: RowMapping) -> Sample:
    return Sample(
        row["id"],
        _frame(codec.load(row["frame"])),
        row["seed"],
        row["size"],
        row["digest"],
        row["count"],
        row["drawn_by"],
        from_micros(row["drawn_at"]),
        row["reason"],
    )


def _frame(said: Mapping[str, Json]) -> Frame:
    plain: dict[str, Any] = dict(said)
    plain |= {name: from_text(plain[name]) for name in ("since", "until")}
    return Frame(**plain)
