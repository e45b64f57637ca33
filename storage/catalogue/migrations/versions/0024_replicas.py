"""copies of originals in other stores"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "replica_copies",
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("replica", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("proven_at", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_replica_copies_item_id")),
        sa.PrimaryKeyConstraint("item_id", "replica", name=op.f("pk_replica_copies")),
    )
    op.create_index("ix_replica_copies_replica", "replica_copies", ["replica"], unique=False)
