"""Tables of what stands in a case file beside its links."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from storage.catalogue.tables import ID, metadata

particulars = Table(
    "particulars",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("body", Text, nullable=False),
    Column("stated_by", ForeignKey("agents.id"), nullable=False),
    Column("stated_at", BigInteger, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("text", Text, nullable=False),
    Column("written_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    Column("withdrawn_by", ForeignKey("agents.id")),
    Column("withdrawn_for", Text),
    Index("ix_notes_case_id_id", "case_id", "id"),
)

forms = Table(
    "forms",
    metadata,
    Column("unit", String(128), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("fields", Text, nullable=False),
    Column("set_by", ForeignKey("agents.id"), nullable=False),
    Column("set_at", BigInteger, nullable=False),
)

checklists = Table(
    "checklists",
    metadata,
    Column("unit", String(128), primary_key=True),
    Column("category", String(16), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("entries", Text, nullable=False),
    Column("set_by", ForeignKey("agents.id"), nullable=False),
    Column("set_at", BigInteger, nullable=False),
)

coverings = Table(
    "coverings",
    metadata,
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("covered_at", BigInteger, nullable=False),
)

excuses = Table(
    "excuses",
    metadata,
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("excused_at", BigInteger, nullable=False),
)
