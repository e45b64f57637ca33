"""whose recording an item is: of what is there, whoever sent it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("items", sa.Column("owner_id", sa.String(length=36), server_default="", nullable=False))
    op.execute("UPDATE items SET owner_id = agent_id")
    op.drop_index("ix_items_agent_id_id", table_name="items")
    op.create_index("ix_items_owner_id_id", "items", ["owner_id", "id"], unique=False)
