"""Rows changed past Custos, as whoever owns the database can."""

from __future__ import annotations

from custody.tiles import WIDTH
from storage.catalogue.engine import Where
from tests.catalogues import Catalogues, ask


def unfrozen(where: Where, catalogues: Catalogues) -> None:
    """Triggers that keep history as it is are dropped, as whoever owns the database can."""
    names = "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%frozen%'"
    if not catalogues.is_postgres:
        names = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%frozen%'"
    for name, table in ask(where, names):
        ask(where, f"DROP TRIGGER {name}{f' ON {table}' if catalogues.is_postgres else ''}")


def written(change: str, *, is_postgres: bool) -> str:
    """The statement with its bytes as the engine writes them."""

    def literal(data: bytes) -> str:
        return f"'\\x{data.hex()}'::bytea" if is_postgres else f"x'{data.hex()}'"

    of_seventh = "(SELECT event_id FROM log_leaves WHERE number = 7)"
    column = "id" if "UPDATE events" in change else "event_id"
    text = (
        ("convert_from({}, 'utf8')", "convert_to({}, 'utf8')")
        if is_postgres
        else (
            "CAST({} AS TEXT)",
            "CAST({} AS BLOB)",
        )
    )
    for column_of_bytes, old, new in (("data", "'item.shown'", "'item.shewn'"), ("chains", "'['", "' ['")):
        replaced = f"replace({text[0].format(column_of_bytes)}, {old}, {new})"
        change = change.replace(f"replace({column_of_bytes}, {old}, {new})", text[1].format(replaced))
    return (
        change.replace("{blob}", literal(bytes(WIDTH // 8)))
        .replace("{detail}", literal(b'{"of":"nothing"}'))
        .replace("{salt}", literal(bytes(32)))
        .replace("{7}", f"WHERE {column} = {of_seventh}")
    )
