"""Revocation lists: which are to be fetched, and which lie in the store."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, Text

from storage.catalogue.tables import metadata

#: What tokens need, by the SHA-256 over address and issuer: addresses have no bound that a key could have.
revocation_wanted = Table(
    "revocation_wanted",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("url", Text, nullable=False),
    Column("issuer", LargeBinary, nullable=False),
    Column("wanted_at", BigInteger, nullable=False),
    Column("wanted_since", BigInteger),
    Column("tried_at", BigInteger),
    Column("fetched_at", BigInteger),
)

#: What was fetched, each time that it was.
revocation_lists = Table(
    "revocation_lists",
    metadata,
    Column("url_digest", String(64), primary_key=True),
    Column("fetched_at", BigInteger, primary_key=True, autoincrement=False),
    Column("url", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)

__all__ = ["revocation_lists", "revocation_wanted"]
