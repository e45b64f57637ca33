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
from tests.vectors import make_export
from tests.vectors.make import PATH, vectors


def test_every_format_equals_its_vector() -> None:
    kept = json.loads(PATH.read_text())
    # Documents of version 1 are read for ever (`tests/vectors/export-v1.zip`), and not made any more.
    assert json.loads(kept["export"].pop("document"))["v"] == "custos/export/1"
    assert vectors() == kept
    assert make_export.made() == json.loads(make_export.PATH.read_text())


def test_the_vectors_of_a_case_hold_by_the_words_of_the_format() -> None:
    kept = {name: json.loads(text) for name, text in json.loads(make_export.PATH.read_text()).items()}
    opened, linked, closed, asked = kept["case_proof"]["events"]
    leaves = [json.loads(one["leaf"]) for one in (opened, linked, asked)]
    assert set(closed) == {"hash", "proof"}
    seals = [link for leaf in leaves for link in leaf["chains"] if link["subject"] == make_export.CASE]
    assert [one["seq"] for one in seals] == [0, 1, 3]
    hashed = [hashlib.sha256(b"\x00" + one["leaf"].encode()).hexdigest() for one in (opened, linked)]
    assert [one["prev"] for one in seals] == [None, hashed[0], closed["hash"]]
    assert make_export.SEALED not in json.dumps(kept["case_proof"])
    version = hashlib.sha256(kept["document"]["v"].encode()).hexdigest()
    assert kept["asked_for"]["event"]["digests"] == {"format_sha256": version}
    assert kept["document"]["case_events"] == {
        "first": 0, "count": 4, "shown": 1, "closed": 1, "waiting": 0,
    }  # fmt: skip
    lines = {one["what"]: one for one in kept["withheld"]["withheld"]}
    assert lines["event"] == {
        "what": "event", "case": make_export.CASE, "leaf": closed["hash"], "why": "not-open",
    }  # fmt: skip
    assert (lines["detail"]["case"], lines["detail"]["why"]) == (make_export.CASE, "profile")


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
