"""Where the broker is, with the password that belongs to it, and whom its TLS is trusted by."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit

from custos.catalogue_place import first_line_of
from custos.parts import SOCKET_FILE
from custos.settings import Settings
from evidence.errors import Invalid


def broker_of(settings: Settings) -> str:
    """The broker's address, which may hold a password: it is never printed.

    Raises Invalid: "bad-password-file", "bad-broker-url".
    """
    url, file = settings.broker.url, settings.broker.password_file
    if file is None:
        return f"unix://{settings.run / SOCKET_FILE}" if url is None else url
    user = urlsplit(url or "").netloc.rpartition("@")[0]
    if url is None or url.startswith("unix://") or ":" in user:
        raise Invalid(
            "bad-broker-url",
            "With `broker.password_file`, `broker.url` has to name a server and no password: "
            "amqp://custos@host/custos, redis://host/0.",
        )
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{user}:{quote(first_line_of(file), safe='')}@{rest.removeprefix(f'{user}@')}"


def trusted_of(settings: Settings) -> Path | None:
    """The file of authorities of one's own for the broker's TLS; None where the machine's count.

    Raises Invalid("broker-trust-missing") where the file that is named is not there.
    """
    trusted = settings.broker.trusted
    if trusted is not None and not trusted.is_file():
        raise Invalid("broker-trust-missing", f"`broker.trusted` names {trusted.name}, which is not there.")
    return trusted
