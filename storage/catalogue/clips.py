"""Clips as they were asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, insert, select

from evidence.clips import Clip, Source
from evidence.spans import Span
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue.review_tables import clip_sources, clips


class SqlClips:
    """`evidence.ports.clips.Clips` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, clip: Clip) -> None:
        """A new clip with its sources."""
        self._connection.execute(
            insert(clips).values(
                id=clip.id, agent_id=clip.agent_id, reason=clip.reason, asked_at=to_micros(clip.asked_at)
            )
        )
        self._connection.execute(
            insert(clip_sources),
            [
                {
                    "clip_id": clip.id,
                    "number": number,
                    "item_id": source.span.item_id,
                    "from_ms": source.span.from_ms,
                    "to_ms": source.span.to_ms,
                    "at_ms": source.at_ms,
                }
                for number, source in enumerate(clip.sources)
            ],
        )

    def get(self, clip_id: str) -> Clip | None:
        """The clip of that identifier."""
        return next(iter(self._found(clips.c.id == clip_id)), None)

    def on(self, item_ids: Collection[str]) -> Sequence[Clip]:
        """Oldest first."""
        touching = select(clip_sources.c.clip_id).where(clip_sources.c.item_id.in_(item_ids))
        return self._found(clips.c.id.in_(touching))

    def _found(self, where: ColumnElement[bool]) -> Sequence[Clip]:
        rows = self._connection.execute(select(clips).where(where).order_by(clips.c.id)).mappings().all()
        sources: dict[str, list[Source]] = {row["id"]: [] for row in rows}
        for row in self._connection.execute(
            select(clip_sources)
            .where(clip_sources.c.clip_id.in_(select(clips.c.id).where(where)))
            .order_by(clip_sources.c.clip_id, clip_sources.c.number)
        ).mappings():
            span = Span(row["item_id"], row["from_ms"], row["to_ms"])
            sources[row["clip_id"]].append(Source(span, row["at_ms"]))
        return [
            Clip(
                row["id"],
                row["agent_id"],
                row["reason"],
                tuple(sources[row["id"]]),
                from_micros(row["asked_at"]),
            )
            for row in rows
        ]
