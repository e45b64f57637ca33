"""Signed notes, by the specification's own example and by changing every byte."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custody.notes import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Note,
    VerifierKey,
    cosign,
    parse_checkpoint,
    parse_key,
    parse_note,
    parse_tlog_proof,
    require_signed,
    sign,
    tlog_proof,
)

#: c2sp.org/signed-note, "Example".
KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Zt"
    "g1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ORIGIN = "custos.example/log"
LOG_KEY = VerifierKey(ORIGIN, ED25519, PRIVATE.public_key().public_bytes_raw())
WITNESS_KEY = VerifierKey("witness.example", COSIGNATURE, WITNESS.public_key().public_bytes_raw())
HEAD = Checkpoint(ORIGIN, 20852163, bytes(range(32)))


def signed() -> Note:
    text = str(HEAD)
    return Note(text, (sign(text, ORIGIN, PRIVATE), cosign(text, "witness.example", WITNESS, 1_679_315_147)))


def test_the_example_of_the_specification() -> None:
    note = parse_note(NOTE)
    assert str(note) == NOTE
    assert require_signed(note, parse_key(KEY)) is None
    assert str(parse_key(KEY)) == KEY


def test_a_checkpoint_signed_and_cosigned_is_read_again() -> None:
    note = parse_note(str(signed()))
    assert note == signed()
    assert require_signed(note, LOG_KEY) is None
    assert require_signed(note, WITNESS_KEY) == 1_679_315_147
    assert parse_checkpoint(note.text) == HEAD


def test_whatever_byte_is_changed_is_found() -> None:
    data = str(signed()).encode()
    for place in range(len(data)):
        for bit in (1, 0x20):
            changed = bytes([*data[:place], data[place] ^ bit, *data[place + 1 :]])
            with pytest.raises(ValueError):
                note = parse_note(changed.decode())
                parse_checkpoint(note.text)
                require_signed(note, LOG_KEY)
                require_signed(note, WITNESS_KEY)


def test_what_somebody_else_signed_counts_for_nothing() -> None:
    text = str(HEAD)
    forged = Note(text, (sign(text, ORIGIN, WITNESS),))
    with pytest.raises(ValueError, match="has not signed"):
        require_signed(forged, LOG_KEY)
    # The same name and identifier, and bytes of another key.
    (own,) = Note(text, (sign(text, ORIGIN, PRIVATE),)).signatures
    with pytest.raises(ValueError, match="does not hold"):
        require_signed(
            Note(text, (type(own)(own.name, own.key_id, forged.signatures[0].signature),)), LOG_KEY
        )


@pytest.mark.parametrize(
    "text",
    [
        "", "a\n", "a\n\n", "a\n\n— n AAAAAAA\n", "a\n\n- n AAAAAAAA\n", "a\n\n—  AAAAAAAA\n",
        "a\n\n— n AAAAAAAA",
        "a\x01\n\n— n AAAAAAAA\n", "a\n\n— n+ AAAAAAAA\n", "a\n\n— n AAAA\n",
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_note(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        "o\n01\nAAAA\n",
        "o\n1\nAAAA\n",
        "\n1\n" + "A" * 43 + "=\n",
        "o\n1\n" + "A" * 43 + "=\nmore\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    "text", ["", "a+b", KEY[:-4], KEY.replace("530d", "530e"), KEY.replace("foo", "fo o")]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_key(text)


def test_proofs_are_read_as_they_are_written() -> None:
    proof = [bytes([number]) * 32 for number in range(5)]
    text = tlog_proof(73894, proof, str(signed()))
    assert text.startswith("c2sp.org/tlog-proof@v1\nindex 73894\nAAAA")
    assert parse_tlog_proof(text) == (73894, proof, str(signed()))
    assert parse_tlog_proof(tlog_proof(0, [], "c\n")) == (0, [], "c\n")
    for wrong in (
        text.replace("@v1", "@v2"),
        text.replace("index 7", "index 07"),
        text.replace("AAAA", "AAA", 1),
    ):
        with pytest.raises(ValueError, match=r"proof|base64"):
            parse_tlog_proof(wrong)
