"""marks, playback sessions, clips, reviews and samples

Nothing is reviewed yet, so that what was counted stays right.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "clips",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_clips_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clips")),
    )
    op.create_table(
        "marks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=36), nullable=True),
        sa.Column("withdrawn_for", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_marks_agent_id")),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["agents.id"], name=op.f("fk_marks_withdrawn_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marks")),
    )
    op.create_table(
        "playbacks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_playbacks_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_playbacks")),
    )
    op.create_index(
        "ix_playbacks_closed_at_touched_at", "playbacks", ["closed_at", "touched_at"], unique=False
    )
    op.create_table(
        "samples",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("frame", sa.Text(), nullable=False),
        sa.Column("filter_digest", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("drawn_by", sa.String(length=36), nullable=False),
        sa.Column("drawn_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["drawn_by"], ["agents.id"], name=op.f("fk_samples_drawn_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
    )
    op.create_index("ix_samples_filter_digest_id", "samples", ["filter_digest", "id"], unique=False)
    op.create_index("ix_samples_unit_id", "samples", ["unit", "id"], unique=False)
    op.create_table(
        "clip_sources",
        sa.Column("clip_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["clip_id"], ["clips.id"], name=op.f("fk_clip_sources_clip_id")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_clip_sources_item_id")),
        sa.PrimaryKeyConstraint("clip_id", "number", name=op.f("pk_clip_sources")),
    )
    op.create_index("ix_clip_sources_item_id_clip_id", "clip_sources", ["item_id", "clip_id"], unique=False)
    op.create_table(
        "mark_spans",
        sa.Column("mark_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_mark_spans_item_id")),
        sa.ForeignKeyConstraint(["mark_id"], ["marks.id"], name=op.f("fk_mark_spans_mark_id")),
        sa.PrimaryKeyConstraint("mark_id", "number", name=op.f("pk_mark_spans")),
    )
    op.create_index("ix_mark_spans_item_id_mark_id", "mark_spans", ["item_id", "mark_id"], unique=False)
    op.create_table(
        "playback_items",
        sa.Column("playback_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("ranges", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_playback_items_item_id")),
        sa.ForeignKeyConstraint(
            ["playback_id"], ["playbacks.id"], name=op.f("fk_playback_items_playback_id")
        ),
        sa.PrimaryKeyConstraint("playback_id", "item_id", name=op.f("pk_playback_items")),
    )
    op.create_index("ix_playback_items_item_id", "playback_items", ["item_id"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("covered_ms", sa.BigInteger(), nullable=True),
        sa.Column("length_ms", sa.BigInteger(), nullable=True),
        sa.Column("reviewed_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=36), nullable=True),
        sa.Column("withdrawn_for", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_reviews_agent_id")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_reviews_item_id")),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["agents.id"], name=op.f("fk_reviews_withdrawn_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index("ix_reviews_item_id_id", "reviews", ["item_id", "id"], unique=False)
    op.create_table(
        "sample_items",
        sa.Column("sample_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_sample_items_item_id")),
        sa.ForeignKeyConstraint(["sample_id"], ["samples.id"], name=op.f("fk_sample_items_sample_id")),
        sa.PrimaryKeyConstraint("sample_id", "number", name=op.f("pk_sample_items")),
    )
    op.create_index("ix_sample_items_item_id", "sample_items", ["item_id"], unique=False)
    op.add_column("figure_facts", sa.Column("reviewed", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("figures", sa.Column("reviewed", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("items", sa.Column("turn", sa.Integer(), server_default="1", nullable=False))
    op.create_index("ix_items_unit_committed_at", "items", ["unit", "committed_at"], unique=False)
    op.create_index("ix_items_unit_turn_id", "items", ["unit", "turn", "id"], unique=False)
    op.create_index("ix_viewings_item_id", "viewings", ["item_id"], unique=False)
