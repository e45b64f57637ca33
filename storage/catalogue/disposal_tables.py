"""Tables of disposal."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table, Text

from storage.catalogue.tables import ID, metadata

disposals = Table(
    "disposals",
    metadata,
    Column("id", ID, primary_key=True),
    Column("unit", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("proposed_by", ForeignKey("agents.id"), nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("approvals", Text, nullable=False),
    Column("refused_by", ForeignKey("agents.id")),
    Column("refused_at", BigInteger),
    Column("refused_for", Text),
    Column("finished_at", BigInteger),
    Column("certificate", Text),
    Index("ix_disposals_unit_id", "unit", "id"),
    Index("ix_disposals_state_id", "state", "id"),
)

#: Every item of a proposal; neither `spared` nor `tombstone`: nothing has become of it yet.
disposal_items = Table(
    "disposal_items",
    metadata,
    Column("proposal_id", ForeignKey("disposals.id"), primary_key=True),
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("spared", String(24)),
    Column("tombstone", Text),
)

disposal_times = Table(
    "disposal_times",
    metadata,
    Column("id", ID, primary_key=True),
    Column("proposal_id", ForeignKey("disposals.id"), nullable=False, index=True),
    Column("token", LargeBinary, nullable=False),
    Column("authority", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

disposal_notices = Table(
    "disposal_notices",
    metadata,
    Column("id", ID, primary_key=True),
    Column("unit", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("items", Text, nullable=False),
    Index("ix_disposal_notices_unit_id", "unit", "id"),
)
