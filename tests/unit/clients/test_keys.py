"""From a pinned key to the one in force, or not: every way in which a chain of keys can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from clients.verifier.heads import pinned, verified_head
from clients.verifier.keys import verified_chain
from clients.verifier.receipt import NotVerified
from custody.notes import ED25519, Checkpoint, Note, VerifierKey, sign
from evidence.ids import new_id
from evidence.key_statements import (
    KEYS_VERSION,
    RecoveryNamed,
    Rotation,
    Statement,
    digest_of,
    follows,
    keys_of,
    parse_statement,
    reason_digest,
    recovery_of,
)

NOW = datetime(2026, 11, 29, tzinfo=UTC)
LOG = "custos.test/log"
FIRST, SECOND, THIRD, RECOVERY, THIEF = (Ed25519PrivateKey.generate() for _ in range(5))


def pin(private: Ed25519PrivateKey, log: str = LOG) -> str:
    return str(VerifierKey(log, ED25519, private.public_key().public_bytes_raw()))


def rotation(
    statements: Sequence[Statement], old: Ed25519PrivateKey, new: Ed25519PrivateKey, by: str = "key"
) -> Rotation:
    seq, prev = follows(statements)
    reason = reason_digest("r", "s")
    return Rotation(LOG, seq, prev, NOW, by, pin(old), pin(new), reason, new_id(NOW))


def naming(
    statements: Sequence[Statement], key: Ed25519PrivateKey, named: Ed25519PrivateKey
) -> RecoveryNamed:
    seq, prev = follows(statements)
    return RecoveryNamed(LOG, seq, prev, NOW, pin(key), pin(named), True, new_id(NOW))


def note(said: Statement, *signers: Ed25519PrivateKey) -> str:
    return str(Note(said.text, tuple(sign(said.text, said.log, one) for one in signers)))


ONE = naming([], FIRST, RECOVERY)
TWO = rotation([ONE], FIRST, SECOND)
THREE = rotation([ONE, TWO], SECOND, THIRD, "recovery")
NOTES = [note(ONE, FIRST), note(TWO, FIRST, SECOND), note(THREE, RECOVERY, THIRD)]
CHAIN = {"v": KEYS_VERSION, "log": LOG, "key": pin(THIRD), "recovery": pin(RECOVERY), "statements": NOTES}


def test_any_key_that_was_in_force_leads_to_the_one_that_is() -> None:
    chain = verified_chain(CHAIN, pin(RECOVERY))
    assert chain.keys == (pin(FIRST), pin(SECOND), pin(THIRD))
    assert chain.recovery == pin(RECOVERY)
    for one in (FIRST, SECOND, THIRD):
        assert chain.leads_from(pinned(pin(one))).key_id == pinned(pin(THIRD)).key_id
    for stranger, words in ((pin(THIEF), "not in the chain"), (pin(FIRST, "other/log"), "another log")):
        with pytest.raises(NotVerified, match=words):
            chain.leads_from(pinned(stranger))


def test_a_log_whose_key_was_never_replaced_has_only_that() -> None:
    chain = verified_chain({"v": KEYS_VERSION, "log": LOG, "key": pin(FIRST), "statements": []})
    assert chain.leads_from(pinned(pin(FIRST))).earlier == ()
    with pytest.raises(NotVerified, match="not in the chain"):
        chain.leads_from(pinned(pin(SECOND)))


def test_the_head_is_signed_by_the_key_in_force_and_what_is_older_by_any() -> None:
    key = verified_chain(CHAIN).leads_from(pinned(pin(FIRST)))
    text = str(Checkpoint(LOG, 1, bytes(32)))
    for signers, current in (((THIRD,), True), ((SECOND, THIRD), True), ((FIRST,), False)):
        signed = str(Note(text, tuple(sign(text, LOG, one) for one in signers)))
        assert verified_head(signed, key, earlier_too=True).by_earlier == (not current)
        if current:
            assert verified_head(signed, key).size == 1
        else:
            with pytest.raises(NotVerified, match="--keys"):
                verified_head(signed, pinned(pin(THIRD)))
            with pytest.raises(NotVerified, match="not signed by"):
                verified_head(signed, key)
    forged = str(Note(text, (sign(text, LOG, THIEF),)))
    with pytest.raises(NotVerified, match="not signed by"):
        verified_head(forged, key, earlier_too=True)


def with_notes(*notes: str) -> dict[str, Any]:
    return {**CHAIN, "statements": list(notes)}


LATER = rotation([ONE, TWO, THREE], THIRD, SECOND)
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "cut at the beginning": (with_notes(*NOTES[1:]), "does not follow"),
    "cut in the middle": (with_notes(NOTES[0], NOTES[2]), "does not follow"),
    "cut at the end": (with_notes(*NOTES[:2]), "it is cut"),
    "out of order": (with_notes(NOTES[1], NOTES[0], NOTES[2]), "does not follow"),
    "one twice": (with_notes(NOTES[0], NOTES[1], NOTES[1], NOTES[2]), "does not follow"),
    "of another log": ({**CHAIN, "log": "other.test/log"}, "of another log"),
    "a key of another log": (
        with_notes(*NOTES, note(replace(LATER, new=pin(SECOND, "other/log")), THIRD, SECOND)),
        "of another log, other/log",
    ),
    "signed by the new key alone": (with_notes(NOTES[0], note(TWO, SECOND)), "not signed by the old key"),
    "signed by the old key alone": (with_notes(NOTES[0], note(TWO, FIRST)), "not signed by the new key"),
    "signed by others": (with_notes(NOTES[0], note(TWO, THIEF)), "not signed by the old key"),
    "by recovery, without it": (
        with_notes(*NOTES[:2], note(THREE, SECOND, THIRD)), "not signed by the recovery key"
    ),
    "by a recovery key that nobody named": (
        with_notes(note(rotation([], FIRST, THIRD, "recovery"), RECOVERY, THIRD)), "no statement named"
    ),
    "a second recovery key": (
        with_notes(NOTES[0], note(naming([ONE], FIRST, THIEF), FIRST)), "a second recovery key"
    ),
    "a recovery key that its key did not name": (
        with_notes(note(ONE, THIEF)), "not signed by the key in force"
    ),
    "a key that was not in force": (
        with_notes(NOTES[0], note(rotation([ONE], THIEF, SECOND), THIEF, SECOND)), "not in force"
    ),
    "neither by key nor by recovery": (
        with_notes(NOTES[0], note(rotation([ONE], FIRST, SECOND, "word"), FIRST, SECOND)), "by which key"
    ),
    "no statement": (with_notes("x"), "not a signed note"),
    "no JSON": (with_notes(NOTES[0].replace('{"', '{ "', 1)), "not one of version 1"),
    "another document": ({**CHAIN, "v": "custos/item-proof/1"}, "version 1"),
    "nothing": ({}, "version 1"),
}  # fmt: skip


@pytest.mark.parametrize("how", WRONG)
def test_a_chain_that_is_wrong_is_refused_by_name(how: str) -> None:
    document, words = WRONG[how]
    with pytest.raises(NotVerified, match=words):
        verified_chain(document)


def test_a_thiefs_chain_from_the_stolen_key_is_refused_where_the_recovery_key_is_pinned() -> None:
    said = naming([], FIRST, THIEF)
    taken = rotation([said], FIRST, THIEF)
    theirs = {**CHAIN, "key": pin(THIEF), "statements": [note(said, FIRST), note(taken, FIRST, THIEF)]}
    # By itself it is as good as ours: docs/formats/log-keys.md §4 says so.
    assert verified_chain(theirs).keys[-1] == pin(THIEF)
    with pytest.raises(NotVerified, match="recovery key"):
        verified_chain(theirs, pin(RECOVERY))


@given(st.integers(0, len(NOTES) - 1), st.integers(0, 10_000), st.integers(1, 127))
def test_no_character_of_a_statement_can_be_changed(which: int, at: int, by: int) -> None:
    changed = list(NOTES)
    text = changed[which]
    at %= len(text)
    changed[which] = text[:at] + chr(ord(text[at]) ^ by) + text[at + 1 :]
    with pytest.raises(NotVerified):
        verified_chain(with_notes(*changed), pin(RECOVERY))


@pytest.mark.parametrize("said", [ONE, TWO, THREE])
def test_a_statement_comes_back_as_it_was_written(said: Statement) -> None:
    assert parse_statement(said.text) == said
    assert json.loads(said.text)["seq"] == said.seq
    changes: Sequence[Callable[[str], str]] = (
        lambda text: text.replace("seq", "sec"),
        lambda text: text + " ",
        lambda text: "{}\n",
        lambda text: text.replace("Z", "+00:00", 1),
    )
    for change in changes:
        with pytest.raises(ValueError):
            parse_statement(change(said.text))


def test_what_a_chain_says_in_short() -> None:
    statements = [ONE, TWO, THREE]
    assert keys_of(statements) == [pin(FIRST), pin(SECOND), pin(THIRD)]
    assert recovery_of(statements) == pin(RECOVERY)
    assert follows(statements) == (4, digest_of(THREE.text))
    assert (keys_of([]), recovery_of([]), follows([])) == ([], None, (1, None))
