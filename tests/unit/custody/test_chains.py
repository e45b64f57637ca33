"""Which lists and answers a token's certificates ask for."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from rfc3161_client import decode_timestamp_response

from custody.chains import addresses_in, sources_of
from evidence.revocation import KeptList, asked_of
from tests.time_authority import TimeAuthority

LIST, RESPONDER = "http://ca.example/list.crl", "HTTP://ocsp.example/a#b"
LDAP = "ldap://ca.example/cn=Root?certificateRevocationList"


@pytest.mark.parametrize(
    ("lists", "answers", "kind"),
    [
        (LIST, None, "crl"),
        (LIST, RESPONDER, "crl"),
        (None, RESPONDER, "ocsp"),
        (LDAP, RESPONDER, "ocsp"),
        (LDAP, None, None),
        (None, None, None),
    ],
)
def test_a_list_over_http_is_wanted_and_only_without_one_an_answer(
    tmp_path: Path, lists: str | None, answers: str | None, kind: str | None
) -> None:
    authority = TimeAuthority(tmp_path / "authority", lists, answers=answers)
    (tmp_path / "data").write_bytes(b"data")
    command = ["openssl", "ts", "-query", "-data", str(tmp_path / "data"), "-sha256", "-cert"]
    query = subprocess.run(command, check=True, capture_output=True).stdout
    response = decode_timestamp_response(authority.answer(query))
    root = load_pem_x509_certificate(authority.root.read_bytes())
    found = sources_of(response, [root])
    # What a token needs is found again by it alone, without its root.
    assert [one.url for one in found] == addresses_in(response)
    if kind is None:
        assert not found
        return
    (source,) = found
    assert source.issuer == root.public_bytes(Encoding.DER)
    assert KeptList(source.url, "ab" * 32, datetime.now(UTC)).path == f"stamps/{'ab' * 16}.{kind}"
    signer = load_pem_x509_certificate(authority.root.with_name("signer.pem").read_bytes())
    asked = asked_of(source.url)
    assert asked == (None if kind == "crl" else ("HTTP://ocsp.example/a", signer.serial_number))
