"""The journal's tables: which rows have changed since they were last written to the store."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from storage.catalogue.tables import metadata

_COUNTER = BigInteger().with_variant(Integer, "sqlite")

#: A place for every change; `key` is the JSON array of the row's primary key. Triggers write it.
journal_changes = Table(
    "journal_changes",
    metadata,
    Column("seq", _COUNTER, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False),
    Column("key", Text, nullable=False),
    sqlite_autoincrement=True,
)

#: How far the journal and the log's bodies are in the store.
journal_marks = Table(
    "journal_marks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

__all__ = ["journal_changes", "journal_marks", "metadata"]
