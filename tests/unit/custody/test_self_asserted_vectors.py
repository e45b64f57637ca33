"""What is written for ever of self-asserted time, read by both sides."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from rfc3161_client import decode_timestamp_response

from clients.verifier.receipt import NotVerified
from clients.verifier.self_asserted import asserted_time, require_third_party
from custody.time_tokens import is_self_asserted
from evidence.self_asserted import SELF_ASSERTED_POLICY
from tests.vectors.make_self_asserted import CHECKPOINT, PATH, document

FOUND: dict[str, str] = json.loads(PATH.read_text())
TOKEN = base64.b64decode(FOUND["token"])
AT = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)


def test_both_sides_know_its_mark() -> None:
    assert is_self_asserted(TOKEN)
    with pytest.raises(NotVerified, match="self-asserted"):
        require_third_party(TOKEN, "it")
    assert decode_timestamp_response(TOKEN).tst_info.policy.dotted_string == SELF_ASSERTED_POLICY


def test_the_verifier_reads_it() -> None:
    certificates = FOUND["certificates"].encode()
    assert asserted_time(TOKEN, CHECKPOINT.encode(), certificates, "it") == AT


def test_its_document_is_the_same_for_ever() -> None:
    assert document(TOKEN) == FOUND["document"]
