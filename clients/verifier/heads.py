"""The signed head of a log: c2sp.org/signed-note and c2sp.org/tlog-checkpoint, and how a leaf leads to it.

Written from docs/formats/log.md; shares no code with the server.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from clients.verifier.ed25519 import BadSignature, PublicKey
from clients.verifier.receipt import NotVerified

_LONGEST_NUMBER = 19


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was checked, what that proves, and what it does not."""

    title: str
    proved: str
    not_checked: str = ""


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """Whose head is believed: the log's name and its Ed25519 key."""

    name: str
    key_id: bytes
    public: PublicKey
    #: Keys that this one took over from, where a chain of statements says so (`clients.verifier.keys`).
    earlier: tuple[PinnedKey, ...] = ()

    @property
    def pem(self) -> bytes:
        """The key as receipts and seals are verified with it: it signs them too."""
        return self.public.pem


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Which witness has cosigned, and when by its own clock."""

    witness: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Head:
    """What a checkpoint says once its signature holds, and which of a policy's witnesses cosigned it."""

    origin: str
    size: int
    root: bytes
    cosigned: tuple[Cosigned, ...] = ()
    #: Signed by a key that was replaced since, and not by the one in force.
    by_earlier: bool = False


def sha256(*parts: bytes) -> bytes:
    """The digest of the parts, one after the other."""
    return hashlib.sha256(b"".join(parts)).digest()


def decoded(text: str, what: str) -> bytes:
    """Base64 in its one form; raises NotVerified that names `what`."""
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise NotVerified(f"{what} is not base64") from error
    if base64.b64encode(found).decode() != text:
        raise NotVerified(f"{what} is not base64 in its usual form")
    return found


def pinned(text: str) -> PinnedKey:
    """A key as it is pinned, `<name>+<id>+<key>`; raises NotVerified for what is none."""
    pieces = text.strip().split("+", 2)
    if len(pieces) != 3:
        raise NotVerified("the pinned key is not of the form name+id+key")
    material = decoded(pieces[2], "the pinned key")
    if len(material) != 33 or material[0] != 1:
        raise NotVerified("the pinned key is no Ed25519 key")
    key_id = sha256(pieces[0].encode("utf-8", "surrogateescape"), b"\n", material)[:4]
    if key_id.hex() != pieces[1]:
        raise NotVerified("the pinned key's identifier does not belong to it")
    return PinnedKey(pieces[0], key_id, PublicKey(material[1:]))


def pin_of(name: str, public: bytes) -> str:
    """How a key of 32 bytes is pinned under a log's name."""
    material = b"\x01" + public
    key_id = sha256(name.encode(), b"\n", material)[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(material).decode()}"


def verified_head(note: str, key: PinnedKey, *, earlier_too: bool = False) -> Head:
    """The head that the key has signed, or with `earlier_too` one of its earlier keys; raises NotVerified."""
    if earlier_too:
        for one in key.earlier:
            if _is_signed_by(note, one) and not _is_signed_by(note, key):
                return replace(verified_head(note, one), by_earlier=True)
    body, blank, signatures = note.rpartition("\n\n")
    text = body + "\n"
    try:
        signed_bytes = text.encode()
    except UnicodeEncodeError as error:
        raise NotVerified("the checkpoint is no text") from error
    lines = text.split("\n")
    if not blank or len(lines) != 4 or not signatures.endswith("\n"):
        raise NotVerified("the checkpoint is not a signed note of three lines")
    signed = False
    for line in signatures.removesuffix("\n").split("\n"):
        pieces = line.split(" ")
        if len(pieces) != 3 or pieces[0] != "—":
            raise NotVerified("a signature line of the checkpoint is none")
        signature = decoded(pieces[2], "a signature of the checkpoint")
        if (pieces[1], signature[:4]) != (key.name, key.key_id):
            continue
        try:
            key.public.verify(signature[4:], signed_bytes)
        except BadSignature as error:
            raise NotVerified("the checkpoint's signature does not hold: somebody changed it") from error
        signed = True
    if not signed:
        raise NotVerified(
            f"the checkpoint is not signed by {key.name} with the pinned key; if that key was replaced, a "
            "chain of keys leads to the one in force (--keys)"
        )
    if lines[0] != key.name:
        raise NotVerified(f"the checkpoint is of another log, {lines[0]}")
    if not _is_number(lines[1]) or str(int(lines[1])) != lines[1]:
        raise NotVerified("the checkpoint's size is no number")
    root = decoded(lines[2], "the checkpoint's root")
    if len(root) != 32:
        raise NotVerified("the checkpoint's root is no SHA-256")
    return Head(lines[0], int(lines[1]), root)


def _is_number(text: str) -> bool:
    """Whether it is one that a count of leaves can be; Python refuses to read endless ones."""
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER


def _is_signed_by(note: str, key: PinnedKey) -> bool:
    """Whether one of the note's signature lines is of that key, whether or not it holds."""
    lines = [line.split(" ") for line in note.rpartition("\n\n")[2].split("\n")]
    mine = [pieces[2] for pieces in lines if len(pieces) == 3 and pieces[1] == key.name]
    return any(decoded(one, "a signature of the checkpoint")[:4] == key.key_id for one in mine)


def root_from(leaf: bytes, number: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162 §2.1.3.2); raises NotVerified."""
    if not 0 <= number < size:
        raise NotVerified("the leaf lies outside the tree")
    at, last, made = number, size - 1, leaf
    for other in path:
        if last == 0:
            raise NotVerified("the proof is longer than the tree is high")
        if at & 1 or at == last:
            made = sha256(b"\x01", other, made)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            made = sha256(b"\x01", made, other)
        at, last = at >> 1, last >> 1
    if last:
        raise NotVerified("the proof is shorter than the tree is high")
    return made


def read(directory: Path, name: str) -> bytes:
    """The bytes of a file of the log; raises NotVerified where it is missing."""
    try:
        return (directory / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotVerified(f"{name} is missing") from error


def tree_root(hashes: list[bytes]) -> bytes:
    """MTH of these leaves' hashes (RFC 6962 §2.1): pairs are joined, an odd one out moves up."""
    if not hashes:
        return sha256()
    level = hashes
    while len(level) > 1:
        above = [sha256(b"\x01", level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = above + level[len(above) * 2 :]
    return level[0]


def proof_parts(text: str, where: str) -> tuple[int, list[bytes], str]:
    """Number, path and signed head of a c2sp.org/tlog-proof; raises NotVerified that names `where`."""
    top, _, note = text.partition("\n\n")
    lines = top.split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1" or len(lines) < 2 or not lines[1].startswith("index "):
        raise NotVerified(f"{where}: its proof is none")
    number = lines[1].removeprefix("index ")
    if not _is_number(number):
        raise NotVerified(f"{where}: its proof has no index")
    path = [decoded(line, f"{where}: a hash of its proof") for line in lines[2:]]
    return int(number), path, note
