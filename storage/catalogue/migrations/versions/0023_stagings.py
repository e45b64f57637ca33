"""on which host's staging disk an upload lies, and where its commit can be done"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("uploads", sa.Column("staging", sa.String(length=8), nullable=True))
    op.add_column("jobs", sa.Column("staging", sa.String(length=8), nullable=True))
