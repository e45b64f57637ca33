"""Revocation lists of time authorities' certificates: which are needed, which are kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: Of a list's SHA-256 in its name.
_DIGITS = 32
#: A list is fetched anew for newer tokens after so long; what failed is tried again after so long.
FETCHED_EVERY = timedelta(hours=1)
TRIED_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ListSource:
    """Where a certificate says that its revocation would be listed, and whose key has to have signed that.

    `issuer` is DER of the certificate.
    """

    url: str
    issuer: bytes


@dataclass(frozen=True, slots=True)
class WantedList:
    """A list that is to be fetched; `wanted_since` is when the first token was made that needs it."""

    source: ListSource
    wanted_since: datetime


@dataclass(frozen=True, slots=True)
class KeptList:
    """A list that lies in the store as it was fetched; `digest` is the SHA-256 of its bytes, in hex."""

    url: str
    digest: str
    fetched_at: datetime


def list_path(digest: str) -> str:
    """Where a list lies below `log/`: among the tokens."""
    return f"stamps/{list_name(digest)}"


def list_name(digest: str) -> str:
    """What it is called, after its bytes."""
    return f"{digest[:_DIGITS]}.crl"
