"""Whether a certificate was revoked when it signed (RFC 5280 §6.3, RFC 3161 §4), by what was kept: lists, and
answers of responders (OCSP).

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from clients.verifier.ocsp import (
    NO_REASON,
    NotOfUse,
    Statement,
    answer_about,
    is_about,
    is_void,
    read_answer,
)
from clients.verifier.receipt import NotVerified

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList, RevokedCertificate
    from cryptography.x509.ocsp import OCSPResponse

_LONGEST = 8
#: So many reasons are told for which answers were not taken.
MOST_TOLD = 5


class Voided(NotVerified):
    """An authority's own token that proves nothing: another one beside it makes no difference."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Revocation lists: each by its name, with its bytes (DER, or PEM where somebody gives one).

    `answers` are those of responders (OCSP), in DER.
    """

    found: tuple[tuple[str, bytes], ...] = ()
    answers: tuple[tuple[str, bytes], ...] = ()
    #: All of them, once they were read.
    _read: list[tuple[list[CertificateRevocationList], list[tuple[str, OCSPResponse]]]] = field(
        default_factory=list, init=False, compare=False, repr=False
    )
    #: What is known by them of a certificate, by it and by the one above it: a log has many tokens of few.
    _known: dict[tuple[Certificate, Certificate], _Known] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def with_more(self, others: Lists) -> Lists:
        """These and others."""
        return Lists((*self.found, *others.found), (*self.answers, *others.answers))

    def known(self, one: Certificate, above: Certificate) -> _Known:
        """What they say of the certificate that `above` has issued; raises NotVerified for what is none."""
        if not self._read:
            self._read.append(
                (
                    [_read(data, called) for called, data in self.found],
                    [(called, read_answer(data, called)) for called, data in self.answers],
                )
            )
        if (one, above) not in self._known:
            lists, answers = self._read[0]
            taken, of_no_use = _answered(one, above, lists, answers)
            told = [*_listed(one, above, lists), *taken]
            self._known[one, above] = _Known.of(one, told, of_no_use)
        return self._known[one, above]


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether each certificate of a chain was in good standing, as far as is known.

    `of_no_use` says why answers about one of them, for which nothing else speaks, were not taken.
    """

    is_unrevoked: bool
    of_no_use: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """What was ever said of one certificate: when it was revoked and why, and how far that reaches.

    `made` and `until` are the latest of what was made before the certificate ended: nobody has to remember
    a revocation after that. `of_no_use` is why nothing else speaks, where nothing does.
    """

    made: datetime | None
    until: datetime | None
    revoked: tuple[tuple[datetime, str], ...]
    of_no_use: tuple[str, ...]

    @classmethod
    def of(cls, one: Certificate, told: Sequence[Statement], of_no_use: Sequence[str]) -> _Known:
        """Of what lists and answers said of it."""
        speaking = [each for each in told if each.made <= one.not_valid_after_utc]
        return cls(
            max((each.made for each in speaking), default=None),
            max((each.until for each in speaking if each.until is not None), default=None),
            tuple(dict.fromkeys(each.revoked for each in told if each.revoked is not None)),
            tuple(of_no_use[: MOST_TOLD + 1]),
        )

    def speaks_at(self, at: datetime) -> bool:
        """Whether something was in force then, or is younger: who was revoked by then would stand in it."""
        return (self.made is not None and self.made >= at) or (self.until is not None and at <= self.until)


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
    covered, of_no_use = list[bool](), list[str]()
    # Every one of them is looked at: one that was revoked is found also where another's list is missing.
    for one, above in chain:
        known = lists.known(one, above)
        for revoked, reason in known.revoked:
            _require_harmless(one, revoked, reason, at, name)
        covered.append(known.speaks_at(at))
        of_no_use += () if covered[-1] else known.of_no_use
    return Standing(bool(covered) and all(covered), tuple(of_no_use))


def _listed(
    one: Certificate, above: Certificate, lists: Sequence[CertificateRevocationList]
) -> Iterator[Statement]:
    for found in lists:
        if found.issuer != above.subject or not found.is_signature_valid(above.public_key()):  # type: ignore[arg-type]
            continue
        if not _is_whole(found):
            continue
        entry = found.get_revoked_certificate_by_serial_number(one.serial_number)
        revoked = None if entry is None else (entry.revocation_date_utc, _reason(entry))
        yield Statement(found.last_update_utc, found.next_update_utc, revoked)


def _answered(
    one: Certificate,
    above: Certificate,
    lists: Sequence[CertificateRevocationList],
    answers: Sequence[tuple[str, OCSPResponse]],
) -> tuple[list[Statement], list[str]]:
    """What answers say of it, and why each that does not speak at some time does not."""

    def revoked_of(delegate: Certificate) -> Iterator[tuple[datetime, str]]:
        return (said.revoked for said in _listed(delegate, above, lists) if said.revoked is not None)

    taken, refused, others = list[Statement](), list[str](), list[str]()
    for called, response in answers:
        if not is_about(response, one):
            continue
        try:
            taken.append(answer_about(response, one, above, revoked_of))
            others.append(f"{called}: it is of another time")
        except NotOfUse as error:
            refused.append(f"{called}: {error}")
    if answers and not taken and not refused:
        refused.append("the OCSP answers here are about other certificates")
    return taken, refused + others


def _require_harmless(one: Certificate, revoked: datetime, reason: str, at: datetime, name: str) -> None:
    if is_void(revoked, reason, at):
        raise Voided(
            f"{name} proves no time: {one.subject.rfc4514_string()!r}, its authority's certificate, was "
            f"revoked on {revoked:%Y-%m-%d %H:%M:%S} UTC ({reason})"
        )


def _reason(revoked: RevokedCertificate) -> str:
    from cryptography.x509 import CRLReason, ExtensionNotFound

    try:
        reason: str = revoked.extensions.get_extension_for_class(CRLReason).value.reason.value
    except ExtensionNotFound:
        return NO_REASON
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
