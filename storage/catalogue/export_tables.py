"""Tables of exports."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from storage.catalogue.tables import ID, metadata

#: `wanted` is what was asked for, `made` what came of it (its token in base64), null before.
exports = Table(
    "exports",
    metadata,
    Column("id", ID, primary_key=True),
    Column("unit", String(128), nullable=False),
    Column("matter", String(16), nullable=False),
    Column("subject", ID, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("agent_id", ForeignKey("agents.id", name="fk_exports_agent_id_agents"), nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("event_id", ID, nullable=False),
    Column("made_at", BigInteger),
    Column("made", Text),
    Column("gone_at", BigInteger),
    Index("ix_exports_unit_id", "unit", "id"),
    Index("ix_exports_gone_at_made_at", "gone_at", "made_at"),
)

export_items = Table(
    "export_items",
    metadata,
    Column("export_id", ForeignKey("exports.id", name="fk_export_items_export_id_exports"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("item_id", ForeignKey("items.id", name="fk_export_items_item_id_items"), nullable=False),
    Index("ix_export_items_item_id_export_id", "item_id", "export_id"),
)
