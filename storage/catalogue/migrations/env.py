"""Alembic's entry: runs on the connection that `storage.catalogue.engine.migrate` hands over."""

from __future__ import annotations

from alembic import context

from storage.catalogue.recording_tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
