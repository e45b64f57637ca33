"""Asking an OCSP responder (RFC 6960) about one certificate, and whether what it gave may be kept."""

from __future__ import annotations

import hashlib
from datetime import datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    Certificate,
    ExtendedKeyUsage,
    ExtensionNotFound,
    SubjectKeyIdentifier,
    load_der_x509_certificate,
)
from cryptography.x509.ocsp import (
    OCSPCertStatus,
    OCSPRequest,
    OCSPRequestBuilder,
    OCSPResponse,
    OCSPResponseStatus,
    load_der_ocsp_request,
    load_der_ocsp_response,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

_DIGESTS = ("sha256", "sha384", "sha512")


class NotAnswered(Exception):
    """The responder gave nothing that could be used later; the text says why."""


def encode_question(issuer: bytes, serial: int) -> bytes:
    """DER of a request about the certificate of that number, whose issuer's certificate (DER) is given.

    Names are by SHA-1, which every responder knows; they identify, and prove nothing.
    """
    above = load_der_x509_certificate(issuer)
    name = hashlib.sha1(above.subject.public_bytes(), usedforsecurity=False).digest()
    key = SubjectKeyIdentifier.from_public_key(above.public_key()).digest
    return (
        OCSPRequestBuilder()
        .add_certificate_by_hash(name, key, serial, SHA1())  # noqa: S303  what responders ask for
        .build()
        .public_bytes(Encoding.DER)
    )


def require_answer(
    data: bytes, question: bytes, issuer: bytes, wanted_since: datetime, now: datetime
) -> None:
    """Raise NotAnswered unless `data` answers the question, signed by the issuer or for it.

    It has to be of the time since then, or in force now: an older one says nothing about the token.
    """
    asked = load_der_ocsp_request(question)
    try:
        response = load_der_ocsp_response(data)
        if response.response_status != OCSPResponseStatus.SUCCESSFUL:
            raise NotAnswered(f"its responder refused: {response.response_status.name.lower()}")
        _require_about(response, asked)
        _require_signed(response, load_der_x509_certificate(issuer))
        if response.certificate_status == OCSPCertStatus.UNKNOWN:
            raise NotAnswered("its responder does not know the certificate")
        until = response.next_update_utc
        made = min(response.this_update_utc, response.produced_at_utc)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NotAnswered("what lies there is no answer of a responder (OCSP)") from error
    if made < wanted_since and (until is None or until < now):
        raise NotAnswered("its responder gave an answer of another time")


def _require_about(response: OCSPResponse, asked: OCSPRequest) -> None:
    if len(list(response.responses)) != 1:
        raise NotAnswered("its responder answered for several certificates at once")
    names = [
        (one.issuer_name_hash, one.issuer_key_hash, one.serial_number, one.hash_algorithm.name)
        for one in (response, asked)
    ]
    if names[0] != names[1]:
        raise NotAnswered("its responder answered for another certificate")


def _require_signed(response: OCSPResponse, issuer: Certificate) -> None:
    digest = response.signature_hash_algorithm
    if digest is not None and digest.name not in _DIGESTS:
        raise NotAnswered(f"its answer is signed with {digest.name}, which no verifier takes")
    for one in (issuer, *response.certificates):
        if _has_signed(one, response):
            if one == issuer:
                return
            _require_delegate(one, issuer, response.produced_at_utc)
            return
    raise NotAnswered("neither its issuer has signed the answer nor a certificate in it")


def _require_delegate(one: Certificate, issuer: Certificate, at: datetime) -> None:
    """RFC 6960 §4.2.2.2: issued by the issuer itself, for this purpose, and in force when it signed."""
    try:
        one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise NotAnswered("a stranger has signed the answer") from error
    try:
        purposes = one.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        purposes = ExtendedKeyUsage([])
    if ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
        raise NotAnswered("a certificate has signed the answer that is not for that")
    if not one.not_valid_before_utc <= at <= one.not_valid_after_utc:
        raise NotAnswered("a certificate has signed the answer that was not in force then")


def _has_signed(one: Certificate, response: OCSPResponse) -> bool:
    key, algorithm = one.public_key(), response.signature_hash_algorithm
    signature, data = response.signature, response.tbs_response_bytes
    try:
        if isinstance(key, RSAPublicKey) and algorithm is not None:
            key.verify(signature, data, PKCS1v15(), algorithm)
        elif isinstance(key, EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, data, ECDSA(algorithm))
        elif isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
        else:
            return False
    except InvalidSignature:
        return False
    return True
