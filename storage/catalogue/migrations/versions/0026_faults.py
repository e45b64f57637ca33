"""jobs: attempts whose end may lie in the work itself, counted apart from those that waited for something"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("faults", sa.Integer(), server_default="0", nullable=False))
