"""The witness' decision: by every sequence of requests, and by the examples of the specification."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.verifier.forks import require_one_tree, verify_fork
from clients.verifier.heads import pinned
from clients.verifier.receipt import NotVerified
from custody.notes import ED25519, Checkpoint, Note, VerifierKey, sign
from custody.tree import Node, Span, consistency_spans, hash_of, node_hash
from custody.witnessing import (
    NOTHING_KEPT,
    AddCheckpoint,
    Agreed,
    Forked,
    Inconsistent,
    Kept,
    StandsAt,
    Unknown,
    Unsigned,
    as_json,
    decide,
    kept_of,
    parse_request,
)
from tests.trees import mth

ORIGIN = "custos.example/log"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = VerifierKey(ORIGIN, ED25519, PRIVATE.public_key().public_bytes_raw())
NOW = datetime(2026, 11, 29, tzinfo=UTC)
MOST = 40


class Tree:
    """A branch of a log: its leaves are named after it from where it leaves the others' way."""

    def __init__(self, name: int, shared: int) -> None:
        self.leaves = [
            hashlib.sha256(f"{0 if at < shared else name} {at}".encode()).digest() for at in range(MOST)
        ]
        self.known: dict[Node, bytes] = {}
        level, hashes = 0, self.leaves
        while hashes:
            self.known |= {Node(level, at): made for at, made in enumerate(hashes)}
            hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=False)]
            level += 1

    def root(self, size: int) -> bytes:
        return mth(self.leaves[:size])

    def note(self, size: int) -> str:
        text = str(Checkpoint(ORIGIN, size, self.root(size)))
        return str(Note(text, (sign(text, ORIGIN, PRIVATE),)))

    def proof(self, old: int, new: int) -> list[bytes]:
        return [hash_of(Span(*span), self.known) for span in consistency_spans(old, new)]

    def asks(self, old: int, new: int) -> AddCheckpoint:
        return AddCheckpoint(old, self.proof(old, new) if old <= new else (), self.note(new))


TREES = [Tree(0, MOST), Tree(1, 7), Tree(2, 8), Tree(3, 21), Tree(4, 0)]
STEPS = st.lists(
    st.tuples(st.sampled_from(TREES), st.integers(0, MOST), st.integers(0, MOST), st.booleans()), max_size=25
)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_a_witness_never_cosigns_two_trees(steps: Sequence[tuple[Tree, int, int, bool]]) -> None:
    kept: Kept = NOTHING_KEPT
    agreed: list[tuple[Tree, int]] = []
    for tree, old, new, knows in steps:
        named = kept.size if knows else old
        try:
            decision = decide(tree.asks(named, new), [KEY], kept)
        except ValueError:
            assert named > new
            continue
        if isinstance(decision, Agreed):
            assert decision.kept.size >= kept.size
            kept = kept_of(decision.kept.note, [KEY])
            assert kept == decision.kept
            agreed.append((tree, new))
        elif isinstance(decision, Forked):
            document = as_json(decision.fork, NOW)
            assert verify_fork(document, [pinned(str(KEY))]).startswith("FORKED")
            last, size = agreed[-1]
            assert tree.root(min(size, new)) != last.root(min(size, new))
        elif isinstance(decision, StandsAt):
            assert named != kept.size == decision.size
        else:
            # What follows from what was cosigned is never refused.
            assert isinstance(decision, Inconsistent)
            last, size = agreed[-1]
            assert tree.root(size) != last.root(size)
    for tree, size in agreed:
        last, largest = agreed[-1]
        assert size <= largest
        assert tree.root(size) == last.root(size)


@given(st.integers(1, MOST), st.integers(1, MOST))
@settings(deadline=None)
def test_the_verifier_tells_one_tree_from_two(one: int, other: int) -> None:
    old, new = sorted((one, other))
    key = pinned(str(KEY))
    for tree in TREES:
        main = TREES[0]
        proof = tree.proof(old, new)
        if tree.root(old) == main.root(old):
            require_one_tree(main.note(old), tree.note(new), proof, key)
        else:
            with pytest.raises(NotVerified):
                require_one_tree(main.note(old), tree.note(new), proof, key)


def test_a_fork_of_another_size_is_proven_where_the_proof_shows_its_beginning() -> None:
    kept = kept_of(TREES[0].note(21), [KEY])
    forked = decide(TREES[1].asks(21, 30), [KEY], kept)
    assert isinstance(forked, Forked)
    said = verify_fork(as_json(forked.fork, NOW), [pinned(str(KEY))])
    assert "a tree of 21 leaves, and one of 30 leaves that does not begin with it" in said
    # From a full tree the proof takes the root as given: refused, and proven by nothing.
    kept = kept_of(TREES[0].note(16), [KEY])
    assert isinstance(decide(TREES[1].asks(16, 30), [KEY], kept), Inconsistent)


def test_one_size_with_two_roots_is_a_fork_whatever_size_was_named() -> None:
    kept = kept_of(TREES[0].note(21), [KEY])
    for old, stands_at in ((21, None), (0, StandsAt(21)), (13, StandsAt(21))):
        forked = decide(TREES[4].asks(old, 21), [KEY], kept)
        assert isinstance(forked, Forked)
        assert forked.stands_at == stands_at
        assert verify_fork(as_json(forked.fork, NOW), [pinned(str(KEY))]).endswith("of 21 leaves each")


def test_an_accusation_that_proves_nothing_is_refused() -> None:
    kept = kept_of(TREES[0].note(21), [KEY])
    forked = decide(TREES[1].asks(21, 30), [KEY], kept)
    assert isinstance(forked, Forked)
    good = as_json(forked.fork, NOW)
    own = {**good, "offered": TREES[0].note(30), "proof": as_json_proof(TREES[0].proof(21, 30))}
    other = VerifierKey(ORIGIN, ED25519, bytes(32))
    for document, keys in (
        (own, [KEY]),
        ({**own, "offered": TREES[0].note(21), "proof": []}, [KEY]),
        ({**good, "proof": good["proof"][1:]}, [KEY]),  # type: ignore[index]
        ({**good, "proof": []}, [KEY]),
        ({**good, "proof": as_json_proof([*TREES[1].proof(21, 30)[:-1], bytes(32)])}, [KEY]),
        ({**good, "kept": good["offered"], "offered": good["kept"]}, [KEY]),
        ({**good, "v": "custos/log-fork/2"}, [KEY]),
        ({**good, "proof": [3]}, [KEY]),
        ({}, [KEY]),
        (good, []),
        (good, [other]),
    ):
        with pytest.raises(NotVerified):
            verify_fork(document, [pinned(str(key)) for key in keys])
    for name in ("kept", "offered"):
        text = str(good[name])
        for at in range(len(text)):
            changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
            with pytest.raises(NotVerified):
                verify_fork({**good, name: changed}, [pinned(str(KEY))])


def as_json_proof(proof: Sequence[bytes]) -> object:
    kept = kept_of(TREES[0].note(21), [KEY])
    forked = decide(TREES[1].asks(21, 30), [KEY], kept)
    assert isinstance(forked, Forked)
    return as_json(type(forked.fork)("", "", proof), NOW)["proof"]


def test_who_is_not_known_or_has_not_signed() -> None:
    asked = TREES[0].asks(0, 5)
    assert decide(asked, [], NOTHING_KEPT) == Unknown()
    assert decide(asked, [VerifierKey(ORIGIN, ED25519, bytes(32))], NOTHING_KEPT) == Unsigned()
    # A line under the log's name and key that does not hold makes the whole note none.
    broken = asked.note[:-8] + "AAAAAA=\n"
    assert decide(AddCheckpoint(0, (), broken), [KEY], NOTHING_KEPT) == Unsigned()


def test_strangers_signatures_are_not_kept() -> None:
    asked = TREES[0].asks(0, 5)
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
    text = str(Checkpoint(ORIGIN, 5, TREES[0].root(5)))
    agreed = decide(AddCheckpoint(0, (), f"{asked.note}{sign(text, 'other', stranger)}"), [KEY], NOTHING_KEPT)
    assert isinstance(agreed, Agreed)
    assert agreed.kept.note == asked.note
    assert agreed.text == text


def test_an_empty_tree_has_one_root_and_a_proof_from_nothing_is_empty() -> None:
    text = str(Checkpoint(ORIGIN, 0, bytes(32)))
    note = str(Note(text, (sign(text, ORIGIN, PRIVATE),)))
    assert isinstance(decide(AddCheckpoint(0, (), note), [KEY], NOTHING_KEPT), Inconsistent)
    assert isinstance(decide(TREES[0].asks(0, 0), [KEY], NOTHING_KEPT), Agreed)
    some = AddCheckpoint(0, (bytes(32),), TREES[0].note(5))
    assert isinstance(decide(some, [KEY], NOTHING_KEPT), Inconsistent)


#: c2sp.org/tlog-witness, "add-checkpoint".
EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""  # noqa: E501  as it stands there


def test_the_request_of_the_specification_is_read_as_it_is_written() -> None:
    asked = parse_request(EXAMPLE)
    assert (asked.old, len(asked.proof)) == (20852014, 4)
    assert str(asked) == EXAMPLE
    assert str(parse_request(str(TREES[0].asks(13, 29)))) == str(TREES[0].asks(13, 29))


@pytest.mark.parametrize(
    "text",
    [
        "", "old 1", "old 01\n\nn\n", "old -1\n\nn\n", "old ١\n\nn\n", "new 1\n\nn\n", "old 1\nAAAA\n\nn\n",
        "old 1\nnot base64\n\nn\n", "old " + "9" * 20 + "\n\nn\n",
        "old 1\n" + ("A" * 43 + "=\n") * 64 + "\nn\n",
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_request(text)
