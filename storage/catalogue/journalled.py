"""Which tables the journal keeps, and the triggers that tell it of each change.

What is left out can be made again, from the log, from other rows or by time; every table is in one list or
the other, which a test holds. Triggers, because what a statement was forgotten for would be missed on the
worst day only.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Table

from storage.catalogue.schema import metadata

#: Read back from the log.
OF_THE_LOG = frozenset(
    {"events", "event_bodies", "event_subjects", "log_heads", "log_leaves", "log_nodes", "log_subjects"}
)
#: Made from other rows.
PROJECTIONS = frozenset(
    {
        "search_rows", "search_cases", "search_texts", "search_terms", "search_clocks",
        "search_stretches", "search_cells", "search_places", "figure_facts", "figures", "figure_gaps",
        "figure_gaps_due",
    }
)  # fmt: skip
#: Of the moment only: what is worth nothing once the processes that wrote it are gone.
PASSING = frozenset(
    {
        "event_queue", "emitters", "job_changes", "search_due", "figure_due", "journal_changes",
        "journal_marks",
    }
)  # fmt: skip
_PREFIX = "journal_of_"
NOT_JOURNALLED = OF_THE_LOG | PROJECTIONS | PASSING

#: Columns that change many times a minute, and whose change alone is not worth an entry.
QUIET: Mapping[str, frozenset[str]] = {
    "uploads": frozenset({"offset", "hash_state", "crc32", "touched_at"}),
    "jobs": frozenset({"progress", "updated_at", "lease_until", "rung_at"}),
    "playbacks": frozenset({"touched_at"}),
    "audit_pace": frozenset({"free_at"}),
}


def journalled() -> list[Table]:
    """The tables that the journal keeps, those that others refer to first."""
    return [table for table in metadata.sorted_tables if table.name not in NOT_JOURNALLED]


def install(connection: Connection) -> None:
    """Make the triggers as they have to be, in the transaction that brings the schema up to date."""
    is_sqlite = connection.dialect.name == "sqlite"
    for table in journalled():
        for statement in _sqlite(table) if is_sqlite else _postgres(table):
            connection.exec_driver_sql(statement)


def uninstall(connection: Connection) -> None:
    """Take them away, whatever schema they were made for: a migration may change what they speak of."""
    is_sqlite = connection.dialect.name == "sqlite"
    found = connection.exec_driver_sql(
        "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
        if is_sqlite
        else "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
    ).all()
    for name, table in found:
        if name.startswith(_PREFIX):
            connection.exec_driver_sql(f"DROP TRIGGER {name}" + ("" if is_sqlite else f" ON {table}"))


def _columns(table: Table) -> str:
    quiet = QUIET.get(table.name, frozenset())
    return ", ".join(f'"{column.name}"' for column in table.columns if column.name not in quiet)


def _key_of(table: Table, row: str, function: str) -> str:
    columns = ", ".join(f'{row}."{column.name}"' for column in table.primary_key)
    return f"{function}({columns})"


def _sqlite(table: Table) -> list[str]:
    found = []
    changes = {
        "insert": ("AFTER INSERT", ("NEW",)),
        "update": (f"AFTER UPDATE OF {_columns(table)}", ("NEW", "OLD")),
        "delete": ("AFTER DELETE", ("OLD",)),
    }
    for name, (when, rows) in changes.items():
        new = _key_of(table, "NEW", "json_array")
        inserts = []
        for row in rows:
            key = _key_of(table, row, "json_array")
            moved = f" WHERE {key} IS NOT {new}" if len(rows) > 1 and row == "OLD" else ""
            inserts.append(f"INSERT INTO journal_changes (name, key) SELECT '{table.name}', {key}{moved};")
        trigger = f"{_PREFIX}{table.name}_{name}"
        found.append(f"DROP TRIGGER IF EXISTS {trigger}")
        found.append(f"CREATE TRIGGER {trigger} {when} ON {table.name} BEGIN {' '.join(inserts)} END")
    return found


def _postgres(table: Table) -> list[str]:
    function = f"{_PREFIX}{table.name}"
    trigger = f"{function}_change"
    new, old = (_key_of(table, row, "jsonb_build_array") for row in ("NEW", "OLD"))
    queue = "INSERT INTO journal_changes (name, key) VALUES (TG_TABLE_NAME, "
    return [
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'DELETE' THEN {queue}{old}::text); RETURN NULL; END IF; "
        f"IF TG_OP = 'UPDATE' THEN IF {old} != {new} THEN {queue}{old}::text); END IF; END IF; "
        f"{queue}{new}::text); RETURN NULL; END $$",
        f"DROP TRIGGER IF EXISTS {trigger} ON {table.name}",
        f"CREATE TRIGGER {trigger} AFTER INSERT OR DELETE OR UPDATE OF {_columns(table)} ON {table.name} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}()",
    ]
