"""figures

What is there already is counted by the sweep, from `figure_due`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "figure_gaps",
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("device", sa.String(length=256), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holes", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("unit", "device", "day", name=op.f("pk_figure_gaps")),
    )
    op.create_table(
        "figure_gaps_due",
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("device", sa.String(length=256), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("unit", "device", "day", name=op.f("pk_figure_gaps_due")),
    )
    op.create_table(
        "figures",
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("officer", sa.String(length=256), nullable=False),
        sa.Column("device", sa.String(length=256), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("recordings", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("tagged", sa.BigInteger(), nullable=False),
        sa.Column("timed", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "unit", "agent_id", "officer", "device", "category", "kind", "day", name=op.f("pk_figures")
        ),
    )
    op.create_index("ix_figures_agent_id_day", "figures", ["agent_id", "day"], unique=False)
    op.create_index("ix_figures_unit_day", "figures", ["unit", "day"], unique=False)
    op.create_table(
        "figure_due",
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_figure_due_item_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_figure_due")),
    )
    op.create_table(
        "figure_facts",
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("officer", sa.String(length=256), nullable=False),
        sa.Column("device", sa.String(length=256), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("recordings", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("tagged", sa.BigInteger(), nullable=False),
        sa.Column("timed", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("shot_on", sa.Integer(), nullable=True),
        sa.Column("shot_until", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_figure_facts_item_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_figure_facts")),
    )
    # ### end Alembic commands ###
    op.execute("INSERT INTO figure_due (item_id) SELECT id FROM items")
