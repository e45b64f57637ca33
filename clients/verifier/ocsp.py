"""Answers of OCSP responders (RFC 6960) about one certificate: whose they are, and of what time.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from clients.verifier.receipt import NotVerified

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from cryptography.x509.ocsp import OCSPResponse

#: 1.3.6.1.5.5.7.48.1.2, the one critical extension that takes nothing from an answer.
_NONCE = "1.3.6.1.5.5.7.48.1.2"
_RSA = {"1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13"}
_ED25519 = "1.3.101.112"
_ECDSA = {"1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"}


NO_REASON = "no reason given"
#: Why a certificate may be revoked without what it signed before being void (RFC 3161 §4).
_HARMLESS = {"unspecified", "affiliationChanged", "superseded", "cessationOfOperation"}


#: When a certificate was revoked, and why, as far as its issuer's lists say.
Revoked = Callable[["Certificate"], Iterable[tuple[datetime, str]]]


class NotOfUse(Exception):
    """The answer says nothing about the certificate; the text says why."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody said of a certificate who may speak for its issuer.

    `made` is when that was known, `until` until when it was said, None for no longer than that; `revoked` is
    when and why, None for a certificate that was not.
    """

    made: datetime
    until: datetime | None
    revoked: tuple[datetime, str] | None


def is_void(revoked: datetime, reason: str, at: datetime) -> bool:
    """Whether what a certificate has signed, it says at `at`, proves nothing any more.

    Without one of those reasons that is everything that its key ever signed: a thief gives any time.
    """
    return reason not in _HARMLESS or revoked <= at


def read_answer(data: bytes, name: str) -> OCSPResponse:
    """An answer of a responder; raises NotVerified for what is none, or states nothing."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509.ocsp import OCSPResponseStatus, load_der_ocsp_response

    try:
        found = load_der_ocsp_response(data)
        if found.response_status != OCSPResponseStatus.SUCCESSFUL:
            raise NotVerified(f"{name} is no answer: its responder refused ({found.response_status.name})")
        for one in (found.extensions, found.certificates, found.produced_at_utc, found.signature):
            _ = one
        list(found.responses)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NotVerified(f"{name} is no answer of a responder (OCSP)") from error
    return found


def is_about(response: OCSPResponse, one: Certificate) -> bool:
    """Whether it gives the certificate's number; that of another issuer may be the same."""
    return any(each.serial_number == one.serial_number for each in response.responses)


def answer_about(
    response: OCSPResponse, one: Certificate, above: Certificate, revoked_of: Revoked
) -> Statement:
    """What the answer says of the certificate that `above` has issued; raises NotOfUse.

    `revoked_of` is asked about another that `above` has issued, and which signed the answer in its place.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509.ocsp import OCSPCertStatus

    try:
        _require_readable(response)
        _require_named(response, one, above)
        _require_signed(response, above, revoked_of)
        if response.certificate_status == OCSPCertStatus.UNKNOWN:
            raise NotOfUse("its responder did not know the certificate")
        at, reason = response.revocation_time_utc, response.revocation_reason
        return Statement(
            min(response.this_update_utc, response.produced_at_utc),
            response.next_update_utc,
            None if at is None else (at, NO_REASON if reason is None else reason.value),
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NotOfUse("it is of a form that is not read here") from error


def _require_readable(response: OCSPResponse) -> None:
    if len(list(response.responses)) != 1:
        raise NotOfUse("it is about several certificates at once, which is not read here")
    for one in (*response.extensions, *response.single_extensions):
        if one.critical and one.oid.dotted_string != _NONCE:
            raise NotOfUse(f"it has a critical extension that is not read here, {one.oid.dotted_string}")


def _require_named(response: OCSPResponse, one: Certificate, above: Certificate) -> None:
    from cryptography.x509.ocsp import OCSPRequestBuilder

    named = OCSPRequestBuilder().add_certificate(one, above, response.hash_algorithm).build()
    for member in ("serial_number", "issuer_name_hash", "issuer_key_hash"):
        if getattr(response, member) != getattr(named, member):
            raise NotOfUse("it is about another certificate")


def _require_signed(response: OCSPResponse, above: Certificate, revoked_of: Revoked) -> None:
    """RFC 6960 §4.2.2.2: by the issuer, or by whom it has issued a certificate for that."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound
    from cryptography.x509.oid import ExtendedKeyUsageOID

    kind = response.signature_algorithm_oid.dotted_string
    if kind not in {*_RSA, *_ECDSA, _ED25519}:
        raise NotOfUse(f"it is signed in a way that is not read here, {kind}")
    signer = next((one for one in (above, *response.certificates) if _has_signed(one, response)), None)
    if signer is None:
        raise NotOfUse("neither the issuer has signed it nor a certificate in it")
    if not any(_names(response, signer)):
        raise NotOfUse("it names another responder than the one that signed it")
    if signer == above:
        return
    try:
        signer.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise NotOfUse("it was signed by a stranger, whom the issuer did not name") from error
    try:
        purposes = signer.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        purposes = ExtendedKeyUsage([])
    if ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
        raise NotOfUse("it was signed by a certificate of the issuer's that is not for signing answers")
    at = response.produced_at_utc
    if not signer.not_valid_before_utc <= at <= signer.not_valid_after_utc:
        raise NotOfUse("it was signed by a certificate that was not in force then")
    for revoked, reason in revoked_of(signer):
        if is_void(revoked, reason, at):
            when = f"{revoked:%Y-%m-%d %H:%M:%S} UTC"
            raise NotOfUse(f"it was signed by a certificate that was revoked on {when} ({reason})")


def _names(response: OCSPResponse, signer: Certificate) -> Iterator[bool]:
    from cryptography.x509 import SubjectKeyIdentifier

    yield response.responder_name == signer.subject
    yield response.responder_key_hash == SubjectKeyIdentifier.from_public_key(signer.public_key()).digest


def _has_signed(one: Certificate, response: OCSPResponse) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    key, algorithm = one.public_key(), response.signature_hash_algorithm
    kind = response.signature_algorithm_oid.dotted_string
    signature, data = response.signature, response.tbs_response_bytes
    try:
        if isinstance(key, RSAPublicKey) and kind in _RSA and algorithm is not None:
            key.verify(signature, data, PKCS1v15(), algorithm)
        elif isinstance(key, EllipticCurvePublicKey) and kind in _ECDSA and algorithm is not None:
            key.verify(signature, data, ECDSA(algorithm))
        elif isinstance(key, Ed25519PublicKey) and algorithm is None:
            key.verify(signature, data)
        else:
            return False
    except InvalidSignature:
        return False
    return True
