"""Writes the golden vectors of witnesses: `python -m tests.vectors.make_witness`, once a version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custody.notes import COSIGNATURE, ED25519, Checkpoint, Note, VerifierKey, cosign, sign
from custody.policies import policy_text
from custody.witnessing import AddCheckpoint, Fork, as_json
from evidence.canonical import canonical

AT = datetime(2026, 11, 22, 8, 30, 0, 250000, tzinfo=UTC)
ORIGIN = "evidence.example.gov.cn/log"
LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
WITNESS_NAME = "witness.example.gov.cn/w1"
PATH = Path(__file__).with_name("witness-v1.json")


def vectors() -> dict[str, str]:
    """What is written for ever, from fixed keys."""
    log = VerifierKey(ORIGIN, ED25519, LOG.public_key().public_bytes_raw())
    witness = VerifierKey(WITNESS_NAME, COSIGNATURE, WITNESS.public_key().public_bytes_raw())
    text = str(Checkpoint(ORIGIN, 20852163, bytes(range(32))))
    note = str(Note(text, (sign(text, ORIGIN, LOG),)))
    other = str(Checkpoint(ORIGIN, 20852163, bytes(range(1, 33))))
    offered = str(Note(other, (sign(other, ORIGIN, LOG),)))
    cosigned = cosign(text, WITNESS_NAME, WITNESS, int(AT.timestamp()))
    return {
        "log_key": str(log),
        "witness_key": str(witness),
        "request": str(AddCheckpoint(20852014, [bytes([one]) * 32 for one in range(3)], note)),
        "cosigned": str(Note(text, (sign(text, ORIGIN, LOG), cosigned))),
        "policy": policy_text(str(log), [witness], 1),
        "fork": canonical(as_json(Fork(note, offered, ()), AT)).decode(),
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), indent=2, sort_keys=True, ensure_ascii=False) + "\n")
