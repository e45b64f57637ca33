"""schedules, holds, and until when each item is kept"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("subject_kind", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.String(length=36), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.Column("lifted_by", sa.String(length=36), nullable=True),
        sa.Column("lifted_for", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["lifted_by"], ["agents.id"], name=op.f("fk_holds_lifted_by")),
        sa.ForeignKeyConstraint(["placed_by"], ["agents.id"], name=op.f("fk_holds_placed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index("ix_holds_subject_id", "holds", ["subject", "id"], unique=False)
    op.create_table(
        "schedules",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.String(length=36), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("in_force_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["proposed_by"], ["agents.id"], name=op.f("fk_schedules_proposed_by")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_schedules")),
    )
    op.add_column("items", sa.Column("keep_until", sa.BigInteger(), nullable=True))
    op.add_column("items", sa.Column("keep_basis", sa.Text(), server_default="", nullable=False))
    op.add_column("items", sa.Column("schedule_version", sa.Integer(), server_default="0", nullable=False))
    op.add_column("items", sa.Column("held", sa.Boolean(), server_default="0", nullable=False))
    op.create_index(
        "ix_items_fully_locked_locked_until", "items", ["fully_locked", "locked_until"], unique=False
    )
    op.create_index("ix_items_keep_until", "items", ["keep_until"], unique=False)
    op.create_index("ix_items_schedule_version_id", "items", ["schedule_version", "id"], unique=False)
