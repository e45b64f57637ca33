"""dispatch lists"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "dispatches",
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("reference", sa.String(length=256), nullable=False),
        sa.Column("case_number", sa.String(length=128), nullable=False),
        sa.Column("officer", sa.String(length=256), nullable=True),
        sa.Column("device", sa.String(length=256), nullable=True),
        sa.Column("begins_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("imported_by", sa.String(length=36), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["imported_by"], ["agents.id"], name=op.f("fk_dispatches_imported_by")),
        sa.PrimaryKeyConstraint("unit", "reference", name=op.f("pk_dispatches")),
    )
    op.create_index("ix_dispatches_unit_begins_at", "dispatches", ["unit", "begins_at"], unique=False)
