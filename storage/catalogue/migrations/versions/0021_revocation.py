"""revocation lists of time authorities' certificates, and the policy that each was bound to"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "revocation_wanted",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("issuer", sa.LargeBinary(), nullable=False),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.Column("wanted_since", sa.BigInteger(), nullable=True),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revocation_wanted")),
    )
    op.create_table(
        "revocation_lists",
        sa.Column("url_digest", sa.String(length=64), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("url_digest", "fetched_at", name=op.f("pk_revocation_lists")),
    )
    op.add_column("log_stamps", sa.Column("policy", sa.Text(), nullable=True))
