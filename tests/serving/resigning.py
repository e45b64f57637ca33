"""An export whose head is signed anew: cosigned by witnesses, or by a key that took over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custody.notes import COSIGNATURE, ED25519, Note, VerifierKey, parse_note, sign
from custody.notes import cosign as cosign_text
from evidence.key_statements import BY_KEY, KEYS_VERSION, Rotation
from tests.serving.forging import rebag, rescript

AT = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)


def private(number: int) -> Ed25519PrivateKey:
    """A key that anybody can make."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def log_pin(log: str, key: Ed25519PrivateKey) -> str:
    """How a log's key is pinned."""
    return str(VerifierKey(log, ED25519, key.public_key().public_bytes_raw()))


def witness_pin(name: str, key: Ed25519PrivateKey) -> str:
    """How a witness' key is pinned."""
    return str(VerifierKey(name, COSIGNATURE, key.public_key().public_bytes_raw()))


def renote(directory: Path, made: str) -> None:
    """Put another note in the place of the head's, wherever it stands."""
    path = directory / "custody/checkpoint"
    old = path.read_text()
    path.write_text(made)
    for one in [*directory.glob("custody/proofs/*.json"), *directory.glob("viewer/data/*.js")]:
        was, now = ((json.dumps(note, ensure_ascii=one.suffix == ".js")[1:-1]) for note in (old, made))
        text = one.read_text()
        assert was in text, one
        one.write_text(text.replace(was, now))
    rebag(directory)


def cosign(directory: Path, witnesses: Sequence[tuple[str, Ed25519PrivateKey]], at: int) -> None:
    """Have the head cosigned by these."""
    note = (directory / "custody/checkpoint").read_text()
    text = parse_note(note).text
    renote(directory, note + "".join(str(cosign_text(text, name, key, at)) for name, key in witnesses))


def statement(log: str, old: Ed25519PrivateKey, new: Ed25519PrivateKey, event: str) -> Note:
    """That the new key took over from the old one."""
    said = Rotation(log, 1, None, AT, BY_KEY, log_pin(log, old), log_pin(log, new), "00" * 32, event)
    return Note(said.text, tuple(sign(said.text, log, one) for one in (old, new)))


def rotate(directory: Path, old: Ed25519PrivateKey, new: Ed25519PrivateKey, note: str | None = None) -> None:
    """Have the head signed by the new key alone; `note` is the statement that leads to it."""
    head = parse_note((directory / "custody/checkpoint").read_text())
    log = head.text.split("\n")[0]
    event = json.loads((directory / "custody/export.json").read_bytes())["event"]
    keys = {
        "v": KEYS_VERSION,
        "log": log,
        "key": log_pin(log, new),
        "recovery": None,
        "statements": [str(statement(log, old, new, event)) if note is None else note],
    }
    text = json.dumps(keys, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    (directory / "custody/log-keys.json").write_text(text)
    rescript(directory / "viewer/data/export.js", keys=keys, key=keys["key"])
    renote(directory, str(Note(head.text, (sign(head.text, log, new),))))
