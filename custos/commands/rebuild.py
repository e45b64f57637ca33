"""`custos rebuild`: a lost catalogue restored from the store alone."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from custos.configuration import load_settings

if TYPE_CHECKING:
    from custos.rebuilding import Rebuilt


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    rebuild = subparsers.add_parser(
        "rebuild",
        help="restore a lost catalogue from the store",
        description="Restores a catalogue that is lost from what lies in the store: the journal of its rows, "
        "the custody log, and the manifests beside the originals. Stop every part of Custos first, and put "
        "the keys back (`custos keys restore`). What was disposed of stays so. At the end it says what could "
        "not be found again.",
    )
    rebuild.add_argument("--reason", required=True, help="goes on record")
    rebuild.add_argument(
        "--without-journal",
        action="store_true",
        help="use manifests and log alone; people, cases and rights are not restored then",
    )
    rebuild.set_defaults(run=rebuild_catalogue)


def rebuild_catalogue(arguments: argparse.Namespace) -> int:
    """Rebuild, and say what was found; status 1 where something was not."""
    from custos.instance import only_instance
    from custos.rebuilding import rebuild
    from evidence.cases import checked_reason

    settings, reason = load_settings(arguments.config), checked_reason(arguments.reason)
    shown = sys.stderr.isatty()

    def say(words: str) -> None:
        if shown:
            print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)

    with only_instance(settings.data, settings.run):
        found = asyncio.run(rebuild(settings, reason, with_journal=not arguments.without_journal, say=say))
    say("")
    return tell(found)


def tell(found: Rebuilt) -> int:
    """Print what was found again, and what was not; status 1 where something was not."""
    items = found.items
    print(
        f"The catalogue was rebuilt: {found.entries:,} entries of the journal, {found.log.after:,} leaves of "
        f"the log, {items.manifests:,} manifests."
    )
    print("Start Custos; lists and figures are made anew while it runs.")
    wrong = [
        (found.through is None, "There was no journal: people, cases, rights and holds are not restored."),
        (found.through is not None and not found.is_whole, "The journal was not complete yet."),
        (found.cut_off, f"{found.cut_off:,} rows were cut off with the last seconds."),
        (found.log.without_detail, f"{found.log.without_detail:,} events without what their details said."),
        (items.restored, f"{items.restored:,} items were not in the journal, and restored from manifests."),
        (items.unlogged, f"{items.unlogged:,} of these the log does not know: see the alarms, look at each."),
        (
            items.differing,
            f"{items.differing:,} manifests differ from log, row or original: see the alarms.",
        ),
        (items.missing, f"{items.missing:,} items lack original or manifest: see the alarms."),
        (items.disposed, f"{items.disposed:,} disposed items have left something: see the alarms."),
        (
            items.unmanifested,
            f"{items.unmanifested:,} originals have no manifest: they were never acknowledged.",
        ),
        (found.lost, "The log has these later events, and what they changed is lost:"),
    ]
    for is_so, words in wrong:
        if is_so:
            print(words)
    for kind, count in found.lost.items():
        print(f"  {kind:24} {count:,}")
    return int(any(is_so for is_so, _ in wrong))
