"""What is written for ever does not change: the formats equal their golden vectors."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile

from clients.verifier.keys import verified_chain
from evidence.events import parse_event
from evidence.manifests import parse_manifest
from tests.vectors.make import PATH, vectors


def test_every_format_equals_its_vector() -> None:
    assert vectors() == json.loads(PATH.read_text())


def test_the_vectors_hold_by_the_words_of_the_formats_alone() -> None:
    kept = json.loads(PATH.read_text())
    event = kept["event"]
    committed = hashlib.sha256(bytes.fromhex(event["salt"]) + event["detail"].encode()).hexdigest()
    assert json.loads(event["data"])["detail"] == committed
    assert event["digest"] == hashlib.sha256(event["data"].encode()).hexdigest()
    assert kept["leaf"]["hash"] == hashlib.sha256(b"\x00" + kept["leaf"]["data"].encode()).hexdigest()
    assert parse_event(event["data"].encode())["n"] == 42
    assert (
        parse_manifest(kept["manifest"]["data"].encode())["item"]
        == json.loads(kept["receipt"]["payload"])["item"]
    )
    chain = verified_chain(kept["log_keys"], kept["log_keys"]["recovery"])
    assert (len(chain.keys), chain.keys[-1]) == (2, kept["log_keys"]["key"])
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(kept["export"]["archive"]))) as archive:
        (entry,) = archive.infolist()
        assert archive.read(entry) == b"hello"
    assert entry.filename == json.loads(kept["export"]["plan"])["files"][0]["path"]
    assert json.loads(kept["export"]["seal"])["export"] == json.loads(kept["export"]["document"])["export"]
    disposal = kept["disposal_certificate"]
    committed = hashlib.sha256(bytes.fromhex(disposal["salt"]) + disposal["detail"].encode()).hexdigest()
    certificate = json.loads(disposal["payload"])
    assert certificate["detail"] == committed
    named = sorted(one["id"] for one in (*certificate["items"], *certificate["spared"]))
    assert json.loads(disposal["time_statement"]) == {
        "v": "custos/disposal-time/1",
        "proposal": certificate["proposal"],
        "items": named,
    }
