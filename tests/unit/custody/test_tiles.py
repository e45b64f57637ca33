from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.tiles import (
    LONGEST_ENTRY,
    Tile,
    decode_bundle,
    encode_bundle,
    node_from,
    parse_path,
    span_from,
    tile_at,
    tile_for,
    tiles_between,
    tiles_for,
)
from custody.tree import Frontier, Node, Span, consistency_spans, hash_of, inclusion_spans
from evidence.leaf import leaf_hash

#: More than 256 * 256, so that there is a third level.
SIZE = 66_000


@pytest.fixture(scope="module")
def tree() -> tuple[dict[Node, bytes], dict[Tile, bytes]]:
    """Every node of a tree, and the tiles of all its full levels and of the last size."""
    frontier, nodes = Frontier(), dict[Node, bytes]()
    for number in range(SIZE):
        nodes.update(frontier.append(leaf_hash(b"%d" % number)))
    return nodes, {tile: data_of(tile, nodes) for tile in tiles_between(0, SIZE) if tile.level >= 0}


def data_of(tile: Tile, nodes: dict[Node, bytes]) -> bytes:
    first = tile.number * 256
    return b"".join(nodes[Node(tile.level * 8, place)] for place in range(first, first + tile.width))


def test_the_example_of_the_specification() -> None:
    tiles = tiles_between(0, 70_000)
    counts = {level: [tile.width for tile in tiles if tile.level == level] for level in range(-1, 3)}
    assert counts[0] == counts[-1] == [256] * 273 + [112]
    assert counts[1] == [256, 17]
    assert counts[2] == [1]
    assert {(tile.level, tile.width) for tile in tiles_between(0, 256) if tile.level >= 0} == {
        (0, 256),
        (1, 1),
    }
    assert Tile(0, 1_234_067, 256).path == "tile/0/x001/x234/067"
    assert Tile(-1, 5, 7).path == "tile/entries/005.p/7"


@given(st.integers(-1, 7), st.integers(0, 10**12), st.integers(1, 256))
def test_paths_are_read_as_they_are_written(level: int, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "tile", "tile/0", "tile/00/000", "tile/0/1", "tile/0/000/001", "tile/0/x000/001", "tile/64/000",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/entries/",
        "tile/0/0٠0",
        "../tile/0/000", "tile/-1/000", "tile/0/000.p/1/2",
    ],
)  # fmt: skip
def test_any_other_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not the path"):
        parse_path(path)


@settings(deadline=None)
@given(st.integers(0, 70_000), st.integers(0, 3_000))
def test_what_is_new_is_what_differs(old: int, more: int) -> None:
    new = old + more
    before, after = set(tiles_between(0, old)), set(tiles_between(0, new))
    assert set(tiles_between(old, new)) == after - before


def test_proofs_are_made_from_tiles_alone(tree: tuple[dict[Node, bytes], dict[Tile, bytes]]) -> None:
    nodes, tiles = tree
    known: dict[Tile, list[list[bytes]]] = {}
    for index in (0, 1, 255, 256, 65_535, 65_536, SIZE - 1):
        spans = inclusion_spans(index, SIZE)
        needed = {tile: tiles[tile] for tile in tiles_for(spans, SIZE)}
        assert [span_from(span, SIZE, needed, {}) for span in spans] == [
            hash_of(span, nodes) for span in spans
        ]
    for old in (1, 255, 256, 257, 65_536, 65_999):
        spans = consistency_spans(old, SIZE)
        assert [span_from(span, SIZE, tiles, known) for span in spans] == [
            hash_of(span, nodes) for span in spans
        ]
    assert span_from(Span(0, SIZE), SIZE, tiles, {}) == hash_of(Span(0, SIZE), nodes)


@given(st.integers(1, SIZE))
def test_the_root_of_every_size_is_told_by_its_tiles(
    tree: tuple[dict[Node, bytes], dict[Tile, bytes]], size: int
) -> None:
    nodes, _ = tree
    tiles = {tile: data_of(tile, nodes) for tile in tiles_for([Span(0, size)], size)}
    assert span_from(Span(0, size), size, tiles, {}) == hash_of(Span(0, size), nodes)


def test_a_tile_cut_short_or_empty_is_refused(tree: tuple[dict[Node, bytes], dict[Tile, bytes]]) -> None:
    nodes, _ = tree
    node = Node(0, 3)
    with pytest.raises(ValueError, match="length"):
        node_from(node, 10, {tile_for(node, 10): nodes[node]}, {})
    with pytest.raises(ValueError, match="nothing"):
        tile_at(0, 1, 256)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_are_read_as_they_are_written(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries)) == entries


def test_a_bundle_cut_short_or_too_long_is_refused() -> None:
    data = encode_bundle([b"abc", b"d"])
    for end in (1, 2, 4, 6, 7):
        with pytest.raises(ValueError, match="middle"):
            decode_bundle(data[:end])
    with pytest.raises(ValueError, match="at most"):
        encode_bundle([bytes(LONGEST_ENTRY + 1)])
