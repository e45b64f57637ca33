"""The embedded time authority: what an installation says of time where nobody outside is asked.

Its tokens have the form of any authority's, so that the same tools read them, and are marked in signed bytes:
its certificate and every token name the policy of `evidence.self_asserted`. Whoever runs the machine
sets its clock and holds its key, so that to an outsider it proves nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    CertificatePolicies,
    ExtendedKeyUsage,
    KeyUsage,
    Name,
    NameAttribute,
    PolicyInformation,
    SubjectKeyIdentifier,
    load_pem_x509_certificate,
    random_serial_number,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from custody.durable import replace, write_once
from custody.time_tokens import POLICY, TimeStamped, encode_request, encode_response
from evidence.errors import Unavailable
from evidence.ports.clock import Clock
from evidence.self_asserted import SELF_ASSERTED, SelfAssertedTime

#: Private key and certificate in one file, so that a crash leaves both or none.
TIME_KEY = "time-authority.pem"
#: Every certificate that this installation's authority ever had, the one in use first.
TIME_CERTIFICATES = "time-authority.crt.pem"
_SERIAL_BITS = 120
_NONCE_BITS = 63
# Its dates bind nobody; a clock that was wrong at the first start must not make every later token void.
_BEGINS = datetime(1970, 1, 1, tzinfo=UTC)
_ENDS = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


class EmbeddedAuthority:
    """`evidence.ports.signing.OwnClock` with a key that this process holds."""

    def __init__(
        self, private: EllipticCurvePrivateKey, certificate: Certificate, certificates: bytes, clock: Clock
    ) -> None:
        self._private = private
        self._certificate = certificate
        self._certificates = certificates
        self._clock = clock

    @property
    def certificates(self) -> bytes:
        """See the port."""
        return self._certificates

    def assert_time(self, statement: bytes) -> SelfAssertedTime:
        """See the port."""
        digest, nonce = hashlib.sha256(statement).digest(), secrets.randbits(_NONCE_BITS)
        at = self._clock.now().replace(microsecond=0)
        said = TimeStamped(digest, at, secrets.randbits(_SERIAL_BITS), nonce)
        token = encode_response(said, self._private, self._certificate)
        return SelfAssertedTime(at, token, encode_request("sha256", digest, nonce))


def open_embedded(directory: Path, clock: Clock) -> EmbeddedAuthority:
    """The authority whose key lies in `directory`, made if there is none; processes may start at once.

    Key and certificate are durable on return. Nobody relies on this key being the same for ever: one that is
    lost is replaced by another. Raises Unavailable("bad-time-key") for a file that holds none.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, public = directory / TIME_KEY, directory / TIME_CERTIFICATES
    if not path.exists():
        write_once(path, _made(), 0o600)
    data = path.read_bytes()
    try:
        private, certificate = load_pem_private_key(data, None), load_pem_x509_certificate(data)
    except ValueError as error:
        raise _bad_key() from error
    if not isinstance(private, EllipticCurvePrivateKey) or certificate.public_key() != private.public_key():
        raise _bad_key()
    mine = certificate.public_bytes(Encoding.PEM)
    known = public.read_bytes() if public.exists() else b""
    if mine not in known:
        known = mine + known
        replace(public, known, 0o644)
    return EmbeddedAuthority(private, certificate, known, clock)


def _made() -> bytes:
    private = generate_private_key(SECP256R1())
    name = Name(
        [
            NameAttribute(NameOID.ORGANIZATION_NAME, "Custos"),
            NameAttribute(NameOID.COMMON_NAME, f"{SELF_ASSERTED} time of this installation"),
            # Two of one name would be taken for each other where both are given as roots.
            NameAttribute(NameOID.SERIAL_NUMBER, secrets.token_hex(8)),
        ]
    )
    certificate = (
        CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(random_serial_number())
        .not_valid_before(_BEGINS)
        .not_valid_after(_ENDS)
        .add_extension(BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_signing_alone(), critical=True)
        .add_extension(ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(CertificatePolicies([PolicyInformation(POLICY, None)]), critical=False)
        .add_extension(SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .sign(private, SHA256())
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem + certificate.public_bytes(Encoding.PEM)


def _signing_alone() -> KeyUsage:
    return KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _bad_key() -> Unavailable:
    return Unavailable(
        "bad-time-key",
        f"{TIME_KEY} in the key directory is not the key of an embedded time authority. Put the right one "
        "back from your backup, or move it aside: another is made, and nothing that was signed is lost.",
    )
