"""Whether authorities' certificates were revoked: which lists and answers are needed, which are kept. Pure.

A list (RFC 5280) is about every certificate of its issuer, an answer (OCSP, RFC 6960) about one. Both are
called lists here, where what is said of them is the same; an answer's address says that it is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: Of a list's SHA-256 in its name.
_DIGITS = 32
#: Begins the address of an answer: that is its responder's, and the certificate's number behind it.
_ANSWER = "ocsp+"
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

    @property
    def kind(self) -> str:
        """`crl`, or `ocsp` for an answer: how its name ends."""
        return "crl" if asked_of(self.url) is None else "ocsp"

    @property
    def path(self) -> str:
        """Where it lies below `log/`: among the tokens, named after its bytes."""
        return f"stamps/{self.digest[:_DIGITS]}.{self.kind}"


def answer_address(responder: str, serial: int) -> str:
    """Under which address the answers of that responder about one certificate are wanted and found."""
    return f"{_ANSWER}{responder.partition('#')[0]}#{serial:x}"


def asked_of(address: str) -> tuple[str, int] | None:
    """The responder and the certificate's number; None for the address of a list."""
    if not address.startswith(_ANSWER):
        return None
    responder, _, serial = address.removeprefix(_ANSWER).rpartition("#")
    return responder, int(serial, 16)
