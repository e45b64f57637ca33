"""Tokens whose certificates stand in another order than DER's, as openssl makes them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from clients.verifier import token_order
from clients.verifier.tokens import TimeTrust, verified_token
from custody.token_order import in_order
from tests.time_authority import TimeAuthority


def test_their_order_makes_no_difference(tmp_path: Path) -> None:
    authority = TimeAuthority(tmp_path / "authority", between=True)
    (tmp_path / "data").write_bytes(b"data")
    command = ["openssl", "ts", "-query", "-data", str(tmp_path / "data"), "-sha256", "-cert"]
    answer = authority.answer(subprocess.run(command, check=True, capture_output=True).stdout)
    held = [
        load_pem_x509_certificate(authority.root.with_name(f"{name}.pem").read_bytes()).public_bytes(
            Encoding.DER
        )
        for name in ("signer", "between")
    ]
    (there,) = (both for both in map(b"".join, permutations(held)) if both in answer)
    trust = TimeTrust((authority.root.read_bytes(),))
    for order in permutations(held):
        token = answer.replace(there, b"".join(order))
        assert in_order(token) == token_order.in_order(token) == answer.replace(there, b"".join(sorted(held)))
        assert verified_token(token, b"data", trust, "it").at


@pytest.mark.parametrize("ordered", [in_order, token_order.in_order])
def test_what_is_no_answer_comes_back_as_it_is(ordered: Callable[[bytes], bytes], tmp_path: Path) -> None:
    authority = TimeAuthority(tmp_path / "authority", between=True)
    (tmp_path / "data").write_bytes(b"data")
    command = ["openssl", "ts", "-query", "-data", str(tmp_path / "data"), "-sha256", "-cert"]
    answer = authority.answer(subprocess.run(command, check=True, capture_output=True).stdout)
    for length in range(len(answer)):
        assert ordered(answer[:length]) == answer[:length]
    for place in range(len(answer)):
        changed = answer[:place] + bytes([answer[place] ^ 1 << place % 8]) + answer[place + 1 :]
        assert sorted(ordered(changed)) == sorted(changed)
    for data in (b"", b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", bytes(9), b"\x30\x03\x02\x01\x02"):
        assert ordered(data) == data
