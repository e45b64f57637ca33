"""Playback sessions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from evidence.ports.playbacks import Delivered, Playback, Told
from evidence.ranges import ByteRange
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue import codec
from storage.catalogue.review_tables import playback_items, playbacks
from storage.catalogue.tables import viewings


class SqlPlaybacks:
    """`evidence.ports.playbacks.Playbacks` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self, playback: Playback) -> None:
        """A new session over its items."""
        self._connection.execute(
            insert(playbacks).values(
                id=playback.id,
                agent_id=playback.agent_id,
                purpose=playback.purpose,
                opened_at=to_micros(playback.opened_at),
                touched_at=to_micros(playback.touched_at),
            )
        )
        self._connection.execute(
            insert(playback_items),
            [
                {"playback_id": playback.id, "item_id": item_id, "number": number, "ranges": _dumped(ranges)}
                for number, (item_id, ranges) in enumerate(playback.watched.items())
            ],
        )

    def get(self, playback_id: str) -> Playback | None:
        """The session of that identifier."""
        row = (
            self._connection.execute(select(playbacks).where(playbacks.c.id == playback_id))
            .mappings()
            .first()
        )
        return None if row is None else self._with_items([row])[0]

    def tell(self, playback_id: str, watched: Mapping[str, Sequence[ByteRange]], at: datetime) -> None:
        """Replace what was watched of these items."""
        for item_id, ranges in watched.items():
            self._connection.execute(
                update(playback_items)
                .where(playback_items.c.playback_id == playback_id, playback_items.c.item_id == item_id)
                .values(ranges=_dumped(ranges))
            )
        self._connection.execute(
            update(playbacks).where(playbacks.c.id == playback_id).values(touched_at=to_micros(at))
        )

    def close(self, playback_id: str, at: datetime) -> bool:
        """Mark closed, once."""
        done = self._connection.execute(
            update(playbacks)
            .where(playbacks.c.id == playback_id, playbacks.c.closed_at.is_(None))
            .values(closed_at=to_micros(at))
        )
        return bool(done.rowcount)

    def idle(self, before: datetime, after: datetime, limit: int) -> Sequence[Playback]:
        """Left open, or touched under a clock that went back since."""
        rows = self._connection.execute(
            select(playbacks)
            .where(
                playbacks.c.closed_at.is_(None),
                or_(playbacks.c.touched_at < to_micros(before), playbacks.c.touched_at > to_micros(after)),
            )
            .limit(limit)
        ).mappings()
        return self._with_items(rows.all())

    def told(self, item_ids: Collection[str], agent_id: str | None = None) -> Sequence[Told]:
        """What was watched of these items."""
        query = (
            select(
                playback_items.c.item_id,
                playbacks.c.agent_id,
                playback_items.c.ranges,
                playbacks.c.touched_at,
            )
            .join(playbacks, playbacks.c.id == playback_items.c.playback_id)
            .where(playback_items.c.item_id.in_(item_ids), playback_items.c.ranges.is_not(None))
        )
        if agent_id is not None:
            query = query.where(playbacks.c.agent_id == agent_id)
        return [
            Told(item_id, agent, _loaded(ranges), from_micros(touched_at))
            for item_id, agent, ranges, touched_at in self._connection.execute(query)
        ]

    def delivered(self, item_ids: Collection[str]) -> Sequence[Delivered]:
        """What left of these items."""
        rows = self._connection.execute(
            select(viewings.c.item_id, viewings.c.agent_id, viewings.c.content, viewings.c.sent).where(
                viewings.c.item_id.in_(item_ids), viewings.c.sent.is_not(None)
            )
        )
        return [
            Delivered(item_id, agent, content, _pairs(codec.load(sent)["ranges"]))
            for item_id, agent, content, sent in rows
        ]

    def _with_items(self, rows: Sequence[RowMapping]) -> list[Playback]:
        if not rows:
            return []
        watched: dict[str, dict[str, Sequence[ByteRange]]] = {row["id"]: {} for row in rows}
        for playback_id, item_id, ranges in self._connection.execute(
            select(playback_items.c.playback_id, playback_items.c.item_id, playback_items.c.ranges)
            .where(playback_items.c.playback_id.in_(list(watched)))
            .order_by(playback_items.c.playback_id, playback_items.c.number)
        ):
            watched[playback_id][item_id] = _loaded(ranges)
        return [
            Playback(
                row["id"],
                row["agent_id"],
                row["purpose"],
                from_micros(row["opened_at"]),
                from_micros(row["touched_at"]),
                watched[row["id"]],
                codec.maybe_time(row["closed_at"]),
            )
            for row in rows
        ]


def _dumped(ranges: Sequence[ByteRange]) -> str | None:
    return codec.dump([list(one) for one in ranges]) if ranges else None


def _loaded(text: str | None) -> Sequence[ByteRange]:
    return () if text is None else _pairs(codec.load_list(text))


def _pairs(listed: Any) -> Sequence[ByteRange]:
    return [(begins, ends) for begins, ends in listed]
