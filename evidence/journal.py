"""The journal of the catalogue, version 1 (docs/formats/journal.md): rows as they became, in the store. Pure.

What a lost catalogue is restored from, beside the log and the manifests. An entry is a row as it is now, or
that it is gone; of several about one row the last counts. Nothing here belongs to one database or another.

A *scan* writes every row that there is. Whoever restores begins where the newest finished one began: what
came before it is not needed.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from evidence.canonical import Json, canonical, parse_canonical

JOURNAL_VERSION = "custos/journal/1"
#: A chunk that is larger is closed, and the next one begun.
CHUNK_BYTES = 256 * 1024
#: As long as nobody can remove a chunk; a scan is made anew long before.
JOURNAL_LOCK = timedelta(days=90)
SCAN_EVERY = timedelta(days=30)
#: No chunk decompresses to more: what claims to is no chunk.
_LARGEST_BODY = 256 * 1024 * 1024

Value: TypeAlias = str | int | bool | bytes | None
#: A table, and the last primary key of it that was written.
Position: TypeAlias = tuple[str, tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as it is, by column; None: it is gone. `key` are the values of its primary key, in order."""

    table: str
    key: tuple[Value, ...]
    row: Mapping[str, Value] | None


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan that is being made: the chunk in which it began, when, and how far it is (None: nowhere yet)."""

    began: int
    at: str
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What a chunk says of itself.

    `schema`: which migration its rows are of. `restore_from`: the chunk with which to begin, None before the
    first scan is finished; `scanned_at`: when that one began. `through`: all that the log's first so many
    leaves changed is in this chunk or before it. `closed`: the next one begins behind it. `previous`: digest
    of the chunk with the number before, "" where there is none; `body`: digest of its entries as they lie.
    """

    origin: str
    number: int
    schema: str
    restore_from: int | None
    scanned_at: str
    scan: Scan | None
    through: int
    closed: bool
    previous: str
    body: str

    def text(self) -> str:
        """What is signed, as a note's text."""
        scan = self.scan
        said: dict[str, Json] = {
            "origin": self.origin,
            "number": self.number,
            "schema": self.schema,
            "restore_from": self.restore_from,
            "scanned_at": self.scanned_at,
            "scan": None if scan is None else [scan.began, scan.at, _encoded_position(scan.position)],
            "through": self.through,
            "closed": self.closed,
            "previous": self.previous,
            "body": self.body,
        }
        return f"{JOURNAL_VERSION}\n{canonical(said).decode()}\n"


def parse_header(text: str) -> Header:
    """The inverse of `Header.text`; raises ValueError."""
    version, _, rest = text.partition("\n")
    if version != JOURNAL_VERSION:
        raise ValueError("not a chunk of a version 1 journal")
    said: Any = parse_canonical(rest.removesuffix("\n").encode())
    scan = said.pop("scan", None)
    try:
        found = Header(
            scan=None if scan is None else Scan(scan[0], scan[1], _decoded_position(scan[2])), **said
        )
    except (TypeError, IndexError) as error:
        raise ValueError("not the header of a chunk") from error
    numbers = (found.number, found.through, found.restore_from or 0)
    if found.text() != text or any(not isinstance(one, int) or one < 0 for one in numbers):
        raise ValueError("not the header of a chunk")
    return found


def encode_entry(entry: Entry) -> bytes:
    """A line of canonical JSON: table, key, and the row or null.

    Bytes are `{"b64": …}`, numbers that canonical JSON does not hold `{"int": …}`.
    """
    row = entry.row
    said: Json = [
        entry.table,
        [_encoded(value) for value in entry.key],
        None if row is None else {name: _encoded(value) for name, value in row.items()},
    ]
    return canonical(said) + b"\n"


def encode_entries(entries: Iterable[Entry]) -> bytes:
    """A line each."""
    return b"".join(map(encode_entry, entries))


def decode_entries(body: bytes) -> Iterable[Entry]:
    """The inverse of `encode_entries`; raises ValueError for what is no entry."""
    for line in body.splitlines():
        try:
            table, key, row = json.loads(line)
            values = None if row is None else {name: _decoded(value) for name, value in row.items()}
            yield Entry(table, tuple(_decoded(value) for value in key), values)
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError("not an entry of the journal") from error


def packed(body: bytes) -> bytes:
    """The entries as they lie in the store."""
    return zlib.compress(body, 6)


def unpacked(data: bytes) -> bytes:
    """The inverse; raises ValueError for what is not whole, or absurdly large."""
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(data, _LARGEST_BODY)
    except zlib.error as error:
        raise ValueError("the chunk is damaged") from error
    if not inflater.eof or inflater.unused_data:
        raise ValueError("the chunk is damaged")
    return body


def _encoded(value: Value) -> Json:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, int) and abs(value) >= 2**53:
        return {"int": str(value)}
    return value


def _decoded(value: Any) -> Value:
    if isinstance(value, dict):
        return int(value["int"]) if "int" in value else base64.b64decode(value["b64"], validate=True)
    if value is None or isinstance(value, (str, int)):
        return value
    raise ValueError("not a value of a row")


def _encoded_position(position: Position | None) -> Json:
    return None if position is None else [position[0], [_encoded(value) for value in position[1]]]


def _decoded_position(said: Any) -> Position | None:
    return None if said is None else (str(said[0]), tuple(_decoded(value) for value in said[1]))
