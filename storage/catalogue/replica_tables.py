"""Copies in other stores. They share the metadata of `storage.catalogue.tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from storage.catalogue.tables import metadata

replica_copies = Table(
    "replica_copies",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("replica", String(64), primary_key=True),
    Column("version", Text, nullable=False),
    Column("proven_at", BigInteger, nullable=False),
    Column("method", String(16), nullable=False),
    Index("ix_replica_copies_replica", "replica"),
)

__all__ = ["metadata", "replica_copies"]
