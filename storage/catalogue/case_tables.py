"""Tables of units, cases, links and of who may see them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text, UniqueConstraint

from storage.catalogue.tables import ID, metadata

units = Table(
    "units",
    metadata,
    Column("unit", String(128), primary_key=True),
    Column("parent", String(128)),
)

#: Every unit with each unit above it: what is below one is asked for in every list.
unit_above = Table(
    "unit_above",
    metadata,
    Column("above", String(128), primary_key=True),
    Column("unit", String(128), primary_key=True),
    #: 1 for the parent.
    Column("distance", BigInteger, nullable=False),
    Index("ix_unit_above_unit_distance", "unit", "distance"),
)

cases = Table(
    "cases",
    metadata,
    Column("id", ID, primary_key=True),
    Column("unit", String(128), nullable=False),
    Column("number", String(128), nullable=False),
    Column("category", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("opened_by", ForeignKey("agents.id"), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Column("restriction", String(16), nullable=False),
    Column("closed_at", BigInteger),
    Column("joined_into", ForeignKey("cases.id")),
    Column("transferred_to", Text),
    UniqueConstraint("unit", "number"),
    Index("ix_cases_unit_id", "unit", "id"),
    Index("ix_cases_opened_by_id", "opened_by", "id"),
)

case_people = Table(
    "case_people",
    metadata,
    Column("agent_id", ForeignKey("agents.id"), primary_key=True),
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("assigned_at", BigInteger, nullable=False),
    Index("ix_case_people_case_id_assigned_at", "case_id", "assigned_at"),
)

links = Table(
    "links",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("agent_id", ForeignKey("agents.id")),
    Column("made_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    Column("withdrawn_by", ForeignKey("agents.id")),
    Column("withdrawn_for", Text),
    Index("ix_links_item_id_case_id", "item_id", "case_id"),
    Index("ix_links_case_id_id", "case_id", "id"),
)

#: What an item itself is restricted to; a case's own stands in its row. `items.restriction` is what follows.
item_restrictions = Table(
    "item_restrictions",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("restriction", String(16), nullable=False),
)

#: Who is named on an item or a case; the subject is either's identifier.
named_people = Table(
    "named_people",
    metadata,
    Column("subject", ID, primary_key=True),
    Column("agent_id", ForeignKey("agents.id"), primary_key=True),
    Index("ix_named_people_agent_id_subject", "agent_id", "subject"),
)

shares = Table(
    "shares",
    metadata,
    Column("id", ID, primary_key=True),
    Column("subject_kind", String(8), nullable=False),
    Column("subject", ID, nullable=False),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("given_by", ForeignKey("agents.id"), nullable=False),
    Column("given_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("withdrawn_at", BigInteger),
    Index("ix_shares_agent_id_until", "agent_id", "until"),
)

purposes = Table(
    "purposes",
    metadata,
    Column("agent_id", ForeignKey("agents.id"), primary_key=True),
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Index("ix_purposes_item_id", "item_id"),
)
