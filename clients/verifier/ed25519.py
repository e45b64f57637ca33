"""Ed25519 (RFC 8032) public keys: checked by `cryptography` where it is, else by the arithmetic below.

An outsider's Python has no libraries, and what has to be installed first is not checked. The arithmetic
is RFC 8032 §5.1.7 as it stands there, on Python's integers: some milliseconds a signature. Only public
things are computed, so that nothing depends on how long that takes. Both ways accept and refuse the same.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TypeAlias

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None  # type: ignore[assignment, misc]

_KEY_BYTES, _SIGNATURE_BYTES = 32, 64
#: SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) is this and its 32 bytes.
_DER = bytes.fromhex("302a300506032b6570032100")
_HEAD, _TAIL = b"-----BEGIN PUBLIC KEY-----", b"-----END PUBLIC KEY-----"

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)

#: Extended coordinates X, Y, Z, T: x = X/Z, y = Y/Z, xy = T/Z.
_Point: TypeAlias = tuple[int, int, int, int]


class BadSignature(Exception):
    """The signature is not one of this key over this message."""


@dataclass(frozen=True)
class PublicKey:
    """A public key of 32 bytes."""

    raw: bytes

    @classmethod
    def from_pem(cls, pem: bytes) -> PublicKey:
        """The key in a PEM file; ValueError for what holds no Ed25519 public key."""
        lines = [line.strip() for line in pem.strip().splitlines()]
        if len(lines) < 3 or (lines[0], lines[-1]) != (_HEAD, _TAIL):
            raise ValueError("no PEM of a public key")
        der = base64.b64decode(b"".join(lines[1:-1]), validate=True)
        if len(der) != len(_DER) + _KEY_BYTES or not der.startswith(_DER):
            raise ValueError("not an Ed25519 key")
        return cls(der[len(_DER) :])

    @property
    def pem(self) -> bytes:
        """The key as a PEM file."""
        return b"\n".join([_HEAD, base64.b64encode(_DER + self.raw), _TAIL, b""])

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if the signature holds; raises BadSignature."""
        if Ed25519PublicKey is None:
            verify_plainly(self.raw, signature, message)
            return
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise BadSignature from error


def verify_plainly(public: bytes, signature: bytes, message: bytes) -> None:
    """RFC 8032 §5.1.7, without a library; raises BadSignature."""
    if len(public) != _KEY_BYTES or len(signature) != _SIGNATURE_BYTES:
        raise BadSignature
    key, scalar = _decoded(public), int.from_bytes(signature[32:], "little")
    if key is None or scalar >= _L:
        raise BadSignature
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    # R = S·B − k·A, and its encoding has to be the one that was signed with: what is no encoding of a point,
    # or another one of the same point, is refused so.
    x, y, z, t = key
    found = _add(_times(scalar, _BASE), _times(challenge, (-x % _P, y, z, -t % _P)))
    if _encoded(found) != signature[:32]:
        raise BadSignature


def _add(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(scalar: int, point: _Point) -> _Point:
    found: _Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            found = _add(found, point)
        point, scalar = _add(point, point), scalar >> 1
    return found


def _encoded(point: _Point) -> bytes:
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decoded(data: bytes) -> _Point | None:
    """The point of an encoding (§5.1.3), None where it is none. `y` is taken modulo p, as OpenSSL does."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, (number & (1 << 255) - 1) % _P
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P:
        return None
    if x & 1 != sign:
        x = -x % _P
    return (x, y, 1, x * y % _P)


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_FOUND_BASE = _decoded(_BASE_Y.to_bytes(32, "little"))
assert _FOUND_BASE is not None
_BASE: _Point = _FOUND_BASE
