"""exports"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("matter", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=36), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=True),
        sa.Column("made", sa.Text(), nullable=True),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_exports_agent_id_agents")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    op.create_index("ix_exports_unit_id", "exports", ["unit", "id"], unique=False)
    op.create_index("ix_exports_gone_at_made_at", "exports", ["gone_at", "made_at"], unique=False)
    op.create_table(
        "export_items",
        sa.Column("export_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name=op.f("fk_export_items_export_id_exports")
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_export_items_item_id_items")),
        sa.PrimaryKeyConstraint("export_id", "number", name=op.f("pk_export_items")),
    )
    op.create_index(
        "ix_export_items_item_id_export_id", "export_items", ["item_id", "export_id"], unique=False
    )
