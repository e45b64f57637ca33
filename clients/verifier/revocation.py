"""Whether a certificate was revoked when it signed (RFC 5280 §6.3, RFC 3161 §4), by what was kept: lists, and
answers of responders (OCSP).

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from clients.verifier.ocsp import Answer, NotOfUse, answer_about, is_about, read_answer
from clients.verifier.receipt import NotVerified

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList, RevokedCertificate
    from cryptography.x509.ocsp import OCSPResponse

_LONGEST = 8
#: Why a certificate may be revoked without what it signed before being void (RFC 3161 §4).
_HARMLESS = {"unspecified", "affiliationChanged", "superseded", "cessationOfOperation"}
_NO_REASON = "no reason given"


class Voided(NotVerified):
    """An authority's own token that proves nothing: another one beside it makes no difference."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Revocation lists: each by its name, with its bytes (DER, or PEM where somebody gives one).

    `answers` are those of responders (OCSP), in DER.
    """

    found: tuple[tuple[str, bytes], ...] = ()
    answers: tuple[tuple[str, bytes], ...] = ()

    def with_more(self, others: Lists) -> Lists:
        """These and others."""
        return Lists((*self.found, *others.found), (*self.answers, *others.answers))


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether each certificate of a chain was in good standing, as far as is known.

    `of_no_use` says why answers about one of them, for which nothing else speaks, were not taken.
    """

    is_unrevoked: bool
    of_no_use: tuple[str, ...] = ()


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


def standing(
    chain: Iterable[tuple[Certificate, Certificate]], lists: Lists, at: datetime, name: str
) -> Standing:
    """Whether lists and answers of that time say of each that it was not revoked; not where one is missing.

    Raises NotVerified for one that was, and for a list or an answer that is none.
    """
    read = [_read(data, called) for called, data in lists.found]
    answers = [(called, read_answer(data, called)) for called, data in lists.answers]
    covered, of_no_use = list[bool](), list[str]()
    # Every one of them is looked at: one that was revoked is found also where another's list is missing.
    for one, above in chain:
        is_listed = _is_listed(one, above, read, at, name)
        is_answered, refused = _is_answered(one, above, answers, at, name)
        covered.append(is_listed or is_answered)
        of_no_use += () if covered[-1] else refused
    return Standing(bool(covered) and all(covered), tuple(of_no_use))


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
        if revoked is not None:
            _require_harmless(one, revoked.revocation_date_utc, _reason(revoked), at, name)
        covered |= _covers(one, found.last_update_utc, found.next_update_utc, at)
    return covered


def _is_answered(
    one: Certificate,
    above: Certificate,
    answers: Sequence[tuple[str, OCSPResponse]],
    at: datetime,
    name: str,
) -> tuple[bool, list[str]]:
    """Whether an answer of that time speaks for it, and why those about it do not that do not."""
    covered, refused = False, list[str]()
    for called, response in answers:
        if not is_about(response, one):
            continue
        try:
            found: Answer = answer_about(response, one, above)
        except NotOfUse as error:
            refused.append(f"{called}: {error}")
            continue
        if found.revoked is not None:
            _require_harmless(one, found.revoked, found.reason or _NO_REASON, at, name)
        if _covers(one, found.made, found.until, at):
            covered = True
        else:
            refused.append(f"{called}: it is of another time")
    if answers and not refused and not covered:
        refused.append("the OCSP answers here are about other certificates")
    return covered, refused


def _covers(one: Certificate, made: datetime, until: datetime | None, at: datetime) -> bool:
    """Whether what was made then speaks for the certificate at that time.

    In force at that time, or younger: who was revoked by then would stand in it. But not once the
    certificate itself had ended: nobody has to remember it then.
    """
    return made <= one.not_valid_after_utc and (made >= at or (until is not None and at <= until))


def _require_harmless(one: Certificate, revoked: datetime, reason: str, at: datetime, name: str) -> None:
    """Without one of those reasons everything that the key ever signed is void, at whatever time."""
    if reason not in _HARMLESS or revoked <= at:
        raise Voided(
            f"{name} proves no time: {one.subject.rfc4514_string()!r}, its authority's certificate, was "
            f"revoked on {revoked:%Y-%m-%d %H:%M:%S} UTC ({reason})"
        )


def _reason(revoked: RevokedCertificate) -> str:
    from cryptography.x509 import CRLReason, ExtensionNotFound

    try:
        reason: str = revoked.extensions.get_extension_for_class(CRLReason).value.reason.value
    except ExtensionNotFound:
        return _NO_REASON
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
