"""Where the catalogue is, with the password that belongs to it."""

from __future__ import annotations

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
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise Invalid("bad-password-file", f"Other accounts can reach {file.name}: chmod 600 it first.")
        found = file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise Invalid("bad-password-file", f"{file.name} is no text in UTF-8.") from None
    except OSError as error:
        raise Invalid("bad-password-file", f"{file.name} cannot be read: {error.strerror}.") from error
    if not found:
        raise Invalid("bad-password-file", f"The first line of {file.name} is empty.")
    return found
