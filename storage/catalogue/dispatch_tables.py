"""The table of dispatch lists."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from storage.catalogue.tables import metadata

dispatches = Table(
    "dispatches",
    metadata,
    Column("unit", String(128), primary_key=True),
    Column("reference", String(256), primary_key=True),
    Column("case_number", String(128), nullable=False),
    Column("officer", String(256)),
    Column("device", String(256)),
    Column("begins_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("category", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("imported_by", ForeignKey("agents.id"), nullable=False),
    Column("imported_at", BigInteger, nullable=False),
    Index("ix_dispatches_unit_begins_at", "unit", "begins_at"),
)
