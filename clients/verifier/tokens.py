"""Checking one RFC 3161 token: over these bytes, below these certificates. Libraries of Python do the ASN.1.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from clients.verifier.receipt import NotVerified
from clients.verifier.revocation import NO_LISTS, Lists, Standing, Voided, chain_of, standing
from clients.verifier.token_order import in_order

_IMPRINTS = {"2.16.840.1.101.3.4.2.1": "sha256", "1.2.156.10197.1.401": "sm3"}


@dataclass(frozen=True, slots=True)
class TimeTrust:
    """Whose word for a time suffices: authorities below these roots (PEM), under one of the policies.

    No policies: any of theirs. `lists` are revocation lists that were kept beside the tokens.
    """

    roots: tuple[bytes, ...] = ()
    policies: frozenset[str] = frozenset()
    lists: Lists = NO_LISTS


class NoLibrary(Exception):
    """This Python cannot check tokens: `cryptography` or `rfc3161-client` is not installed."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token proves: that something stood at `at`, by an authority's word."""

    at: datetime
    #: Whether lists and answers of that time say that none of its certificates was revoked.
    standing: Standing


def verified_token(
    data: bytes,
    signed: bytes,
    trust: TimeTrust | None,
    name: str,
    *,
    stated: str | None = None,
    why: str = "does not prove a time",
) -> Token:
    """The token over `signed`, by an authority that is trusted, None for the certificate in the token.

    `stated` is the policy that a document beside it names. Certificates are judged as of the token's own
    time. Raises NotVerified, NoLibrary.
    """
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.hashes import SHA256, SM3, Hash
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
        response = decode_timestamp_response(in_order(data))
        if trust is None:
            trusted = [load_der_x509_certificate(one) for one in response.signed_data.certificates]
        else:
            trusted = [one for root in trust.roots for one in load_pem_x509_certificates(root)]
        algorithm = response.tst_info.message_imprint.hash_algorithm.dotted_string
        if algorithm not in _IMPRINTS:
            raise NotVerified(f"{name} is over another digest than SHA-256 or SM3")
        digest = Hash(SM3() if _IMPRINTS[algorithm] == "sm3" else SHA256())
        digest.update(signed)
        VerifierBuilder(roots=trusted).build().verify(response, digest.finalize())
        policy = response.tst_info.policy.dotted_string
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
    if stated not in (None, policy):
        raise Voided(f"{name} was signed under the policy {policy}, and {stated} is stated beside it")
    if trust is None:
        return Token(at.astimezone(UTC), Standing(is_unrevoked=False))
    if trust.policies and policy not in trust.policies:
        pinned = " or ".join(sorted(trust.policies))
        raise Voided(f"{name} was signed under the policy {policy}, and {pinned} is asked for")
    return Token(at.astimezone(UTC), standing(chain, trust.lists, at.astimezone(UTC), name))
