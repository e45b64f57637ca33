"""Passphrases as people give them, and the files that they open."""

from __future__ import annotations

import getpass
import stat
from pathlib import Path

from custos.settings import Settings
from evidence.errors import Invalid


def passphrase_of(file: Path | None, *, twice: bool) -> str:
    """Typed, or the first line of a file that nobody else can read. Raises Invalid."""
    if file is not None:
        data = read_file(file)
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise Invalid("open-passphrase", "Others can read the passphrase file: chmod 600 it first.")
        return data.decode("utf-8", "replace").partition("\n")[0]
    typed = getpass.getpass("Passphrase: ")
    if twice and getpass.getpass("The same again: ") != typed:
        raise Invalid("passphrases-differ", "The two passphrases differ.")
    return typed


def require_outside(path: Path, settings: Settings) -> None:
    """What is kept beside what it protects is lost or stolen with it. Raises Invalid("inside-data")."""
    if path.absolute().resolve().is_relative_to(settings.data.resolve()):
        raise Invalid("inside-data", "Choose a place outside the data directory, best on another medium.")


def read_file(path: Path) -> bytes:
    """What is in it; raises Invalid("no-such-file")."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid("no-such-file", f"{path} cannot be read: {error.strerror}.") from error
