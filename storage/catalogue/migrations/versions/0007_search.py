"""search: what lists and searches look at, and what people keep of it

The entries of items that are there already are made by the sweep, from `search_due`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def _seq(table: str) -> tuple[sa.Column[int], sa.ForeignKeyConstraint]:
    return (
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["search_rows.seq"], name=op.f(f"fk_{table}_seq")),
    )


def upgrade() -> None:
    op.create_table(
        "search_rows",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=128), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("officer", sa.String(length=256), nullable=True),
        sa.Column("badge", sa.String(length=256), nullable=True),
        sa.Column("device", sa.String(length=256), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_search_rows_item_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_search_rows")),
        sa.UniqueConstraint("item_id", name=op.f("uq_search_rows_item_id")),
    )
    for column in ("unit", "agent_id", "officer", "badge", "device", "kind", "category", "state"):
        op.create_index(op.f(f"ix_search_rows_{column}"), "search_rows", [column])
    op.create_index(
        "ix_search_rows_counts", "search_rows", ["unit", "kind", "category", "state", "officer", "device"]
    )
    for name in ("officer", "device"):
        op.create_index(f"ix_search_rows_{name}s", "search_rows", ["unit", name, "kind", "category", "state"])
    op.create_table(
        "search_cases",
        sa.Column("number", sa.String(length=256), nullable=False),
        *_seq("search_cases"),
        sa.PrimaryKeyConstraint("number", "seq", name=op.f("pk_search_cases")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_search_cases_seq", "search_cases", ["seq"])
    op.create_table(
        "search_texts",
        *_seq("search_texts"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_search_texts")),
    )
    op.create_table(
        "search_terms",
        sa.Column("term", sa.String(length=32), nullable=False),
        *_seq("search_terms"),
        sa.PrimaryKeyConstraint("term", "seq", name=op.f("pk_search_terms")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_clocks",
        *_seq("search_clocks"),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("stated", sa.Text(), nullable=False),
        sa.Column("zone", sa.String(length=16), nullable=True),
        sa.Column("assumed", sa.String(length=16), nullable=True),
        sa.Column("marks", sa.String(length=16), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", "n", name=op.f("pk_search_clocks")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_search_clocks_begins", "search_clocks", ["begins", "ends", "kind", "seq"])
    op.create_table(
        "search_cells",
        sa.Column("cell", sa.BigInteger(), autoincrement=False, nullable=False),
        *_seq("search_cells"),
        sa.PrimaryKeyConstraint("cell", "seq", name=op.f("pk_search_cells")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_places",
        *_seq("search_places"),
        sa.Column("latitude", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("longitude", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("seq", "latitude", "longitude", name=op.f("pk_search_places")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_due",
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_search_due_item_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_search_due")),
    )
    op.execute("INSERT INTO search_due (item_id) SELECT id FROM items")
    op.create_table(
        "saved_searches",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_saved_searches_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_searches")),
        sa.UniqueConstraint("agent_id", "name", name=op.f("uq_saved_searches_agent_id_name")),
    )
