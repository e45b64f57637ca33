"""Checking one RFC 3161 token: over these bytes, below these certificates. Libraries of Python do the ASN.1.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from clients.verifier.receipt import NotVerified
from clients.verifier.revocation import Lists, chain_of, is_unrevoked

_NONE = Lists()
_SHA256 = "2.16.840.1.101.3.4.2.1"


class NoLibrary(Exception):
    """This Python cannot check tokens: `cryptography` or `rfc3161-client` is not installed."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token proves: that something stood at `at`, by an authority's word."""

    at: datetime
    #: Lists of that time say that none of its certificates was revoked.
    is_unrevoked: bool


def verified_token(
    data: bytes,
    signed: bytes,
    roots: Sequence[bytes] | None,
    name: str,
    *,
    lists: Lists = _NONE,
    why: str = "does not prove a time",
) -> Token:
    """The token over `signed`, by an authority below one of the roots (PEM), None for what is in the token.

    Certificates are judged as of the token's own time. Raises NotVerified, NoLibrary.
    """
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.x509 import (
            DuplicateExtension,
            InvalidVersion,
            load_der_x509_certificate,
            load_pem_x509_certificates,
        )
        from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response
    except ImportError as error:
        raise NoLibrary from error
    try:
        response = decode_timestamp_response(data)
        if roots is None:
            trusted = [load_der_x509_certificate(one) for one in response.signed_data.certificates]
        else:
            trusted = [one for root in roots for one in load_pem_x509_certificates(root)]
        VerifierBuilder(roots=trusted).build().verify(response, hashlib.sha256(signed).digest())
        algorithm = response.tst_info.message_imprint.hash_algorithm.dotted_string
        at: datetime = response.tst_info.gen_time
        held = [load_der_x509_certificate(one) for one in response.signed_data.certificates]
        (signer,) = response.signed_data.signer_infos
        chain = chain_of(held, trusted, signer.issuer, signer.serial_number)
    except (
        VerificationError,
        ValueError,
        TypeError,
        DuplicateExtension,
        InvalidVersion,
        UnsupportedAlgorithm,
    ) as error:
        raise NotVerified(f"{name} {why}: {error}") from error
    if algorithm != _SHA256:
        raise NotVerified(f"{name} is over another digest than SHA-256")
    return Token(at.astimezone(UTC), is_unrevoked(chain, lists, at.astimezone(UTC), name))
