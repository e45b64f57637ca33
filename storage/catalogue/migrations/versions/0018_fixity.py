"""fixity audits

What is there already counts as last looked at when it was committed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "audits",
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("proven_at", sa.BigInteger(), nullable=False),
        sa.Column("audited_at", sa.BigInteger(), nullable=True),
        sa.Column("method", sa.String(length=16), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("failing", sa.Text(), server_default="[]", nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_audits_item_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_audits")),
    )
    op.create_index("ix_audits_seen_at_item_id", "audits", ["seen_at", "item_id"], unique=False)
    for name, column, which in (
        ("ix_audits_asked_at", "asked_at", "asked_at IS NOT NULL"),
        ("ix_audits_audited_at", "audited_at", "audited_at IS NOT NULL"),
        ("ix_audits_failing", "seen_at", "outcome != 'intact'"),
    ):
        op.create_index(
            name,
            "audits",
            [column],
            unique=False,
            sqlite_where=sa.text(which),
            postgresql_where=sa.text(which),
        )
    op.create_table(
        "audit_pace",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("free_at", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_pace")),
    )
    op.execute(
        "INSERT INTO audits (item_id, seen_at, proven_at)"
        " SELECT id, committed_at, committed_at FROM items WHERE disposed_at IS NULL"
    )
