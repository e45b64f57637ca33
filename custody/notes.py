"""Signed notes (c2sp.org/signed-note), checkpoints (c2sp.org/tlog-checkpoint), cosignatures and proofs. Pure.

Invariant: what is parsed gives the same bytes when it is written again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from custody.tree import HASH_BYTES

ED25519 = 0x01
COSIGNATURE = 0x04
_MOST_SIGNATURES = 64
_LONGEST_SIZE = 19
_PROOF_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Whose signature is looked for: a name, what kind of signature, and the raw public key."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """SHA-256(name ‖ 0x0A ‖ kind ‖ key), its first four bytes."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def loaded(self) -> Ed25519PublicKey:
        """The key to verify with."""
        return Ed25519PublicKey.from_public_bytes(self.public)

    def __str__(self) -> str:
        """`<name>+<id>+<key>`, as policies pin it."""
        material = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{material}"


def parse_key(text: str) -> VerifierKey:
    """The inverse of `str`; raises ValueError."""
    name, _, rest = text.partition("+")
    _, _, material = rest.partition("+")
    decoded = parse_base64(material)
    if len(decoded) != 1 + 32 or decoded[0] not in (ED25519, COSIGNATURE):
        raise ValueError("not an Ed25519 key of a note")
    key = VerifierKey(checked_name(name), decoded[0], decoded[1:])
    if str(key) != text:
        raise ValueError("the key's name, identifier and bytes do not belong together")
    return key


def checked_name(name: str) -> str:
    """A key's name; raises ValueError for one that cannot stand in a signature line."""
    if not name or any(each.isspace() or each == "+" or each < " " for each in name):
        raise ValueError("a key's name is not empty and has no space or plus sign")
    return name


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who, which key, and its bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"— {self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"


def parse_note(text: str) -> Note:
    """The note; raises ValueError for what is none."""
    body, blank, lines = text.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or any(each < " " and each != "\n" for each in text):
        raise ValueError("not a signed note")
    signatures = []
    for line in lines.removesuffix("\n").split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        decoded = parse_base64(encoded)
        if dash != "—" or len(decoded) <= 4:
            raise ValueError("not a signature line")
        signatures.append(Signature(checked_name(name), decoded[:4], decoded[4:]))
    if not 1 <= len(signatures) <= _MOST_SIGNATURES:
        raise ValueError("a note has 1 to 64 signatures")
    return Note(body + "\n", tuple(signatures))


def parse_base64(text: str) -> bytes:
    """The bytes; raises ValueError for what is not base64 in its one form."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if base64.b64encode(decoded).decode() != text:
        raise ValueError("not base64 as it is written")
    return decoded


def sign(text: str, name: str, private: Ed25519PrivateKey) -> Signature:
    """A signature of the note's text."""
    key = VerifierKey(name, ED25519, private.public_key().public_bytes_raw())
    return Signature(name, key.id, private.sign(text.encode()))


def cosign(text: str, name: str, private: Ed25519PrivateKey, at: int) -> Signature:
    """A witness's signature of a checkpoint's text; `at` in seconds since 1970."""
    key = VerifierKey(name, COSIGNATURE, private.public_key().public_bytes_raw())
    return Signature(name, key.id, at.to_bytes(8, "big") + private.sign(_cosigned(text, at)))


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def require_signed(note: Note, key: VerifierKey) -> int | None:
    """Raises ValueError unless the note has a signature of the key, and every one of them holds.

    For a cosignature when it was made, in seconds since 1970.
    """
    found = [one for one in note.signatures if (one.name, one.key_id) == (key.name, key.id)]
    if not found:
        raise ValueError(f"{key.name} has not signed it")
    at: int | None = None
    public = key.loaded
    for one in found:
        signed, signature = note.text.encode(), one.signature
        if key.kind == COSIGNATURE:
            at = int.from_bytes(signature[:8], "big")
            signed, signature = _cosigned(note.text, at), signature[8:]
        try:
            public.verify(signature, signed)
        except InvalidSignature as error:
            raise ValueError(f"the signature of {key.name} does not hold") from error
    return at


def parse_size(text: str) -> int:
    """A number of leaves as it is written; raises ValueError."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_SIZE and str(int(text)) == text):
        raise ValueError("not a number of leaves")
    return int(text)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a tree: whose log, how many leaves, and their root."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """The inverse; extension lines are refused, as this log writes none. Raises ValueError."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise ValueError("not a checkpoint")
    found = Checkpoint(lines[0], parse_size(lines[1]), parse_base64(lines[2]))
    if len(found.root) != HASH_BYTES or str(found) != text:
        raise ValueError("not a checkpoint as it is written")
    return found


def tlog_proof(index: int, proof: Sequence[bytes], checkpoint: str) -> str:
    """A proof that can be kept and checked offline (c2sp.org/tlog-proof)."""
    lines = [_PROOF_HEADER, f"index {index}", *(base64.b64encode(one).decode() for one in proof)]
    return "\n".join(lines) + f"\n\n{checkpoint}"


def parse_tlog_proof(text: str) -> tuple[int, list[bytes], str]:
    """Index, hashes and the signed checkpoint; raises ValueError. Extra lines are refused."""
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    word, _, number = lines[1].partition(" ") if len(lines) > 1 else ("", "", "")
    if lines[0] != _PROOF_HEADER or not blank or word != "index" or not number.isdecimal():
        raise ValueError("not a proof of a log")
    proof = [parse_base64(line) for line in lines[2:]]
    if any(len(one) != HASH_BYTES for one in proof) or tlog_proof(int(number), proof, checkpoint) != text:
        raise ValueError("not a proof as it is written")
    return int(number), proof, checkpoint
