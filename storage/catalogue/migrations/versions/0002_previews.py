"""previews: what made the poster makes more"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for table in ("jobs", "job_changes"):
        op.execute(f"UPDATE {table} SET stage = 'preview' WHERE stage = 'poster'")  # noqa: S608  our names
