"""What is written for ever does not change: the formats equal their golden vectors."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
import zlib

from clients.verifier.keys import verified_chain
from custody.journal_chunks import parse_chunk
from evidence.events import parse_event
from evidence.journal import decode_entries, unpacked
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
    journal = kept["journal"]
    chunk = base64.b64decode(journal["chunk"])
    length = int.from_bytes(chunk[:4], "big")
    assert chunk[4 : 4 + length].decode().partition("\n\n")[0] + "\n" == journal["header"]
    body = chunk[4 + length :]
    assert hashlib.sha256(body).hexdigest() == json.loads(journal["header"].splitlines()[1])["body"]
    assert zlib.decompress(body).decode() == journal["entries"]
    assert list(decode_entries(unpacked(body)))[1].row is None
    assert parse_chunk(chunk).encoded() == chunk
    salted = bytes.fromhex(kept["bodies"])
    assert salted == (45).to_bytes(4, "big") + bytes(range(32)) + b'{"of":"test"}' + bytes(4)
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
