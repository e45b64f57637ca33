"""The certificates of a token, and where their revocation would be listed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    Certificate,
    CRLDistributionPoints,
    ExtensionNotFound,
    UniformResourceIdentifier,
    load_der_x509_certificate,
)
from rfc3161_client import TimeStampResponse

from evidence.revocation import ListSource

_LONGEST = 8
_LONGEST_URL = 2_000


def sources_of(response: TimeStampResponse, roots: Sequence[Certificate]) -> tuple[ListSource, ...]:
    """The lists of every certificate from the signer's up to below a root; the response is verified already.

    ValueError for a certificate that is none.
    """
    held = [load_der_x509_certificate(one) for one in response.signed_data.certificates]
    (signer,) = response.signed_data.signer_infos
    found = dict[ListSource, None]()
    at = next(one for one in held if (one.issuer, one.serial_number) == (signer.issuer, signer.serial_number))
    for _ in range(_LONGEST):
        above = next((one for one in (*roots, *held) if _has_issued(one, at)), None)
        if at in roots or above is None:
            break
        found.update(
            dict.fromkeys(ListSource(url, above.public_bytes(Encoding.DER)) for url in _addresses(at))
        )
        at = above
    return tuple(found)


def addresses_in(response: TimeStampResponse) -> list[str]:
    """Every address of a list that a certificate in it names."""
    return [
        url for one in response.signed_data.certificates for url in _addresses(load_der_x509_certificate(one))
    ]


def _addresses(certificate: Certificate) -> Iterator[str]:
    try:
        points = certificate.extensions.get_extension_for_class(CRLDistributionPoints).value
    except ExtensionNotFound:
        return
    for point in points:
        # A list that somebody else than the issuer signs (`cRLIssuer`) is not read by the verifier.
        for name in point.full_name or () if not point.crl_issuer else ():
            if isinstance(name, UniformResourceIdentifier) and len(name.value) <= _LONGEST_URL:
                yield name.value


def _has_issued(above: Certificate, one: Certificate) -> bool:
    try:
        one.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return above != one
