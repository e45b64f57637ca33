"""`custos migrate`: from one machine's own disk to a PostgreSQL and a bucket."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from custos.configuration import load_settings


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    migrate = subparsers.add_parser(
        "migrate",
        help="move an installation to a PostgreSQL, to a bucket, or to both",
        description="Moves an installation from its machine's disk to the PostgreSQL and the bucket that "
        "another settings file names (docs/many.md). Each object is read back from the bucket and each table "
        "from the database, and compared. Stop every part of Custos first. A move that broke off is begun "
        "again with the same words and goes on. What was moved from is set aside, and nothing of it removed.",
    )
    migrate.add_argument(
        "--to",
        type=Path,
        required=True,
        metavar="FILE",
        help="settings with `catalogue.url`, `s3.bucket` or both, and the same `data`",
    )
    migrate.add_argument("--reason", required=True, help="goes on record")
    migrate.set_defaults(run=migrate_installation)


def migrate_installation(arguments: argparse.Namespace) -> int:
    """Move, and say what is where."""
    from custos.instance import changing_keys, only_instance
    from custos.migrating import migrate
    from evidence.cases import checked_reason

    old, new = load_settings(arguments.config), load_settings(arguments.to)
    reason, shown = checked_reason(arguments.reason), sys.stderr.isatty()

    def say(words: str) -> None:
        if shown:
            print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)

    with only_instance(old.data, old.run):
        # Nobody else has the keys: no part runs that was started by itself.
        with changing_keys(old.run):
            pass
        found = asyncio.run(migrate(old, new, reason, say))
    say("")
    if found.store is not None:
        print(
            f"Store: {found.store.objects:,} objects, {found.store.bytes:,} bytes in the bucket, each read "
            f"back; digest of all {found.store.digest}."
        )
    if found.tables:
        print(f"Catalogue: {len(found.tables)} tables in the database, each compared.")
    for path in found.aside:
        print(f"Set aside, and not needed any more once you are content: {path}")
    print(f"From now on start Custos with --config {arguments.to}.")
    return 0
