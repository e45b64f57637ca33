"""Checking a receipt against a file and a public key, offline (docs/formats/receipt.md §4).

Shares no code with the server, so that a defect there cannot hide itself here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.verifier.ed25519 import BadSignature, PublicKey

_CHUNK = 1 << 20


class NotVerified(Exception):
    """The receipt does not prove what it is held to prove; the text says why."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was proven, and what the receipt says besides."""

    statement: dict[str, Any]
    read_back: bool


def _part(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotVerified("it is not a compact JWS") from error


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError as error:
        raise NotVerified("it does not hold JSON") from error
    if not isinstance(value, dict):
        raise NotVerified("it does not hold a JSON object")
    return value


def thumbprint(key: PublicKey) -> str:
    """How a statement names its key (RFC 7638)."""
    x = base64.urlsafe_b64encode(key.raw).rstrip(b"=").decode()
    text = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def verify_statement(receipt: str, public_pem: bytes) -> dict[str, Any]:
    """Steps 1 to 4 of a receipt. Returns the statement; raises NotVerified."""
    return verify_signed(receipt, public_pem, "custos/receipt/1")


def verify_signed(receipt: str, public_pem: bytes, version: str) -> dict[str, Any]:
    """Form, algorithm, key and signature of any statement of that version; raises NotVerified."""
    parts = receipt.strip().split(".")
    if len(parts) != 3:
        raise NotVerified("it is not a compact JWS")
    header = _object(_part(parts[0]))
    if header.get("alg") != "Ed25519" or header.get("typ") != "custos-statement+jws":
        raise NotVerified("it is not signed the way this version of Custos signs")
    try:
        key = PublicKey.from_pem(public_pem)
    except ValueError as error:
        raise NotVerified("the public key is not an Ed25519 key in PEM") from error
    if header.get("kid") != thumbprint(key):
        raise NotVerified("it was signed with another key than the one given")
    try:
        key.verify(_part(parts[2]), f"{parts[0]}.{parts[1]}".encode())
    except BadSignature as error:
        raise NotVerified("the signature is wrong: it was changed or forged") from error
    statement = _object(_part(parts[1]))
    if statement.get("v") != version:
        raise NotVerified(f"it is not a statement {version}")
    return statement


def verify_receipt(file: Path, receipt: str, public_pem: bytes) -> Verified:
    """Steps 1 to 6: the statement, then the file's size and digests. Raises NotVerified, OSError."""
    statement = verify_statement(receipt, public_pem)
    sha256, crc32, size = hashlib.sha256(), 0, 0
    with file.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            sha256.update(piece)
            crc32 = zlib.crc32(piece, crc32)
            size += len(piece)
    digests = statement.get("digests", {})
    if size != statement.get("size"):
        raise NotVerified(f"the file has {size} bytes, the receipt is for {statement.get('size')}")
    if sha256.hexdigest() != digests.get("sha256") or f"{crc32:08x}" != digests.get("crc32"):
        raise NotVerified("the file is not the one that the receipt is for: its digest differs")
    found = statement.get("read_back")
    return Verified(statement, isinstance(found, dict) and found.get("sha256") == digests["sha256"])
