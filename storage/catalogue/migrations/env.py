"""Alembic's entry: runs on the connection that `storage.catalogue.engine.migrate` hands over."""

from __future__ import annotations

from alembic import context

from storage.catalogue.search_tables import search_rows

context.configure(connection=context.config.attributes["connection"], target_metadata=search_rows.metadata)
context.run_migrations()
