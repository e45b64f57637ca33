"""The rows of exports."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select, update

from evidence.canonical import Json
from evidence.exports import Export, MadeExport, Matter, Profile, Wanted
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue import codec
from storage.catalogue.export_tables import export_items, exports


class SqlExports:
    """`evidence.ports.exports.Exports` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, export: Export) -> None:
        """A new export with its items."""
        self._connection.execute(
            insert(exports).values(
                id=export.id,
                unit=export.unit,
                matter=export.matter.value,
                subject=export.subject_id,
                wanted=codec.dump(_wanted_json(export.wanted)),
                agent_id=export.agent_id,
                asked_at=to_micros(export.asked_at),
                event_id=export.event_id,
            )
        )
        self._connection.execute(
            insert(export_items),
            [
                {"export_id": export.id, "number": number, "item_id": item_id}
                for number, item_id in enumerate(export.items)
            ],
        )

    def get(self, export_id: str) -> Export | None:
        """The export of that identifier."""
        return next(iter(self._found(select(exports).where(exports.c.id == export_id))), None)

    def page(self, unit: str | None, *, before: str | None, limit: int) -> Sequence[Export]:
        """Newest first."""
        query = select(exports).order_by(exports.c.id.desc()).limit(limit)
        if unit is not None:
            query = query.where(exports.c.unit == unit)
        if before is not None:
            query = query.where(exports.c.id < before)
        return self._found(query)

    def made(self, export_id: str, made: MadeExport) -> None:
        """Note what was made."""
        self._connection.execute(
            update(exports)
            .where(exports.c.id == export_id, exports.c.made_at.is_(None))
            .values(made_at=to_micros(made.at), made=codec.dump(_made_json(made)))
        )

    def with_items(self, item_ids: Collection[str]) -> Sequence[Export]:
        """Oldest first."""
        holding = select(export_items.c.export_id).where(export_items.c.item_id.in_(item_ids))
        return self._found(
            select(exports)
            .where(exports.c.id.in_(holding), exports.c.gone_at.is_(None))
            .order_by(exports.c.id)
        )

    def outdated(self, before: datetime, limit: int) -> Sequence[Export]:
        """Oldest first."""
        return self._found(
            select(exports)
            .where(exports.c.gone_at.is_(None), exports.c.made_at < to_micros(before))
            .order_by(exports.c.made_at)
            .limit(limit)
        )

    def gone(self, export_id: str, at: datetime) -> None:
        """Note that its files are gone."""
        self._connection.execute(
            update(exports)
            .where(exports.c.id == export_id, exports.c.gone_at.is_(None))
            .values(gone_at=to_micros(at))
        )

    def _found(self, query: Select[Any]) -> Sequence[Export]:
        rows = self._connection.execute(query).mappings().all()
        items: dict[str, list[str]] = {row["id"]: [] for row in rows}
        for row in self._connection.execute(
            select(export_items)
            .where(export_items.c.export_id.in_(list(items)))
            .order_by(export_items.c.export_id, export_items.c.number)
        ).mappings():
            items[row["export_id"]].append(row["item_id"])
        return [_export(row, items[row["id"]]) for row in rows]


def _export(row: RowMapping, items: Sequence[str]) -> Export:
    return Export(
        row["id"],
        row["unit"],
        Matter(row["matter"]),
        row["subject"],
        _wanted(codec.load(row["wanted"])),
        row["agent_id"],
        from_micros(row["asked_at"]),
        row["event_id"],
        tuple(items),
        None if row["made"] is None else _made(codec.load(row["made"]), from_micros(row["made_at"])),
        None if row["gone_at"] is None else from_micros(row["gone_at"]),
    )


def _wanted_json(wanted: Wanted) -> dict[str, Json]:
    return {
        "profile": wanted.profile.value,
        "reason": wanted.reason,
        "originals": wanted.originals,
        "renditions": list(wanted.renditions),
    }


def _wanted(said: Mapping[str, Any]) -> Wanted:
    return Wanted(
        Profile(said["profile"]), said["reason"], bool(said["originals"]), tuple(said["renditions"])
    )


def _made_json(made: MadeExport) -> dict[str, Json]:
    return {
        "size": made.size,
        "files": made.files,
        "keys": list(made.keys),
        "tag_digest": made.tag_digest,
        "statement": made.statement,
        "token": None if made.token is None else base64.b64encode(made.token).decode(),
        "authority": made.authority,
        "event": made.event_id,
        "lists": list(made.lists),
        "policy": made.policy,
        "self_asserted": None
        if made.self_asserted is None
        else base64.b64encode(made.self_asserted).decode(),
    }


def _made(said: Mapping[str, Any], at: datetime) -> MadeExport:
    return MadeExport(
        at,
        said["size"],
        said["files"],
        tuple(said["keys"]),
        said["tag_digest"],
        said["statement"],
        None if said["token"] is None else base64.b64decode(said["token"]),
        said["authority"],
        said["event"],
        # Exports from before the embedded authority say nothing of one.
        None if said.get("self_asserted") is None else base64.b64decode(said["self_asserted"]),
        tuple(said.get("lists", ())),
        said.get("policy"),
    )
