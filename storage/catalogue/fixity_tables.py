"""The tables of fixity audits. They share the metadata of `storage.catalogue.tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, text

from storage.catalogue.tables import metadata

_ASKED = text("asked_at IS NOT NULL")
_AUDITED = text("audited_at IS NOT NULL")
_FAILING = text("outcome != 'intact'")

#: One row for each item that is there.
audits = Table(
    "audits",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
    Column("proven_at", BigInteger, nullable=False),
    Column("audited_at", BigInteger),
    Column("method", String(16)),
    Column("outcome", String(16)),
    Column("failing", Text, nullable=False, server_default="[]"),
    Column("asked_at", BigInteger),
    Index("ix_audits_seen_at_item_id", "seen_at", "item_id"),
    Index("ix_audits_asked_at", "asked_at", sqlite_where=_ASKED, postgresql_where=_ASKED),
    Index("ix_audits_audited_at", "audited_at", sqlite_where=_AUDITED, postgresql_where=_AUDITED),
    Index("ix_audits_failing", "seen_at", sqlite_where=_FAILING, postgresql_where=_FAILING),
)

#: One row: from when on bytes may be read again, and when a whole round was last asked for.
audit_pace = Table(
    "audit_pace",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("free_at", BigInteger),
    Column("since", BigInteger),
)
