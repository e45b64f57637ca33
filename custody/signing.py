"""The installation's signing key and the statements made with it.

Statements are compact JWS (RFC 7515) with `alg` "Ed25519" (RFC 9864); the header names the key by its
RFC 7638 thumbprint, so that keys can be rolled and other algorithms can follow.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from joserfc import jws
from joserfc.jwk import OKPKey

from custody.durable import write_once
from custody.notes import Signature, cosign, sign
from evidence.errors import Unavailable

ALGORITHM = "Ed25519"
STATEMENT_TYPE = "custos-statement+jws"
_PRIVATE = "signing-key.pem"
PUBLIC = "signing-key.pub.pem"


class FileSigner:
    """`evidence.ports.signing.Signer` with a private key in a 0600 file."""

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


def open_signer(directory: Path) -> FileSigner:
    """The key in `directory`, made at the first start; several processes may start at once.

    The key and its public half are durable on return. Raises Unavailable("bad-key") when the file is
    there and is not an Ed25519 key.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / _PRIVATE
    if not path.exists():
        _make_key(path)
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise _bad_key() from error
    if not isinstance(private, Ed25519PrivateKey):
        raise _bad_key()
    signer = FileSigner(private)
    public = directory / PUBLIC
    if not public.exists():
        write_once(public, signer.public_pem, 0o644)
    return signer


def _bad_key() -> Unavailable:
    return Unavailable(
        "bad-key",
        f"{_PRIVATE} in the key directory is not an Ed25519 private key. Put the right one back from your "
        "backup: what it has signed can only be checked against it.",
    )


def _make_key(path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_once(path, pem, 0o600)
