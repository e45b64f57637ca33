"""Tables of schedules and holds."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from storage.catalogue.tables import ID, metadata

schedules = Table(
    "schedules",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("rules", Text, nullable=False),
    Column("proposed_by", ForeignKey("agents.id"), nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("in_force_at", BigInteger),
)

holds = Table(
    "holds",
    metadata,
    Column("id", ID, primary_key=True),
    Column("subject_kind", String(8), nullable=False),
    Column("subject", ID, nullable=False),
    Column("reason", Text, nullable=False),
    Column("authority", Text, nullable=False),
    Column("placed_by", ForeignKey("agents.id"), nullable=False),
    Column("placed_at", BigInteger, nullable=False),
    Column("lifted_at", BigInteger),
    Column("lifted_by", ForeignKey("agents.id")),
    Column("lifted_for", Text),
    Index("ix_holds_subject_id", "subject", "id"),
)
