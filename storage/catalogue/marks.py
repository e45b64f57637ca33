"""Marks on items and recordings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, exists, insert, select, update

from evidence.agents import Restriction
from evidence.errors import Conflict
from evidence.marks import Mark, MarkKind
from evidence.spans import Span
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue import codec
from storage.catalogue.review_tables import mark_spans, marks
from storage.catalogue.tables import items


class SqlMarks:
    """`evidence.ports.marks.Marks` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, mark: Mark) -> None:
        """A new mark with its spans."""
        self._connection.execute(
            insert(marks).values(
                id=mark.id,
                agent_id=mark.agent_id,
                kind=mark.kind.value,
                label=mark.label,
                note=mark.note,
                made_at=to_micros(mark.made_at),
            )
        )
        self._connection.execute(
            insert(mark_spans),
            [
                {
                    "mark_id": mark.id,
                    "number": number,
                    "item_id": span.item_id,
                    "from_ms": span.from_ms,
                    "to_ms": span.to_ms,
                }
                for number, span in enumerate(mark.spans)
            ],
        )

    def get(self, mark_id: str) -> Mark | None:
        """The mark of that identifier."""
        return next(iter(self._found(marks.c.id == mark_id)), None)

    def withdraw(self, mark_id: str, *, at: datetime, agent_id: str, reason: str) -> None:
        """Note that it holds no longer."""
        done = self._connection.execute(
            update(marks)
            .where(marks.c.id == mark_id, marks.c.withdrawn_at.is_(None))
            .values(withdrawn_at=to_micros(at), withdrawn_by=agent_id, withdrawn_for=reason)
        )
        if not done.rowcount:
            raise Conflict("already-withdrawn", "This mark was withdrawn already.")

    def on(self, item_ids: Collection[str]) -> Sequence[Mark]:
        """Withdrawn ones too, oldest first."""
        return self._found(marks.c.id.in_(_touching(item_ids)))

    def words(self, item_id: str) -> Sequence[str]:
        """Of what is not withdrawn, and of which no other item is sealed."""
        its = mark_spans.alias()
        sealed = exists().where(
            its.c.mark_id == marks.c.id,
            its.c.item_id != item_id,
            items.c.id == its.c.item_id,
            items.c.restriction == Restriction.SEALED.value,
        )
        rows = self._connection.execute(
            select(marks.c.label, marks.c.note)
            .where(marks.c.id.in_(_touching([item_id])), marks.c.withdrawn_at.is_(None), ~sealed)
            .order_by(marks.c.id)
        )
        return [text for row in rows for text in row if text]

    def beside(self, item_ids: Collection[str]) -> Sequence[str]:
        """Other items that have a mark in common with one of these."""
        rows = self._connection.execute(
            select(mark_spans.c.item_id)
            .distinct()
            .where(mark_spans.c.mark_id.in_(_touching(item_ids)), mark_spans.c.item_id.not_in(item_ids))
            .order_by(mark_spans.c.item_id)
        )
        return list(rows.scalars())

    def _found(self, where: ColumnElement[bool]) -> Sequence[Mark]:
        rows = self._connection.execute(select(marks).where(where).order_by(marks.c.id)).mappings().all()
        spans: dict[str, list[Span]] = {row["id"]: [] for row in rows}
        for row in self._connection.execute(
            select(mark_spans)
            .where(mark_spans.c.mark_id.in_(select(marks.c.id).where(where)))
            .order_by(mark_spans.c.mark_id, mark_spans.c.number)
        ).mappings():
            spans[row["mark_id"]].append(Span(row["item_id"], row["from_ms"], row["to_ms"]))
        return [
            Mark(
                row["id"],
                row["agent_id"],
                MarkKind(row["kind"]),
                row["label"],
                row["note"],
                tuple(spans[row["id"]]),
                from_micros(row["made_at"]),
                codec.maybe_time(row["withdrawn_at"]),
                row["withdrawn_by"],
                row["withdrawn_for"],
            )
            for row in rows
        ]


def _touching(item_ids: Collection[str]) -> Select[str]:
    return select(mark_spans.c.mark_id).where(mark_spans.c.item_id.in_(item_ids))
