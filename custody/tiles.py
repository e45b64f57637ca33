"""How the tree lies in files: C2SP tlog-tiles (c2sp.org/tlog-tiles). Pure.

A tile of level L holds up to 256 hashes of nodes of level 8 * L; what lies between is made from them. A
bundle holds up to 256 entries. Full ones never change; partial ones are named by their width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from custody.tree import HASH_BYTES, Node, Span, joined, nodes_of

WIDTH = 256
_HEIGHT = 8
#: An entry's length is two bytes.
LONGEST_ENTRY = 0xFFFF
ENTRIES = "entries"


class Tile(NamedTuple):
    """A tile, or at level -1 a bundle of entries; `width` of 256 is full."""

    level: int
    number: int
    width: int

    @property
    def is_full(self) -> bool:
        """Whether it never changes."""
        return self.width == WIDTH

    @property
    def path(self) -> str:
        """`tile/<L>/<N>[.p/<W>]`."""
        level = ENTRIES if self.level < 0 else str(self.level)
        partial = "" if self.is_full else f".p/{self.width}"
        return f"tile/{level}/{number_path(self.number)}{partial}"


def number_path(number: int) -> str:
    """A tile's number as tlog-tiles writes it: groups of three digits, all but the last after an x."""
    parts = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        parts.append(f"x{number % 1000:03}")
    return "/".join(reversed(parts))


def parse_path(path: str) -> Tile:
    """The inverse of `Tile.path`; raises ValueError for what is no such path."""
    head, _, rest = path.partition("/")
    level, _, rest = rest.partition("/")
    number, partial, width = rest.partition(".p/")
    parts = [part.removeprefix("x") for part in number.split("/")]
    numbers = [level, width if partial else "1", *parts]
    if head == "tile" and all(part.isascii() and part.isdecimal() for part in numbers if part != ENTRIES):
        place = -1 if level == ENTRIES else int(level)
        found = Tile(place, int("".join(parts)), int(width) if partial else WIDTH)
        if found.path == path and 1 <= found.width <= WIDTH and found.level < 64:
            return found
    raise ValueError("not the path of a tile")


def tile_at(level: int, number: int, size: int) -> Tile:
    """The tile as it stands in a tree of `size` leaves; raises ValueError where it is empty."""
    hashes = size >> (_HEIGHT * max(level, 0))
    width = min(hashes - number * WIDTH, WIDTH)
    if width <= 0:
        raise ValueError("nothing is in this tile yet")
    return Tile(level, number, width)


def tiles_between(old: int, new: int) -> list[Tile]:
    """Every tile and bundle of a tree of `new` leaves that one of `old` does not have like that."""
    found = []
    level = 0
    while new >> (_HEIGHT * level):
        before, after = old >> (_HEIGHT * level), new >> (_HEIGHT * level)
        if after > before:
            places = range(before // WIDTH, (after - 1) // WIDTH + 1)
            if level == 0:
                found += [tile_at(-1, place, new) for place in places]
            found += [tile_at(level, place, new) for place in places]
        level += 1
    return found


def tile_for(node: Node, size: int) -> Tile:
    """The tile from which a node's hash is told, in a tree of `size` leaves."""
    level, above = divmod(node.level, _HEIGHT)
    return tile_at(level, (node.number << above) // WIDTH, size)


def tiles_for(spans: Iterable[Span], size: int) -> set[Tile]:
    """The tiles from which the hashes of the spans are told."""
    return {tile_for(node, size) for span in spans for node in nodes_of(span)}


def _pyramid(data: bytes, width: int) -> list[list[bytes]]:
    """The hashes in a tile, and above them those of every node that is complete in it, level by level.

    Raises ValueError for one of another length.
    """
    if len(data) != width * HASH_BYTES:
        raise ValueError("a tile has another length than its width")
    # A proof takes a thousand of these hashes: a loop is several times as fast as asking node by node.
    levels = [[data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]]
    while len(levels) < _HEIGHT:
        below = iter(levels[-1])
        levels.append(
            [sha256(b"\x01" + left + right).digest() for left, right in zip(below, below, strict=False)]
        )
    return levels


def full_root(data: bytes) -> bytes:
    """The hash of the node that a full tile's hashes make; raises ValueError for another length."""
    left, right = _pyramid(data, WIDTH)[-1]
    return sha256(b"\x01" + left + right).digest()


def node_from(
    node: Node, size: int, tiles: Mapping[Tile, bytes], known: dict[Tile, list[list[bytes]]]
) -> bytes:
    """The hash of a node; raises KeyError for a tile that is not there, ValueError for one cut short.

    `known` takes what was computed: the proofs of neighbours share most of their way.
    """
    tile = tile_for(node, size)
    levels = known.get(tile)
    if levels is None:
        levels = known[tile] = _pyramid(tiles[tile], tile.width)
    above = node.level % _HEIGHT
    return levels[above][node.number % (WIDTH >> above)]


def span_from(
    span: Span, size: int, tiles: Mapping[Tile, bytes], known: dict[Tile, list[list[bytes]]]
) -> bytes:
    """The hash of a span; as `node_from`."""
    return joined([node_from(node, size, tiles, known) for node in nodes_of(span)])


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries, each after its length; raises ValueError for one that is too long."""
    if any(len(entry) > LONGEST_ENTRY for entry in entries):
        raise ValueError(f"an entry has at most {LONGEST_ENTRY} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes) -> list[bytes]:
    """The inverse; raises ValueError for what ends in the middle of an entry."""
    entries, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entry = data[at + 2 : at + 2 + length]
        if at + 2 > len(data) or len(entry) != length:
            raise ValueError("the bundle ends in the middle of an entry")
        entries.append(entry)
        at += 2 + length
    return entries
