"""units, cases, links, and who may see them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "unit_above",
        sa.Column("above", sa.String(length=128), nullable=False),
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("distance", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("above", "unit", name=op.f("pk_unit_above")),
    )
    op.create_index("ix_unit_above_unit_distance", "unit_above", ["unit", "distance"], unique=False)
    op.create_table(
        "units",
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("parent", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("unit", name=op.f("pk_units")),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("number", sa.String(length=128), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("opened_by", sa.String(length=36), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("restriction", sa.String(length=16), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("joined_into", sa.String(length=36), nullable=True),
        sa.Column("transferred_to", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["joined_into"], ["cases.id"], name=op.f("fk_cases_joined_into")),
        sa.ForeignKeyConstraint(["opened_by"], ["agents.id"], name=op.f("fk_cases_opened_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("unit", "number", name=op.f("uq_cases_unit_number")),
    )
    op.create_index("ix_cases_opened_by_id", "cases", ["opened_by", "id"], unique=False)
    op.create_index("ix_cases_unit_id", "cases", ["unit", "id"], unique=False)
    op.create_table(
        "named_people",
        sa.Column("subject", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_named_people_agent_id")),
        sa.PrimaryKeyConstraint("subject", "agent_id", name=op.f("pk_named_people")),
    )
    op.create_table(
        "shares",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("subject_kind", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("given_by", sa.String(length=36), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_shares_agent_id")),
        sa.ForeignKeyConstraint(["given_by"], ["agents.id"], name=op.f("fk_shares_given_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
    )
    op.create_index("ix_shares_agent_id_until", "shares", ["agent_id", "until"], unique=False)
    op.create_table(
        "case_people",
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_case_people_agent_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_people_case_id")),
        sa.PrimaryKeyConstraint("agent_id", "case_id", name=op.f("pk_case_people")),
    )
    op.create_index(
        "ix_case_people_case_id_assigned_at", "case_people", ["case_id", "assigned_at"], unique=False
    )
    op.create_table(
        "item_restrictions",
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("restriction", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_item_restrictions_item_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_item_restrictions")),
    )
    op.create_table(
        "links",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=36), nullable=True),
        sa.Column("withdrawn_for", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_links_agent_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_links_case_id")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_links_item_id")),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["agents.id"], name=op.f("fk_links_withdrawn_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
    )
    op.create_index("ix_links_case_id_id", "links", ["case_id", "id"], unique=False)
    op.create_index("ix_links_item_id_case_id", "links", ["item_id", "case_id"], unique=False)
    op.create_table(
        "purposes",
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_purposes_agent_id")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_purposes_item_id")),
        sa.PrimaryKeyConstraint("agent_id", "item_id", name=op.f("pk_purposes")),
    )
    op.add_column(
        "items", sa.Column("restriction", sa.String(length=16), server_default="none", nullable=False)
    )
    op.add_column("items", sa.Column("links", sa.Integer(), server_default="0", nullable=False))
    op.create_index("ix_items_unit_links_id", "items", ["unit", "links", "id"], unique=False)
    op.create_index("ix_named_people_agent_id_subject", "named_people", ["agent_id", "subject"], unique=False)
    op.create_index("ix_items_restriction_id", "items", ["restriction", "id"], unique=False)
    op.add_column("items", sa.Column("case_number", sa.Text(), nullable=True))
    op.create_index("ix_items_unit_case_number", "items", ["unit", "case_number"], unique=False)
    # Only SQLite catalogues are older than this.
    if op.get_bind().dialect.name == "sqlite":
        op.execute("UPDATE items SET case_number = json_extract(submission, '$.case')")
