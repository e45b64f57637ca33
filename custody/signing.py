"""The installation's signing key and the statements made with it.

Statements are compact JWS (RFC 7515) with `alg` "Ed25519" (RFC 9864); the header names the key by its
RFC 7638 thumbprint, so that keys can be rolled and other algorithms can follow.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jws
from joserfc.jwk import OKPKey

from custody.notes import Signature, cosign, sign

ALGORITHM = "Ed25519"
STATEMENT_TYPE = "custos-statement+jws"


class FileSigner:
    """`evidence.ports.signing.Signer` with a private key that this process holds."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._private = private
        self._key = OKPKey.import_key(pem)
        self._public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def key_id(self) -> str:
        """RFC 7638 thumbprint."""
        return self._key.thumbprint()

    @property
    def public_pem(self) -> bytes:
        """The public key, for whoever verifies."""
        return self._public

    @property
    def note_key(self) -> bytes:
        """The public key as notes name it: 32 bytes."""
        return self._private.public_key().public_bytes_raw()

    def sign_note(self, text: str, name: str) -> Signature:
        """A signature of a note's text (c2sp.org/signed-note) under that name."""
        return sign(text, name, self._private)

    def cosign_note(self, text: str, name: str, at: int) -> Signature:
        """A cosignature of a checkpoint's text (c2sp.org/tlog-cosignature); `at` in seconds since 1970."""
        return cosign(text, name, self._private, at)

    def sign_statement(self, payload: bytes) -> str:
        """`payload` as a compact JWS; equal payloads give equal statements."""
        header = {"alg": ALGORITHM, "kid": self.key_id, "typ": STATEMENT_TYPE}
        return jws.serialize_compact(header, payload, self._key, algorithms=[ALGORITHM])
