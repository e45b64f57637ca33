"""What the catalogue's rows make: tiles, bundles and roots, and whether that is what was signed.

Details are what events commit to, events make leaves, leaves make nodes, and nodes the root. A database lets
anybody who owns it change its rows; what is laid into a store from them stays there for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from custody.tiles import WIDTH, Tile, decode_bundle, encode_bundle, full_root, span_from, tiles_for
from custody.tree import HASH_BYTES, Span
from evidence.events import detail_digest
from evidence.leaf import leaf_hash
from evidence.ports.catalogue import Transaction
from evidence.ports.log import Body


@dataclass(frozen=True, slots=True)
class Rows:
    """What the catalogue has of some tiles and bundles."""

    tiles: Mapping[Tile, bytes]
    #: Of each full tile the root that the catalogue keeps for it.
    roots: Mapping[Tile, bytes]
    #: By the number of their bundle, the details of its events; none where they are not asked for.
    bodies: Mapping[int, Sequence[Body | None]]


def data_of(tx: Transaction, tile: Tile) -> bytes:
    """The bytes of a tile or bundle, from the catalogue's leaves."""
    begin = tile.number * WIDTH
    if tile.level < 0:
        return encode_bundle(tx.log.entries(begin, begin + tile.width))
    return b"".join(tx.log.hashes(tile.level, begin, begin + tile.width))


def tiles_from(tx: Transaction, tiles: Sequence[Tile]) -> Mapping[Tile, bytes]:
    """The bytes of several."""
    return {tile: data_of(tx, tile) for tile in tiles}


def makes_root(tx: Transaction, size: int, root: bytes) -> bool:
    """Whether the rows of the first `size` leaves lead to that root."""
    span = Span(0, size)
    # Rows that are gone make tiles that are too short; or they have text where bytes were.
    with suppress(TypeError, ValueError):
        return span_from(span, size, tiles_from(tx, sorted(tiles_for([span], size))), {}) == root
    return False


def read_rows(tx: Transaction, tiles: Sequence[Tile], *, with_bodies: bool) -> Rows:
    """What the catalogue has of these; each bundle has to be there with the tile of its leaves.

    Raises TypeError or ValueError where rows are none of ours.
    """
    roots = {
        tile: b"".join(tx.log.hashes(tile.level + 1, tile.number, tile.number + 1))
        for tile in tiles
        if tile.level >= 0 and tile.is_full
    }
    bodies = {
        tile.number: tx.log.bodies(tile.number * WIDTH, tile.number * WIDTH + tile.width)
        for tile in tiles
        if with_bodies and tile.level < 0
    }
    return Rows(tiles_from(tx, tiles), roots, bodies)


def wrong_rows(rows: Rows) -> Iterator[str]:
    """What of the rows is not what the log says, in words."""
    for tile, data in rows.tiles.items():
        if tile.level < 0:
            yield from _wrong_leaves(rows, tile, data)
        elif tile.is_full and (len(data) != WIDTH * HASH_BYTES or full_root(data) != rows.roots[tile]):
            leaves = WIDTH ** (tile.level + 1)
            yield f"the hash of the events {tile.number * leaves} to {(tile.number + 1) * leaves - 1}"


def _wrong_leaves(rows: Rows, tile: Tile, data: bytes) -> Iterator[str]:
    entries = decode_bundle(data)
    hashes = _hashes(rows.tiles[Tile(0, tile.number, tile.width)])
    bodies = rows.bodies.get(tile.number, [None] * tile.width)
    first = tile.number * WIDTH
    if not len(entries) == len(hashes) == len(bodies) == tile.width:
        yield f"some of the events {first} to {first + tile.width - 1}"
        return
    for number, (entry, made, body) in enumerate(zip(entries, hashes, bodies, strict=True), first):
        if leaf_hash(entry) != made:
            yield f"the event {number}"
        elif not commits(entry, body):
            yield f"the detail of the event {number}"


def commits(entry: bytes, body: Body | None) -> bool:
    """Whether a leaf's event commits to what is kept of its detail, if anything is."""
    if body is None:
        return True
    try:
        return bool(json.loads(entry)["event"]["detail"] == detail_digest(body.salt, body.detail))
    except (KeyError, TypeError, ValueError):
        return False


def _hashes(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
