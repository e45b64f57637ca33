"""What witnesses write for ever, byte for byte, and read by the verifier's code."""

from __future__ import annotations

import json

from clients.verifier.forks import verify_fork
from clients.verifier.heads import pinned
from clients.verifier.policy import parse_policy, trusted_head
from custody.witnessing import parse_request
from tests.vectors.make_witness import PATH, vectors

FOUND: dict[str, str] = json.loads(PATH.read_text())


def test_the_vectors_are_made_the_same_for_ever() -> None:
    assert vectors() == FOUND


def test_the_verifier_reads_them() -> None:
    head = trusted_head(FOUND["cosigned"], parse_policy(FOUND["policy"].encode()))
    assert [one.witness for one in head.cosigned] == ["witness.example.gov.cn/w1"]
    assert verify_fork(json.loads(FOUND["fork"]), [pinned(FOUND["log_key"])]).startswith("FORKED")
    assert str(parse_request(FOUND["request"])) == FOUND["request"]
