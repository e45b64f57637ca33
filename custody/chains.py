"""The certificates of a token, and where their revocation would be listed or answered. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    AuthorityInformationAccess,
    Certificate,
    CRLDistributionPoints,
    ExtensionNotFound,
    GeneralName,
    UniformResourceIdentifier,
    load_der_x509_certificate,
)
from cryptography.x509.oid import AuthorityInformationAccessOID
from rfc3161_client import TimeStampResponse

from evidence.revocation import ListSource, answer_address

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


def _addresses(certificate: Certificate) -> list[str]:
    """Where lists of its issuer lie; only where it names none, where somebody answers for it."""
    return list(_lists(certificate)) or [
        answer_address(url, certificate.serial_number) for url in _responders(certificate)
    ]


def _lists(certificate: Certificate) -> Iterator[str]:
    try:
        points = certificate.extensions.get_extension_for_class(CRLDistributionPoints).value
    except ExtensionNotFound:
        return
    for point in points:
        # A list that somebody else than the issuer signs (`cRLIssuer`) is not read by the verifier.
        yield from _of_http(point.full_name or () if not point.crl_issuer else ())


def _responders(certificate: Certificate) -> Iterator[str]:
    try:
        places = certificate.extensions.get_extension_for_class(AuthorityInformationAccess).value
    except ExtensionNotFound:
        return
    yield from _of_http(
        [one.access_location for one in places if one.access_method == AuthorityInformationAccessOID.OCSP]
    )


def _of_http(names: Sequence[GeneralName]) -> Iterator[str]:
    # What lies behind LDAP is never fetched, and would be missed for ever.
    for name in names:
        is_url = isinstance(name, UniformResourceIdentifier) and len(name.value) <= _LONGEST_URL
        if is_url and name.value.lower().startswith(("http://", "https://")):
            yield name.value


def _has_issued(above: Certificate, one: Certificate) -> bool:
    try:
        one.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return above != one
