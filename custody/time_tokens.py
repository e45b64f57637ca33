"""RFC 3161 requests and responses as they are made, and the mark of what an installation signed itself. Pure.

The structures are those of RFC 3161 §2.4, RFC 5652 §5 and RFC 5816 §2.2, as far as a token has them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256 as SHA256_HASH
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, ObjectIdentifier

from evidence.self_asserted import SELF_ASSERTED_POLICY

SHA256 = ObjectIdentifier("2.16.840.1.101.3.4.2.1")
#: What may be signed: each algorithm by its name in settings and in `hashlib`.
IMPRINTS = {"sha256": SHA256, "sm3": ObjectIdentifier("1.2.156.10197.1.401")}
POLICY = ObjectIdentifier(SELF_ASSERTED_POLICY)
_ECDSA_WITH_SHA256 = ObjectIdentifier("1.2.840.10045.4.3.2")
_SIGNED_DATA = ObjectIdentifier("1.2.840.113549.1.7.2")
_TST_INFO = ObjectIdentifier("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE = ObjectIdentifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = ObjectIdentifier("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2 = ObjectIdentifier("1.2.840.113549.1.9.16.2.47")
_GRANTED = 0
_MARK = asn1.encode_der(POLICY)


def is_self_asserted(token: bytes) -> bool:
    """Whether the token, or a certificate in it, names the policy of an embedded authority.

    By its bytes, so that no two readings of the same structure can differ.
    """
    return _MARK in token


@asn1.sequence
class _Algorithm:
    algorithm: ObjectIdentifier


@asn1.sequence
class _Imprint:
    algorithm: _Algorithm
    digest: bytes


@asn1.sequence
class _Request:
    version: int
    imprint: _Imprint
    nonce: int
    wants_certificates: Annotated[bool, asn1.Default(False)]


@asn1.sequence
class _TstInfo:
    version: int
    policy: ObjectIdentifier
    imprint: _Imprint
    serial: int
    at: asn1.GeneralizedTime
    nonce: int | None


@asn1.sequence
class _Content:
    kind: ObjectIdentifier
    content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class _Attribute:
    kind: ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class _Signer:
    issuer: asn1.TLV
    serial: int


@asn1.sequence
class _SignerInfo:
    version: int
    signer: _Signer
    digest: _Algorithm
    attributes: Annotated[asn1.SetOf[_Attribute], asn1.Implicit(0)]
    algorithm: _Algorithm
    signature: bytes


@asn1.sequence
class _SignedData:
    version: int
    digests: asn1.SetOf[_Algorithm]
    content: _Content
    certificates: Annotated[asn1.SetOf[Certificate], asn1.Implicit(0)]
    signers: asn1.SetOf[_SignerInfo]


@asn1.sequence
class _Token:
    kind: ObjectIdentifier
    content: Annotated[_SignedData, asn1.Explicit(0)]


@asn1.sequence
class _Status:
    status: int


@asn1.sequence
class _Response:
    status: _Status
    token: _Token


@asn1.sequence
class _CertificateId:
    digest: bytes


@asn1.sequence
class _SigningCertificate:
    certificates: list[_CertificateId]


def encode_request(imprint: str, digest: bytes, nonce: int) -> bytes:
    """DER of a request for that digest, by one of IMPRINTS; the answer is to have the certificates in it."""
    algorithm = _Algorithm(algorithm=IMPRINTS[imprint])
    return asn1.encode_der(
        _Request(
            version=1,
            imprint=_Imprint(algorithm=algorithm, digest=digest),
            nonce=nonce,
            wants_certificates=True,
        )
    )


@dataclass(frozen=True, slots=True)
class TimeStamped:
    """What a token states: the imprint (SHA-256), when, under which number, and the request's nonce."""

    digest: bytes
    at: datetime
    serial: int
    nonce: int | None


def encode_response(said: TimeStamped, private: EllipticCurvePrivateKey, certificate: Certificate) -> bytes:
    """DER of a granted response under the embedded authority's policy; times in whole seconds."""
    info = asn1.encode_der(
        _TstInfo(
            version=1,
            policy=POLICY,
            imprint=_Imprint(algorithm=_Algorithm(algorithm=SHA256), digest=said.digest),
            serial=said.serial,
            at=asn1.GeneralizedTime(said.at.replace(microsecond=0)),
            nonce=said.nonce,
        )
    )
    sha256 = _Algorithm(algorithm=SHA256)
    identified = _CertificateId(digest=hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())
    attributes = asn1.SetOf(
        [
            _attribute(_CONTENT_TYPE, asn1.encode_der(_TST_INFO)),
            _attribute(_MESSAGE_DIGEST, asn1.encode_der(hashlib.sha256(info).digest())),
            _attribute(
                _SIGNING_CERTIFICATE_V2, asn1.encode_der(_SigningCertificate(certificates=[identified]))
            ),
        ]
    )
    issuer = asn1.decode_der(asn1.TLV, certificate.issuer.public_bytes())
    signer = _SignerInfo(
        version=1,
        signer=_Signer(issuer=issuer, serial=certificate.serial_number),
        digest=sha256,
        attributes=attributes,
        algorithm=_Algorithm(algorithm=_ECDSA_WITH_SHA256),
        # What is signed is the attributes' own DER, a SET OF (RFC 5652 §5.4).
        signature=private.sign(asn1.encode_der(attributes), ECDSA(SHA256_HASH())),
    )
    signed = _SignedData(
        version=3,
        digests=asn1.SetOf([sha256]),
        content=_Content(kind=_TST_INFO, content=info),
        certificates=asn1.SetOf([certificate]),
        signers=asn1.SetOf([signer]),
    )
    token = _Token(kind=_SIGNED_DATA, content=signed)
    return asn1.encode_der(_Response(status=_Status(status=_GRANTED), token=token))


def _attribute(kind: ObjectIdentifier, value: bytes) -> _Attribute:
    return _Attribute(kind=kind, values=asn1.SetOf([asn1.decode_der(asn1.TLV, value)]))
