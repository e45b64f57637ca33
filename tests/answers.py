"""Answers of an OCSP responder, true and forged, about the certificate of an authority of the tests."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import (
    Certificate,
    CertificateBuilder,
    ExtendedKeyUsage,
    ExtensionType,
    Name,
    NameAttribute,
    ObjectIdentifier,
    ReasonFlags,
    load_pem_x509_certificate,
    random_serial_number,
)
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponderEncoding, OCSPResponseBuilder
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.time_authority import TimeAuthority

_SIGNING = (ExtendedKeyUsageOID.OCSP_SIGNING,)
_ENCODINGS = {"name": OCSPResponderEncoding.NAME, "key": OCSPResponderEncoding.HASH}
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Signed:
    """A certificate, and its key."""

    certificate: Certificate
    key: EllipticCurvePrivateKey


class Forger:
    """Whoever has the keys of the authority's root; `chain` is the signer's certificate and the root's."""

    def __init__(self, authority: TimeAuthority) -> None:
        self._directory = authority.root.parent
        self.root = Signed(self._certificate("root"), _key(self._directory / "root.key"))
        self.chain = (self._certificate("signer"), self.root.certificate)

    def _certificate(self, name: str) -> Certificate:
        return load_pem_x509_certificate((self._directory / f"{name}.pem").read_bytes())

    def answer(
        self,
        status: OCSPCertStatus = OCSPCertStatus.GOOD,
        *,
        by: Signed | None = None,
        called: Certificate | None = None,
        held: Sequence[Certificate] | None = None,
        about: str | None = None,
        issuer: Certificate | None = None,
        made: datetime | None = None,
        until: datetime | None = None,
        at: datetime | None = None,
        reason: ReasonFlags | None = None,
        named_by: str = "name",
        digest: str = "sha1",
        more: Sequence[tuple[ExtensionType, bool]] = (),
        signed_by: HashAlgorithm | None = None,
    ) -> bytes:
        """One in DER: by a delegate of the root, about the signer's certificate, of now and without an end.

        `at` is when it was revoked, `called` who the responder says that it is, `held` what goes along in it.
        """
        signer = by or self.delegate()
        now = datetime.now(UTC).replace(microsecond=0)
        builder = OCSPResponseBuilder().add_response(
            self.chain[0] if about is None else self._certificate(about),
            issuer or self.root.certificate,
            SHA1() if digest == "sha1" else SHA256(),
            status,
            made or now,
            until,
            at,
            reason,
        )
        builder = builder.responder_id(_ENCODINGS[named_by], called or signer.certificate)
        if held is None:
            held = [] if signer == self.root else [signer.certificate]
        if held:
            builder = builder.certificates(held)
        for extension, critical in more:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer.key, signed_by or SHA256()).public_bytes(Encoding.DER)

    def about_two(self) -> bytes:
        """One of openssl's, about two certificates at once."""
        place = self._directory
        two = [part for name in ("signer", "responder") for part in ("-cert", place / f"{name}.pem")]
        root = place / "root.pem"
        _openssl("ocsp", "-issuer", root, *two, "-reqout", place / "two.question", "-no_nonce")
        (place / "two.index").write_text("")
        _openssl(
            "ocsp", "-index", place / "two.index", "-CA", root, "-reqin", place / "two.question", "-rsigner",
            root, "-rkey", place / "root.key", "-respout", place / "two.answer", "-nmin", "60",
        )  # fmt: skip
        return (place / "two.answer").read_bytes()

    def delegate(
        self,
        *,
        purposes: Sequence[ObjectIdentifier] = _SIGNING,
        days: tuple[int, int] = (-1, 10),
        above: Signed | None = None,
    ) -> Signed:
        """Who may sign for the root, or not quite."""
        return _issued("Delegate", above or self.root, purposes, days)

    def namesake(self, one: Signed) -> Certificate:
        """A certificate of the same key, under another name."""
        return _issued("Somebody", self.root, _SIGNING, (-1, 10), one.key).certificate

    def stranger(self) -> Signed:
        """Who issued itself a certificate for signing answers."""
        return _issued("Delegate", None, _SIGNING, (-1, 10))

    def twin_of_the_root(self) -> Signed:
        """Somebody else who has the root's name."""
        return _issued("Root of the tests", None, (), (-1, 10))

    def ended(self) -> Forger:
        """The same with a signer's certificate that ended yesterday."""
        other = object.__new__(Forger)
        other.__dict__.update(self.__dict__)
        other.chain = (_issued("Ended", self.root, (), (-9, -1)).certificate, self.root.certificate)
        return other


def _issued(
    name: str,
    above: Signed | None,
    purposes: Sequence[ObjectIdentifier],
    days: tuple[int, int],
    key: EllipticCurvePrivateKey | None = None,
) -> Signed:
    key, now = key or generate_private_key(SECP256R1()), datetime.now(UTC)
    subject = Name([NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if above is None else above.certificate.subject)
        .public_key(key.public_key())
        .serial_number(random_serial_number())
        .not_valid_before(now + days[0] * _DAY)
        .not_valid_after(now + days[1] * _DAY)
    )
    if purposes:
        builder = builder.add_extension(ExtendedKeyUsage(purposes), critical=False)
    return Signed(builder.sign(key if above is None else above.key, SHA256()), key)


def _key(path: Path) -> EllipticCurvePrivateKey:
    found = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(found, EllipticCurvePrivateKey)
    return found


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
