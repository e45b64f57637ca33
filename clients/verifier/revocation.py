"""Whether a certificate was revoked when it signed (RFC 5280 §6.3, RFC 3161 §4), by lists that were kept.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from clients.verifier.receipt import NotVerified

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList, RevokedCertificate

_LONGEST = 8
#: Why a certificate may be revoked without what it signed before being void (RFC 3161 §4).
_HARMLESS = {"unspecified", "affiliationChanged", "superseded", "cessationOfOperation"}


class Voided(NotVerified):
    """An authority's own token that proves nothing: another one beside it makes no difference."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Revocation lists: each by its name, with its bytes (DER, or PEM where somebody gives one)."""

    found: tuple[tuple[str, bytes], ...] = ()

    def with_more(self, others: Lists) -> Lists:
        """These and others."""
        return Lists((*self.found, *others.found))


NO_LISTS = Lists()


def chain_of(
    held: Sequence[Certificate], roots: Sequence[Certificate], issuer: object, serial: int
) -> list[tuple[Certificate, Certificate]]:
    """Each certificate from the signer's up to below a root, with the one that issued it."""
    at = next(one for one in held if (one.issuer, one.serial_number) == (issuer, serial))
    found: list[tuple[Certificate, Certificate]] = []
    while at not in roots and len(found) < _LONGEST:
        above = next((one for one in (*roots, *held) if _has_issued(one, at)), None)
        if above is None:
            break
        found.append((at, above))
        at = above
    return found


def is_unrevoked(
    chain: Iterable[tuple[Certificate, Certificate]], lists: Lists, at: datetime, name: str
) -> bool:
    """Whether lists of that time say of each that it was not revoked; False where one is missing.

    Raises NotVerified for one that was, and for a list that is none.
    """
    read = [_read(data, called) for called, data in lists.found]
    # Every one of them is looked at: one that was revoked is found also where another's list is missing.
    listed = [_is_listed(one, above, read, at, name) for one, above in chain]
    return bool(listed) and all(listed)


def _is_listed(
    one: Certificate,
    above: Certificate,
    lists: Sequence[CertificateRevocationList],
    at: datetime,
    name: str,
) -> bool:
    covered = False
    for found in lists:
        if found.issuer != above.subject or not found.is_signature_valid(above.public_key()):  # type: ignore[arg-type]
            continue
        if not _is_whole(found):
            continue
        revoked = found.get_revoked_certificate_by_serial_number(one.serial_number)
        if revoked is not None and _voids(revoked, at):
            raise Voided(
                f"{name} proves no time: {one.subject.rfc4514_string()!r}, its authority's certificate, was "
                f"revoked on {revoked.revocation_date_utc:%Y-%m-%d %H:%M:%S} UTC ({_reason(revoked)})"
            )
        # In force at that time, or younger: who was revoked by then would stand in it.
        until = found.next_update_utc
        covered |= found.last_update_utc >= at or (until is not None and at <= until)
    return covered


def _voids(revoked: RevokedCertificate, at: datetime) -> bool:
    """Without one of those reasons everything that the key ever signed is void, at whatever time."""
    return _reason(revoked) not in _HARMLESS or revoked.revocation_date_utc <= at


def _reason(revoked: RevokedCertificate) -> str:
    from cryptography.x509 import CRLReason, ExtensionNotFound

    try:
        reason: str = revoked.extensions.get_extension_for_class(CRLReason).value.reason.value
    except ExtensionNotFound:
        return "no reason given"
    return reason


def _is_whole(found: CertificateRevocationList) -> bool:
    """Whether it lists every certificate of its issuer for every reason; others are not read."""
    from cryptography.x509 import DeltaCRLIndicator, IssuingDistributionPoint

    for extension in found.extensions:
        value = extension.value
        if isinstance(value, DeltaCRLIndicator):
            return False
        if isinstance(value, IssuingDistributionPoint):
            narrow = (
                value.only_contains_user_certs,
                value.only_contains_ca_certs,
                value.only_contains_attribute_certs,
                value.indirect_crl,
                value.only_some_reasons,
            )
            if any(narrow):
                return False
        elif extension.critical:
            return False
    return True


def _read(data: bytes, name: str) -> CertificateRevocationList:
    from cryptography.x509 import load_der_x509_crl, load_pem_x509_crl

    try:
        found = (load_pem_x509_crl if data.startswith(b"-----BEGIN") else load_der_x509_crl)(data)
        list(found.extensions)
    except (ValueError, TypeError) as error:
        raise NotVerified(f"{name} is no revocation list") from error
    return found


def _has_issued(above: Certificate, one: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        one.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return above != one
