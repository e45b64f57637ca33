"""`custos catalogue prepare`: the tables made and migrated by their owner, for a role that owns nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

from custos.catalogue_place import catalogue_of, first_line_of
from custos.configuration import load_settings
from evidence.errors import Invalid


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    catalogue = subparsers.add_parser("catalogue", help="the PostgreSQL that keeps the catalogue")
    commands = catalogue.add_subparsers(metavar="COMMAND", required=True)
    prepare = commands.add_parser(
        "prepare",
        help="make or migrate the tables as their owner, for the role of `catalogue.url`",
        description="Makes or migrates the tables as the role that owns them, and lends the role of "
        "`catalogue.url` what Custos needs: of the custody log it can read and add, and change nothing. Run "
        "it before the first start, and after each update of Custos.",
    )
    prepare.add_argument(
        "--owner-file",
        type=Path,
        required=True,
        metavar="FILE",
        help="its first line is the owner's address, password included; nobody else may read the file",
    )
    prepare.set_defaults(run=prepare_catalogue)


def prepare_catalogue(arguments: argparse.Namespace) -> int:
    """Prepare, and say for whom."""
    from storage.catalogue.privileges import prepare

    where = catalogue_of(load_settings(arguments.config))
    if isinstance(where, Path):
        raise Invalid("no-database", "`catalogue.url` names no database: this catalogue is an SQLite file.")
    role = prepare(first_line_of(arguments.owner_file), where)
    print(f"The database is ready. The role {role} can add to the custody log, and change none of it.")
    return 0
