"""Where the catalogue is, with the password that belongs to it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import quote, urlsplit

from custos.settings import Settings
from evidence.errors import Invalid


def catalogue_of(settings: Settings) -> Path | str:
    """SQLite's file, or the database's address, which may hold a password: it is never printed.

    Raises Invalid: "bad-password-file", "bad-catalogue-url".
    """
    url, file = settings.catalogue.url, settings.catalogue.password_file
    if url is None:
        return settings.catalogue_file
    if file is None:
        return url
    user, at, host = urlsplit(url).netloc.rpartition("@")
    if not at or not user or ":" in user:
        raise Invalid(
            "bad-catalogue-url",
            "With `catalogue.password_file`, `catalogue.url` has to name a user and no password: "
            "postgresql://custos@host/custos.",
        )
    return url.replace(f"//{user}@{host}", f"//{user}:{quote(first_line_of(file), safe='')}@{host}", 1)


def first_line_of(file: Path) -> str:
    """A secret that is kept in a file. Raises Invalid("bad-password-file") where others can read it."""
    try:
        found = file.stat()
        if others_reach(stat.S_IMODE(found.st_mode), found.st_uid, os.geteuid()):
            raise Invalid("bad-password-file", f"Other accounts can reach {file.name}: chmod 600 it first.")
        secret = file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise Invalid("bad-password-file", f"{file.name} is no text in UTF-8.") from None
    except OSError as error:
        raise Invalid("bad-password-file", f"{file.name} cannot be read: {error.strerror}.") from error
    if not secret:
        raise Invalid("bad-password-file", f"The first line of {file.name} is empty.")
    return secret


def others_reach(mode: int, owner: int, account: int) -> bool:
    """Whether a file of `owner` is open to more than `account`.

    What root lays down for a group of the account's own (0640, or a secret that Kubernetes mounts) is not.
    """
    allowed = 0o040 if owner == 0 != account else 0
    return bool(mode & 0o077 & ~allowed)
