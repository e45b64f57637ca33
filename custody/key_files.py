"""Keys as files: a directory of mode 0700, private keys of mode 0600, nothing ever half written.

A signing key is made at the first start and at no other: where one was before and is gone, nothing is made.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from custody.durable import write_once
from custody.signing import FileSigner
from evidence.errors import Unavailable

PRIVATE = "signing-key.pem"
PUBLIC = "signing-key.pub.pem"
#: Of a rotation that is not finished: the key that takes over, and the statement.
NEXT = "next-signing-key.pem"
PENDING = "pending-rotation.json"
#: Directories of statements about keys, and of public keys that are no longer in force.
STATEMENTS = "statements"
RETIRED = "retired"
#: In the order in which to try them: a host that still has the key would go on to sign with it after it was
#: replaced.
WAYS_BACK = (
    "Where other hosts belong to this installation, copy the keys directory from one that runs. Else put the "
    "key back from a backup (`custos keys restore`). Only where no host and no backup has it, replace it "
    "with the recovery key (`custos keys rotate --recovery`)."
)


def open_signer(directory: Path, *, is_first: bool = True) -> FileSigner:
    """The key in `directory`, made if `is_first`, at the first start; several processes may start at once.

    The key and its public half are durable on return. Raises Unavailable("bad-key") when the file is there
    and is not an Ed25519 key, Unavailable("key-lost") when there was one before,
    Unavailable("rotation-unfinished") while a rotation is.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (directory / PENDING).exists():
        raise Unavailable(
            "rotation-unfinished",
            "A rotation of the signing key was begun and not finished. Run `custos keys rotate --finish`.",
        )
    path, public = directory / PRIVATE, directory / PUBLIC
    if is_first and not path.exists() and not public.exists():
        write_once(path, private_pem(Ed25519PrivateKey.generate()), 0o600)
    signer = FileSigner(load_private(path))
    if not public.exists():
        write_once(public, signer.public_pem, 0o644)
    return signer


def load_private(path: Path) -> Ed25519PrivateKey:
    """The private key in a file; raises Unavailable("bad-key"), Unavailable("key-lost")."""
    try:
        return private_of(path.read_bytes())
    except FileNotFoundError as error:
        raise Unavailable(
            "key-lost",
            f"The signing key is not here. {WAYS_BACK}",
        ) from error


def private_of(pem: bytes) -> Ed25519PrivateKey:
    """The private key in PKCS#8 PEM; raises Unavailable("bad-key")."""
    try:
        private = load_pem_private_key(pem, password=None)
    except ValueError as error:
        raise _bad_key() from error
    if not isinstance(private, Ed25519PrivateKey):
        raise _bad_key()
    return private


def private_pem(private: Ed25519PrivateKey) -> bytes:
    """PKCS#8, not encrypted: whoever reads the file can sign."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _bad_key() -> Unavailable:
    return Unavailable(
        "bad-key",
        f"{PRIVATE} in the key directory is not an Ed25519 private key. Put the right one back from your "
        "backup: what it has signed can only be checked against it.",
    )
