"""The tree against RFC 6962's own words, spelled out naively, and against published roots."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.tree import (
    EMPTY_ROOT,
    Frontier,
    Node,
    Span,
    consistency_spans,
    hash_of,
    inclusion_spans,
    node_hash,
    nodes_of,
    require_consistent,
    root_by_inclusion,
)
from evidence.leaf import leaf_hash
from tests.trees import mth

#: The leaves and roots by which Certificate Transparency implementations are compared
#: (google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc).
REFERENCE_LEAVES = (
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)
REFERENCE_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LEAVES = [leaf_hash(str(number).encode()) for number in range(700)]


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) as §2.1.1 writes it."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*path(index, leaves[:k]), mth(leaves[k:])]
    return [*path(index - k, leaves[k:]), mth(leaves[:k])]


def proof(old: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b) as §2.1.2 writes it."""
    if old == len(leaves):
        return [] if whole else [mth(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if old <= k:
        return [*proof(old, leaves[:k], whole), mth(leaves[k:])]
    return [*proof(old - k, leaves[k:], False), mth(leaves[:k])]


def known(count: int) -> dict[Node, bytes]:
    frontier, found = Frontier(), {}
    for leaf in LEAVES[:count]:
        found.update(frontier.append(leaf))
    return found


ALL = known(len(LEAVES))


def test_published_roots() -> None:
    leaves = [leaf_hash(bytes.fromhex(one)) for one in REFERENCE_LEAVES]
    frontier = Frontier()
    assert frontier.root() == mth([]) == EMPTY_ROOT
    for size, root in enumerate(REFERENCE_ROOTS, 1):
        frontier.append(leaves[size - 1])
        assert frontier.root().hex() == mth(leaves[:size]).hex() == root


def test_every_size_to_600_has_the_root_of_a_count_from_scratch() -> None:
    frontier = Frontier()
    for size in range(1, 601):
        frontier.append(LEAVES[size - 1])
        assert frontier.root() == hash_of(Span(0, size), ALL)
        if size <= 130 or size % 37 == 0:
            assert frontier.root() == mth(LEAVES[:size])
        assert frontier.peaks == [ALL[node] for node in nodes_of(Span(0, size))]


@pytest.mark.parametrize("size", [*range(1, 66), 100, 127, 128, 129, 255, 256, 257, 600])
def test_every_leaf_is_proven_in_trees_of_many_sizes(size: int) -> None:
    root = mth(LEAVES[:size])
    for index in range(size):
        spans = inclusion_spans(index, size)
        made = [hash_of(span, ALL) for span in spans]
        if size < 130:
            assert made == path(index, LEAVES[:size])
        assert root_by_inclusion(index, size, LEAVES[index], made) == root


def test_every_size_to_600_proves_every_leaf_by_its_own_root() -> None:
    draw = random.Random(6962)
    for size in range(1, 601):
        root = hash_of(Span(0, size), ALL)
        for index in {0, size - 1, *(draw.randrange(size) for _ in range(12))}:
            made = [hash_of(span, ALL) for span in inclusion_spans(index, size)]
            assert root_by_inclusion(index, size, LEAVES[index], made) == root


def test_consistency_of_every_pair_of_sizes_to_70() -> None:
    for new in range(71):
        for old in range(new + 1):
            made = [hash_of(span, ALL) for span in consistency_spans(old, new)]
            if old:
                assert made == proof(old, LEAVES[:new])
            require_consistent(old, mth(LEAVES[:old]), new, mth(LEAVES[:new]), made)


@given(st.data())
def test_larger_pairs_and_whatever_is_changed_in_them(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 700))
    old = data.draw(st.integers(1, new - 1))
    roots = [hash_of(Span(0, size), ALL) for size in (old, new)]
    made = [hash_of(span, ALL) for span in consistency_spans(old, new)]
    require_consistent(old, roots[0], new, roots[1], made)
    place = data.draw(st.integers(0, len(made) + 1))
    changed = [*made, *roots]
    changed[place] = bytes([changed[place][0] ^ 1, *changed[place][1:]])
    with pytest.raises(ValueError, match="proof"):
        require_consistent(old, changed[-2], new, changed[-1], changed[:-2])
    for wrong in (made[:-1], [*made, made[0]]):
        with pytest.raises(ValueError, match="length"):
            require_consistent(old, roots[0], new, roots[1], wrong)


@given(st.data())
def test_a_proof_leads_to_another_root_from_anything_else(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 700))
    index = data.draw(st.integers(0, size - 1))
    root = hash_of(Span(0, size), ALL)
    made = [hash_of(span, ALL) for span in inclusion_spans(index, size)]
    place = data.draw(st.integers(0, len(made) - 1))
    changed = [*made]
    changed[place] = bytes(32)
    assert root_by_inclusion(index, size, LEAVES[index], changed) != root
    assert root_by_inclusion(index, size, leaf_hash(b"another"), made) != root
    with pytest.raises(ValueError, match="length"):
        root_by_inclusion(index, size, LEAVES[index], made[1:])


@given(st.integers(0, 2**40), st.integers(1, 2**40))
def test_a_span_is_made_of_nodes_without_a_hole(begin: int, count: int) -> None:
    level = count.bit_length()
    span = Span(begin << level, (begin << level) + count)
    at = span.begin
    for node in nodes_of(span):
        assert node.number << node.level == at
        at += 1 << node.level
    assert at == span.end


def test_what_lies_outside_is_refused() -> None:
    for index, size in ((1, 1), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="outside"):
            inclusion_spans(index, size)
    with pytest.raises(ValueError, match="shrink"):
        consistency_spans(5, 4)
    with pytest.raises(ValueError, match="two roots"):
        require_consistent(2, mth(LEAVES[:2]), 2, mth(LEAVES[1:3]), [])
    with pytest.raises(ValueError, match="empty tree"):
        require_consistent(0, bytes(32), 2, mth(LEAVES[:2]), [])


def test_a_node_passes_for_no_leaf() -> None:
    assert node_hash(LEAVES[0], LEAVES[1]) != leaf_hash(LEAVES[0] + LEAVES[1])
