"""asked for: stills and recoveries; and when work began, so that what is left can be told"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "stills",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("shown_us", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_stills_agent_id")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_stills_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stills")),
    )
    op.create_table(
        "recoveries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("sibling_id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_recoveries_agent_id")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_recoveries_item_id")),
        sa.ForeignKeyConstraint(["sibling_id"], ["items.id"], name=op.f("fk_recoveries_sibling_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recoveries")),
    )
    op.add_column("jobs", sa.Column("started_at", sa.BigInteger(), nullable=True))
