"""Statements: signed once, checked by a verifier that shares no code."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from clients.verifier.receipt import NotVerified, verify_receipt, verify_statement
from custody.key_files import PUBLIC, open_signer
from evidence.errors import Unavailable
from tests.vectors.make import PATH

PAYLOAD = base64.b64decode(json.loads(PATH.read_text())["receipt"]["payload_b64"])


def test_a_statement_is_checked_by_two_strangers(tmp_path: Path) -> None:
    signer = open_signer(tmp_path / "keys")
    statement = signer.sign_statement(PAYLOAD)
    public = (tmp_path / "keys" / PUBLIC).read_bytes()
    assert verify_statement(statement, public) == json.loads(PAYLOAD)
    read = jws.deserialize_compact(statement, OKPKey.import_key(public), algorithms=["Ed25519"])
    assert read.payload == PAYLOAD
    assert open_signer(tmp_path / "keys").sign_statement(PAYLOAD) == statement
    assert (tmp_path / "keys" / "signing-key.pem").stat().st_mode & 0o777 == 0o600


def test_a_file_is_the_one_or_it_is_not(tmp_path: Path) -> None:
    signer = open_signer(tmp_path / "keys")
    file = tmp_path / "file"
    file.write_bytes(b"hello")
    verified = verify_receipt(file, signer.sign_statement(PAYLOAD), signer.public_pem)
    assert not verified.read_back
    for changed in (b"hellp", b"hello!", b""):
        file.write_bytes(changed)
        with pytest.raises(NotVerified):
            verify_receipt(file, signer.sign_statement(PAYLOAD), signer.public_pem)


def forged(statement: str) -> list[str]:
    header, payload, signature = statement.split(".")

    def b64(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    kid = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
    changed = base64.urlsafe_b64encode(PAYLOAD.replace(b'"size":5', b'"size":6')).rstrip(b"=").decode()
    return [
        "",
        "a.b",
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        f"{header}.{changed}.{signature}",
        f"{b64({'alg': 'none', 'kid': kid, 'typ': 'custos-statement+jws'})}.{payload}.",
        f"{b64({'alg': 'HS256', 'kid': kid, 'typ': 'custos-statement+jws'})}.{payload}.{signature}",
        f"{header}.{payload}.***",
    ]


def test_no_forgery_is_taken(tmp_path: Path) -> None:
    signer = open_signer(tmp_path / "keys")
    for statement in forged(signer.sign_statement(PAYLOAD)):
        with pytest.raises(NotVerified):
            verify_statement(statement, signer.public_pem)
    other = open_signer(tmp_path / "other")
    with pytest.raises(NotVerified, match="another key"):
        verify_statement(signer.sign_statement(PAYLOAD), other.public_pem)


def test_a_broken_key_is_named_and_never_replaced(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    open_signer(keys)
    (keys / "signing-key.pem").write_text("nonsense")
    with pytest.raises(Unavailable) as error:
        open_signer(keys)
    assert error.value.code == "bad-key"
    assert (keys / "signing-key.pem").read_text() == "nonsense"
