"""Every table there is: what migrations have to lead to."""

from __future__ import annotations

from storage.catalogue import (
    case_tables,
    dispatch_tables,
    disposal_tables,
    dossier_tables,
    export_tables,
    figure_tables,
    fixity_tables,
    journal_tables,
    log_tables,
    recording_tables,
    replica_tables,
    retention_tables,
    review_tables,
    revocation_tables,
    search_tables,
    tables,
)

#: Importing a module is what puts its tables into the metadata.
MODULES = (
    tables,
    case_tables,
    retention_tables,
    recording_tables,
    dispatch_tables,
    search_tables,
    dossier_tables,
    export_tables,
    figure_tables,
    fixity_tables,
    log_tables,
    revocation_tables,
    review_tables,
    disposal_tables,
    journal_tables,
    replica_tables,
)
metadata = tables.metadata
