"""`custos backup` and `custos restore`: everything on another medium, and everything from there."""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path

from custos.configuration import load_settings


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    backup = subparsers.add_parser(
        "backup",
        help="copy store and keys to another medium, what is new of them",
        description="Copies what is new in the store into a directory on another medium; nothing there is "
        "removed, and Custos may run. With a passphrase the keys go along, encrypted. Store and keys are all "
        "of an installation: the catalogue is rebuilt from them (docs/disaster.md).",
    )
    backup.add_argument("--to", type=Path, required=True, metavar="DIR")
    backup.add_argument("--check", action="store_true", help="read every original of the backup again")
    backup.set_defaults(run=run_backup)
    restore = subparsers.add_parser(
        "restore",
        help="put everything back from a backup; Custos must not run",
        description="Puts keys and store back from a backup and rebuilds the catalogue from them. Where "
        "`s3.bucket` is set the store is the bucket's, and only the keys are put back. A replica's directory "
        "is as good as a backup, once `custos keys restore` has put the keys back.",
    )
    restore.add_argument("--from", type=Path, required=True, metavar="DIR", dest="source")
    restore.add_argument("--reason", required=True, help="goes on record")
    restore.set_defaults(run=run_restore)
    for parser in (backup, restore):
        parser.add_argument(
            "--passphrase-file", type=Path, metavar="FILE", help="for the keys; its first line counts"
        )


def _say(words: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def run_backup(arguments: argparse.Namespace) -> int:
    """Back up, and say what was copied; status 1 where something is damaged or the keys are not there."""
    from custos.backing_up import back_up
    from custos.passphrases import passphrase_of, require_outside

    settings, target = load_settings(arguments.config), arguments.to.absolute()
    require_outside(target, settings)
    file = arguments.passphrase_file
    passphrase = None if file is None else passphrase_of(file, twice=False)
    found = asyncio.run(back_up(settings, target, passphrase, check=arguments.check, say=_say))
    _say("")
    copied = found.copied
    print(f"{copied.objects:,} objects are in the backup, {copied.copied:,} of them new.")
    print(f"{copied.bytes:,} bytes were copied.")
    for key in copied.damaged:
        print(f"DAMAGED  {key}: its bytes are not what its key names.")
    if not found.has_keys:
        print(
            "WITHOUT KEYS: name a passphrase with --passphrase-file, or keep `custos keys backup` elsewhere."
        )
    return int(bool(copied.damaged) or not found.has_keys)


def run_restore(arguments: argparse.Namespace) -> int:
    """Restore, and say what was found, as `custos rebuild` does."""
    from custos.backing_up import restore
    from custos.commands.rebuild import tell
    from custos.instance import changing_keys, only_instance
    from custos.passphrases import passphrase_of
    from evidence.cases import checked_reason

    settings, reason = load_settings(arguments.config), checked_reason(arguments.reason)
    asked = partial(passphrase_of, arguments.passphrase_file, twice=False)
    with only_instance(settings.data, settings.run):
        with changing_keys(settings.run):
            pass
        found = asyncio.run(restore(settings, arguments.source.absolute(), asked, reason, _say))
    _say("")
    for key in found.damaged:
        print(f"DAMAGED  {key}: its bytes in the backup are not what its key names; it was left there.")
    return max(tell(found.rebuilt), int(bool(found.damaged)))
