"""proposals of disposal, what became of their items, trusted times and notices"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


_OF_ITEMS_THAT_ARE_THERE = {
    "ix_items_keep_until": ["keep_until"],
    "ix_items_schedule_version_id": ["schedule_version", "id"],
    "ix_items_fully_locked_locked_until": ["fully_locked", "locked_until"],
    "ix_items_unit_links_id": ["unit", "links", "id"],
}


def _only(which: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(which), "postgresql_where": sa.text(which)}


def upgrade() -> None:
    op.create_table(
        "disposals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("proposed_by", sa.String(length=36), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("approvals", sa.Text(), nullable=False),
        sa.Column("refused_by", sa.String(length=36), nullable=True),
        sa.Column("refused_at", sa.BigInteger(), nullable=True),
        sa.Column("refused_for", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["proposed_by"], ["agents.id"], name=op.f("fk_disposals_proposed_by")),
        sa.ForeignKeyConstraint(["refused_by"], ["agents.id"], name=op.f("fk_disposals_refused_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposals")),
    )
    op.create_index("ix_disposals_unit_id", "disposals", ["unit", "id"], unique=False)
    op.create_index("ix_disposals_state_id", "disposals", ["state", "id"], unique=False)
    op.create_table(
        "disposal_items",
        sa.Column("proposal_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("spared", sa.String(length=24), nullable=True),
        sa.Column("tombstone", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_disposal_items_item_id")),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["disposals.id"], name=op.f("fk_disposal_items_proposal_id")
        ),
        sa.PrimaryKeyConstraint("proposal_id", "item_id", name=op.f("pk_disposal_items")),
    )
    op.create_table(
        "disposal_times",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("proposal_id", sa.String(length=36), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["disposals.id"], name=op.f("fk_disposal_times_proposal_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposal_times")),
    )
    op.create_index(op.f("ix_disposal_times_proposal_id"), "disposal_times", ["proposal_id"], unique=False)
    op.create_table(
        "disposal_notices",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposal_notices")),
    )
    op.create_index("ix_disposal_notices_unit_id", "disposal_notices", ["unit", "id"], unique=False)
    op.add_column("items", sa.Column("disposed_at", sa.BigInteger(), nullable=True))
    op.add_column("items", sa.Column("disposed_in", sa.String(length=36), nullable=True))
    op.add_column("items", sa.Column("store_held", sa.Boolean(), server_default="0", nullable=False))
    for name, columns in _OF_ITEMS_THAT_ARE_THERE.items():
        op.drop_index(name, table_name="items")
        op.create_index(name, "items", columns, unique=False, **_only("disposed_at IS NULL"))
    op.create_index("ix_items_untold_holds", "items", ["id"], unique=False, **_only("held != store_held"))
    op.create_index("ix_stills_item_id", "stills", ["item_id"], unique=False)
    op.create_index("ix_recoveries_item_id", "recoveries", ["item_id"], unique=False)
    op.create_index("ix_purposes_item_id", "purposes", ["item_id"], unique=False)
    op.create_index("ix_alarms_subject", "alarms", ["subject"], unique=False)
