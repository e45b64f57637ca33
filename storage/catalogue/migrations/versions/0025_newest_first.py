"""search: indexes that have the newest of a value first, and of a stretch of time"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

#: Four hours, in microseconds.
_STRETCH = 14_400_000_000


def upgrade() -> None:
    for column in ("unit", "agent_id", "officer", "badge", "device", "kind", "category", "state"):
        op.drop_index(f"ix_search_rows_{column}", table_name="search_rows")
        op.create_index(f"ix_search_rows_{column}", "search_rows", [column, "seq"])
    op.create_table(
        "search_stretches",
        sa.Column("stretch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["search_rows.seq"], name=op.f("fk_search_stretches_seq")),
        sa.PrimaryKeyConstraint("stretch", "seq", name=op.f("pk_search_stretches")),
        sqlite_with_rowid=False,
    )
    # Both databases divide towards zero; what began before 1970 lies in the stretch below.
    floor = f"(begins - ((begins % {_STRETCH}) + {_STRETCH}) % {_STRETCH}) / {_STRETCH}"
    op.execute(
        "INSERT INTO search_stretches (stretch, seq) "  # noqa: S608
        f"SELECT DISTINCT {floor}, seq FROM search_clocks ORDER BY 1, 2"
    )
