"""A chunk of the journal as it lies in the store: a signed header, and the entries. Pure.

The header is a signed note of the log's own key (docs/formats/journal.md). It names the digest of its
entries and of the chunk before it, so that who believes the newest chunk can believe all before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from custody.notes import ED25519, Note, VerifierKey, parse_note, require_signed
from evidence.journal import Entry, Header, decode_entries, packed, parse_header, unpacked

_LENGTH_BYTES = 4
_LONGEST_HEADER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: its header, the note that it was signed as, and its entries packed."""

    header: Header
    note: str
    body: bytes

    def encoded(self) -> bytes:
        """The length of the note in four bytes, the note, the entries."""
        note = self.note.encode()
        return len(note).to_bytes(_LENGTH_BYTES, "big") + note + self.body

    def entries(self) -> Sequence[Entry]:
        """What it holds; raises ValueError."""
        return list(decode_entries(unpacked(self.body)))


def digest_of(chunk: bytes) -> str:
    """How a chunk is named by the next one."""
    return hashlib.sha256(chunk).hexdigest()


def pack(lines: Iterable[bytes]) -> tuple[bytes, str]:
    """Encoded entries packed, and the digest that a header says of them."""
    body = packed(b"".join(lines))
    return body, hashlib.sha256(body).hexdigest()


def parse_chunk(data: bytes) -> Chunk:
    """The chunk; raises ValueError for what is damaged. Who signed it is not looked at."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "big")
    note = data[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(data) < _LENGTH_BYTES or length > _LONGEST_HEADER or len(note) != length:
        raise ValueError("not a chunk of a journal")
    body = data[_LENGTH_BYTES + length :]
    signed = parse_note(note.decode())
    header = parse_header(signed.text)
    if hashlib.sha256(body).hexdigest() != header.body:
        raise ValueError("the chunk's entries are not those that its header names")
    return Chunk(header, note.decode(), body)


def require_ours(chunk: Chunk, public: bytes) -> None:
    """Raises ValueError unless the log's key has signed the header, under the name of its log."""
    require_signed(parse_note(chunk.note), VerifierKey(chunk.header.origin, ED25519, public))


def noted(header: Header, note: Note, body: bytes) -> Chunk:
    """A chunk whose header was signed as `note`."""
    return Chunk(header, str(note), body)
