"""recordings: segments that belong together"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "recording_segments",
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("own", sa.String(length=36), nullable=False),
        sa.Column("recording_id", sa.String(length=36), nullable=False),
        sa.Column("line", sa.String(length=64), nullable=True),
        sa.Column("known", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_recording_segments_item_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_recording_segments")),
        sa.UniqueConstraint("own", name=op.f("uq_recording_segments_own")),
    )
    op.create_index(op.f("ix_recording_segments_recording_id"), "recording_segments", ["recording_id"])
    op.create_index(op.f("ix_recording_segments_line"), "recording_segments", ["line"])
    op.create_table(
        "recording_starts",
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("device", sa.String(length=256), nullable=True),
        sa.Column("zoned", sa.Boolean(), nullable=False),
        sa.Column("clock", sa.String(length=64), nullable=False),
        sa.Column("begins_us", sa.BigInteger(), nullable=False),
        sa.Column("ends_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["recording_segments.item_id"], name=op.f("fk_recording_starts_item_id")
        ),
        sa.PrimaryKeyConstraint("item_id", "number", name=op.f("pk_recording_starts")),
    )
    op.create_index("ix_recording_starts_clock_begins_us", "recording_starts", ["clock", "begins_us"])
    op.create_index("ix_recording_starts_clock_ends_us", "recording_starts", ["clock", "ends_us"])
    op.create_index(
        "ix_recording_starts_unit_device_number_begins_us",
        "recording_starts",
        ["unit", "device", "number", "begins_us"],
    )
