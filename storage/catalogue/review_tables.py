"""Tables of marks, playback sessions, clips, reviews and samples."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from storage.catalogue.tables import ID, metadata


def _withdrawn() -> list[Column[object]]:
    return [
        Column("withdrawn_at", BigInteger),
        Column("withdrawn_by", ForeignKey("agents.id")),
        Column("withdrawn_for", Text),
    ]


marks = Table(
    "marks",
    metadata,
    Column("id", ID, primary_key=True),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("label", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    *_withdrawn(),
)

mark_spans = Table(
    "mark_spans",
    metadata,
    Column("mark_id", ForeignKey("marks.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Index("ix_mark_spans_item_id_mark_id", "item_id", "mark_id"),
)

playbacks = Table(
    "playbacks",
    metadata,
    Column("id", ID, primary_key=True),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("purpose", Text),
    Column("opened_at", BigInteger, nullable=False),
    Column("touched_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Index("ix_playbacks_closed_at_touched_at", "closed_at", "touched_at"),
)

#: The items of a session; `ranges` is what its player says that it showed, null before it said anything.
playback_items = Table(
    "playback_items",
    metadata,
    Column("playback_id", ForeignKey("playbacks.id"), primary_key=True),
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("ranges", Text),
    Index("ix_playback_items_item_id", "item_id"),
)

clips = Table(
    "clips",
    metadata,
    Column("id", ID, primary_key=True),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
)

clip_sources = Table(
    "clip_sources",
    metadata,
    Column("clip_id", ForeignKey("clips.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_clip_sources_item_id_clip_id", "item_id", "clip_id"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", ID, primary_key=True),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("findings", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("covered_ms", BigInteger),
    Column("length_ms", BigInteger),
    Column("reviewed_at", BigInteger, nullable=False),
    *_withdrawn(),
    Index("ix_reviews_item_id_id", "item_id", "id"),
)

samples = Table(
    "samples",
    metadata,
    Column("id", ID, primary_key=True),
    Column("unit", String(128), nullable=False),
    Column("frame", Text, nullable=False),
    Column("filter_digest", String(64), nullable=False),
    Column("seed", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("count", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("drawn_by", ForeignKey("agents.id"), nullable=False),
    Column("drawn_at", BigInteger, nullable=False),
    Index("ix_samples_unit_id", "unit", "id"),
    Index("ix_samples_filter_digest_id", "filter_digest", "id"),
)

sample_items = Table(
    "sample_items",
    metadata,
    Column("sample_id", ForeignKey("samples.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Index("ix_sample_items_item_id", "item_id"),
)
