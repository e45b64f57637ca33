"""Parts of long recordings that are made playable bit by bit (`evidence.parts` holds the rules)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, exists, insert, select, update

from evidence.parts import Part
from evidence.timekeeping import to_micros
from storage.catalogue import codec
from storage.catalogue.tables import parts, renditions


class SqlParts:
    """`evidence.ports.catalogue.Parts` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def plan(self, planned: Sequence[Part]) -> None:
        """Note the parts of one item, once."""
        if not planned or self.of_item(planned[0].item_id):
            return
        self._connection.execute(
            insert(parts),
            [
                {
                    "id": part.id,
                    "item_id": part.item_id,
                    "number": part.number,
                    "begins_us": part.begins_us,
                    "ends_us": part.ends_us,
                    "how": codec.dump(part.how),
                }
                for part in planned
            ],
        )

    def get(self, part_id: str) -> Part | None:
        """The part of that identifier."""
        row = self._connection.execute(select(parts).where(parts.c.id == part_id)).mappings().first()
        return None if row is None else codec.part(row)

    def of_item(self, item_id: str) -> Sequence[Part]:
        """The item's parts in the order of their numbers."""
        return self.of_items([item_id]).get(item_id, [])

    def of_items(self, item_ids: Sequence[str]) -> Mapping[str, Sequence[Part]]:
        """The same for many, those without parts left out."""
        rows = self._connection.execute(
            select(parts).where(parts.c.item_id.in_(item_ids)).order_by(parts.c.number)
        ).mappings()
        found: dict[str, list[Part]] = {}
        for row in rows:
            found.setdefault(row["item_id"], []).append(codec.part(row))
        return found

    def made(self, part_id: str, at: datetime) -> None:
        """Note that its rendition is there."""
        self._connection.execute(update(parts).where(parts.c.id == part_id).values(made_at=to_micros(at)))

    def give_up(self, part_id: str, reason: str) -> None:
        """Note that it cannot be made."""
        self._connection.execute(update(parts).where(parts.c.id == part_id).values(given_up=reason))

    def joined(self, before: datetime, limit: int) -> Sequence[str]:
        """Items with parts whose playable copy was made before `before`."""
        playable = exists().where(
            renditions.c.item_id == parts.c.item_id,
            renditions.c.kind == "playable",
            renditions.c.made_at < to_micros(before),
        )
        return list(
            self._connection.execute(
                select(parts.c.item_id).where(playable).distinct().limit(limit)
            ).scalars()
        )

    def forget(self, item_id: str) -> None:
        """Drop the parts of an item."""
        self._connection.execute(delete(parts).where(parts.c.item_id == item_id))
