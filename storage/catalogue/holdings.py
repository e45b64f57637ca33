"""Items and renditions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from evidence.access import Viewer
from evidence.canonical import Json
from evidence.items import Item, Recovery, Rendition, Still
from evidence.timekeeping import to_micros
from storage.catalogue import codec
from storage.catalogue.figures import SqlFigures
from storage.catalogue.fixity import SqlFixity
from storage.catalogue.sight import newest_items, sighted, visible_items
from storage.catalogue.tables import descriptions, items, recoveries, renditions, stills


class SqlItems:
    """`evidence.ports.catalogue.Items` over SQL."""

    def __init__(self, connection: Connection, figures: SqlFigures, fixity: SqlFixity) -> None:
        self._connection = connection
        self._figures = figures
        self._fixity = fixity

    def add(self, item: Item) -> None:
        """Register an original that the store holds."""
        self._connection.execute(insert(items).values(**codec.item_values(item)))
        self._fixity.begin(item.id, item.committed_at)
        self._figures.recount([item.id])

    def get(self, item_id: str) -> Item | None:
        """The item of that identifier."""
        row = self._connection.execute(select(items).where(items.c.id == item_id)).mappings().first()
        return None if row is None else codec.item(row)

    def same_acquisition(self, *, unit: str, device: str, sha256: str) -> Item | None:
        """The first item that the same device and unit gave with the same bytes."""
        row = (
            self._connection.execute(
                select(items)
                .where(
                    items.c.sha256 == sha256,
                    items.c.device == codec.findable(device),
                    items.c.unit == unit,
                    items.c.size > 0,
                    items.c.disposed_at.is_(None),
                )
                .order_by(items.c.id)
                .limit(1)
            )
            .mappings()
            .first()
        )
        return None if row is None else codec.item(row)

    def page(
        self, viewer: Viewer, *, before: str | None, limit: int, owner: str | None = None
    ) -> Sequence[Item]:
        """Newest first."""
        conditions = [items.c.owner_id == owner] if owner is not None else []
        return newest_items(self._connection, viewer, *conditions, before=before, limit=limit)

    def seen_by(self, viewer: Viewer, item_ids: Collection[str]) -> Mapping[str, Item]:
        """Those of the items that `viewer` may see."""
        viewer = sighted(self._connection, viewer)
        rows = self._connection.execute(
            select(items).where(items.c.id.in_(item_ids), visible_items(viewer))
        ).mappings()
        return {row["id"]: codec.item(row) for row in rows}

    def set_lock(self, item_id: str, locked_until: datetime) -> None:
        """Note that the store's lock was extended."""
        self._connection.execute(
            update(items)
            .where(items.c.id == item_id)
            .values(locked_until=to_micros(locked_until), fully_locked=True)
        )

    def set_read_back(self, item_id: str, found: Mapping[str, Json]) -> None:
        """Keep the latest read-back."""
        self._connection.execute(
            update(items).where(items.c.id == item_id).values(read_back=codec.dump(found))
        )

    def set_description(self, item_id: str, found: Mapping[str, Json], summary: Mapping[str, Json]) -> None:
        """Keep the latest description, and beside the item what lists show of it."""
        self._connection.execute(delete(descriptions).where(descriptions.c.item_id == item_id))
        self._connection.execute(insert(descriptions).values(item_id=item_id, data=codec.dump(found)))
        self._connection.execute(
            update(items).where(items.c.id == item_id).values(summary=codec.dump(summary))
        )
        self._figures.recount([item_id])

    def description(self, item_id: str) -> Mapping[str, Json] | None:
        """The latest description."""
        return codec.maybe_load(
            self._connection.execute(
                select(descriptions.c.data).where(descriptions.c.item_id == item_id)
            ).scalar()
        )

    def short_locked(self, before: datetime) -> Sequence[Item]:
        """Items whose lock was never extended though they were committed before `before`."""
        rows = self._connection.execute(
            select(items).where(items.c.fully_locked.is_(False), items.c.committed_at < to_micros(before))
        ).mappings()
        return [codec.item(row) for row in rows]

    def add_still(self, still: Still) -> None:
        """Note what was asked for, once."""
        if self.still(still.id) is None:
            self._connection.execute(
                insert(stills).values(
                    id=still.id,
                    item_id=still.item_id,
                    agent_id=still.agent_id,
                    shown_us=still.shown_us,
                    asked_at=to_micros(still.asked_at),
                )
            )

    def still(self, still_id: str) -> Still | None:
        """The still of that identifier."""
        row = self._connection.execute(select(stills).where(stills.c.id == still_id)).mappings().first()
        return None if row is None else codec.still(row)

    def add_recovery(self, recovery: Recovery) -> None:
        """Note what was asked for, once."""
        if self.recovery(recovery.id) is None:
            self._connection.execute(
                insert(recoveries).values(
                    id=recovery.id,
                    item_id=recovery.item_id,
                    sibling_id=recovery.sibling_id,
                    agent_id=recovery.agent_id,
                    asked_at=to_micros(recovery.asked_at),
                )
            )

    def recovery(self, recovery_id: str) -> Recovery | None:
        """The recovery of that identifier."""
        row = (
            self._connection.execute(select(recoveries).where(recoveries.c.id == recovery_id))
            .mappings()
            .first()
        )
        return None if row is None else codec.recovery(row)

    def put_rendition(self, rendition: Rendition) -> None:
        """Insert or replace the rendition of this item and kind."""
        self._connection.execute(
            delete(renditions).where(
                renditions.c.item_id == rendition.item_id, renditions.c.kind == rendition.kind
            )
        )
        self._connection.execute(
            insert(renditions).values(
                id=rendition.id,
                item_id=rendition.item_id,
                kind=rendition.kind,
                key=rendition.key,
                media_type=rendition.media_type,
                size=rendition.size,
                sha256=rendition.sha256,
                made_at=to_micros(rendition.made_at),
                provenance=codec.dump(rendition.provenance),
                layout=codec.dump(rendition.layout),
            )
        )

    def renditions(self, item_id: str) -> Sequence[Rendition]:
        """Every rendition of the item."""
        rows = self._connection.execute(
            select(renditions).where(renditions.c.item_id == item_id).order_by(renditions.c.kind)
        ).mappings()
        return [codec.rendition(row) for row in rows]

    def renditions_of_kinds(
        self, item_ids: Sequence[str], kinds: Sequence[str]
    ) -> Mapping[tuple[str, str], Rendition]:
        """The renditions of these kinds of all of these items."""
        rows = self._connection.execute(
            select(renditions).where(renditions.c.item_id.in_(item_ids), renditions.c.kind.in_(kinds))
        ).mappings()
        return {(row["item_id"], row["kind"]): codec.rendition(row) for row in rows}

    def several(self, item_ids: Sequence[str]) -> Sequence[Item]:
        """These items in this order."""
        rows = self._connection.execute(select(items).where(items.c.id.in_(item_ids))).mappings()
        found = {row["id"]: codec.item(row) for row in rows}
        return [found[item_id] for item_id in item_ids if item_id in found]

    def renditions_of(self, item_ids: Sequence[str]) -> Mapping[str, Sequence[Rendition]]:
        """The renditions of many, by item."""
        rows = self._connection.execute(
            select(renditions)
            .where(renditions.c.item_id.in_(item_ids))
            .order_by(renditions.c.item_id, renditions.c.kind)
        ).mappings()
        found: dict[str, list[Rendition]] = {}
        for row in rows:
            found.setdefault(row["item_id"], []).append(codec.rendition(row))
        return found

    def rendition(self, item_id: str, kind: str) -> Rendition | None:
        """The rendition of that kind."""
        row = (
            self._connection.execute(
                select(renditions).where(renditions.c.item_id == item_id, renditions.c.kind == kind)
            )
            .mappings()
            .first()
        )
        return None if row is None else codec.rendition(row)

    def drop_rendition(self, rendition_id: str) -> None:
        """Forget a rendition."""
        self._connection.execute(delete(renditions).where(renditions.c.id == rendition_id))
