"""Files that only a passphrase opens: scrypt makes the key, AES-256-GCM keeps and protects what is inside.

The parameters stand in the file and are bound to what is encrypted, so that none can be weakened unseen.
"""

from __future__ import annotations

import base64
import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from evidence.canonical import Json, canonical
from evidence.errors import Invalid

#: Half a second and 128 MiB on a small machine: what guessing costs, each time.
_N, _R, _P = 1 << 17, 8, 1
#: What a file may ask of whoever opens it.
_MOST_N = 1 << 20
LEAST_CHARACTERS = 12


def checked_passphrase(passphrase: str) -> str:
    """The passphrase; raises Invalid("weak-passphrase")."""
    if len(passphrase) < LEAST_CHARACTERS:
        raise Invalid(
            "weak-passphrase",
            f"Choose a passphrase of at least {LEAST_CHARACTERS} characters: whoever finds the file "
            "guesses at leisure. Several words in a row are good.",
        )
    return passphrase


def lock_away(data: bytes, passphrase: str, version: str) -> bytes:
    """`data` as a file that says what it is and how it is encrypted. Raises Invalid("weak-passphrase")."""
    head: dict[str, Json] = {
        "v": version,
        "kdf": {"name": "scrypt", "n": _N, "r": _R, "p": _P, "salt": _text(secrets.token_bytes(32))},
        "cipher": {"name": "AES-256-GCM", "nonce": _text(secrets.token_bytes(12))},
    }
    sealed = _cipher(head, checked_passphrase(passphrase)).encrypt(_nonce(head), data, canonical(head))
    return canonical({**head, "data": _text(sealed)}) + b"\n"


def open_again(file: bytes, passphrase: str, version: str) -> bytes:
    """What `lock_away` was given; raises Invalid("not-such-a-file"), Invalid("wrong-passphrase")."""
    try:
        said = json.loads(file)
        head = {name: said[name] for name in ("v", "kdf", "cipher")}
        data = base64.b64decode(said["data"], validate=True)
        _require(head["v"] == version)
        cipher, nonce = _cipher(head, passphrase), _nonce(head)
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise Invalid("not-such-a-file", f"This is no file of the kind {version}.") from error
    try:
        return cipher.decrypt(nonce, data, canonical(head))
    except (InvalidTag, ValueError) as error:
        raise Invalid("wrong-passphrase", "The passphrase is wrong, or the file was changed.") from error


def _cipher(head: dict[str, Json], passphrase: str) -> AESGCM:
    kdf = head["kdf"]
    assert isinstance(kdf, dict)
    n, r, p = (kdf[name] for name in ("n", "r", "p"))
    assert isinstance(n, int)
    assert isinstance(r, int)
    assert isinstance(p, int)
    _require(kdf["name"] == "scrypt" and n <= _MOST_N and r <= _R and p <= _P)
    salt = base64.b64decode(str(kdf["salt"]), validate=True)
    return AESGCM(Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(passphrase.encode()))


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("not a file of this version")


def _nonce(head: dict[str, Json]) -> bytes:
    cipher = head["cipher"]
    assert isinstance(cipher, dict)
    return base64.b64decode(str(cipher["nonce"]), validate=True)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
