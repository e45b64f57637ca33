"""tus 1.0 as it goes over the wire, with nobody's client in between: requests, headers, metadata."""

from __future__ import annotations

import pytest

from evidence.agents import Role
from tests.integration.ingest.sending import some_bytes
from tests.serving.client import OCTETS, TUS, Client, checksum, metadata, statement
from tests.serving.inside import Inside


def test_options_say_what_is_spoken(inside: Inside) -> None:
    answer = Client(inside.url).ask("OPTIONS", "/uploads")
    assert answer.status == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert int(answer.headers["Tus-Max-Size"]) == 64 * 1024**3
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "expiration",
        "checksum",
        "termination",
    }
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"


def test_a_creation_takes_bytes_along(inside: Inside, station: Client) -> None:
    data = some_bytes(70_000)
    about = {**TUS, "Upload-Length": "70000", "Upload-Metadata": metadata(filename="a")}
    part = {"Content-Type": OCTETS, "Upload-Checksum": checksum("sha1", data[:50_000])}
    answer = station.ask("POST", "/uploads", data[:50_000], {**about, **part})
    assert answer.status == 201
    assert answer.headers["Upload-Offset"] == "50000"
    upload = answer.headers["Location"]
    assert station.offset(upload) == 50_000
    assert station.patch(upload, 50_000, data[50_000:]).status == 204
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == data


@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
@pytest.mark.parametrize("version", [None, "0.2.2"])
def test_another_version_is_refused(station: Client, method: str, version: str | None) -> None:
    upload = station.created(10)
    headers = {"Upload-Length": "10", "Upload-Offset": "0", "Content-Type": OCTETS}
    if version is not None:
        headers["Tus-Resumable"] = version
    answer = station.ask(method, "/uploads" if method == "POST" else upload, b"", headers)
    assert answer.status == 412
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert station.offset(upload) == 0


@pytest.mark.parametrize("offset", [0, 9, 11, 10**17])
def test_a_wrong_offset_changes_nothing(station: Client, offset: int) -> None:
    upload = station.created(20)
    assert station.patch(upload, 0, b"0123456789").status == 204
    answer = station.patch(upload, offset, b"x")
    assert (answer.status, answer.code) == (409, "wrong-offset")
    assert station.offset(upload) == 10


def test_bytes_beyond_the_declared_length_are_refused(station: Client) -> None:
    upload = station.created(10)
    answer = station.patch(upload, 0, b"0123456789a")
    assert (answer.status, answer.code) == (413, "beyond-length")
    assert station.offset(upload) == 0


@pytest.mark.parametrize("kind", [None, "application/octet-stream", "text/plain"])
def test_bytes_of_another_kind_are_refused(station: Client, kind: str | None) -> None:
    upload = station.created(10)
    headers = {**TUS, "Upload-Offset": "0"} | ({} if kind is None else {"Content-Type": kind})
    answer = station.ask("PATCH", upload, b"0123456789", headers)
    assert (answer.status, answer.code) == (415, "bad-upload-type")
    assert station.offset(upload) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Upload-Length", ""),
        ("Upload-Length", "-1"),
        ("Upload-Length", "1e3"),
        ("Upload-Length", "٣"),
        ("Upload-Length", "9" * 30),
        ("Upload-Defer-Length", "1"),
        ("Upload-Concat", "partial"),
        ("Upload-Metadata", ""),
        ("Upload-Metadata", "filename"),
        ("Upload-Metadata", "filename !!"),
        ("Upload-Metadata", "filename YQ==,filename YQ=="),
        ("Upload-Metadata", "filename /w=="),
        ("Upload-Metadata", "filename YQ==,colour YQ=="),
        ("Upload-Metadata", metadata(filename="a", category="gossip")),
        ("Upload-Metadata", metadata(filename="a", sha256="abc")),
        ("Upload-Metadata", metadata(filename="a", segment="-1")),
    ],
)
def test_a_creation_that_cannot_be_understood_is_refused(station: Client, name: str, value: str) -> None:
    headers = {**TUS, "Upload-Length": "10", "Upload-Metadata": metadata(filename="a"), name: value}
    encoded = {key: text.encode().decode("latin-1") for key, text in headers.items()}
    answer = station.ask("POST", "/uploads", headers=encoded)
    assert answer.status == 400
    assert answer.code in ("bad-header", "bad-metadata")


def test_metadata_of_many_long_fields_is_taken(inside: Inside, station: Client) -> None:
    said = {"filename": "长" * 1500, "case": "案" * 1500, "device": "机" * 1500, "officer": "人" * 1500}
    item = station.kept(b"x", **said)
    submitted = inside.client(Role.REVIEWER).get(f"/items/{item}").json()["submitted"]
    assert {key: submitted[key] for key in said} == said


def test_metadata_beyond_every_measure_is_refused(station: Client) -> None:
    said = {f"time_start.{n}": "a" * 4096 for n in range(20)}
    assert station.create(10, **said).status == 400


def test_an_empty_file_is_kept(inside: Inside, station: Client) -> None:
    answer = station.create(
        0, "nothing.txt", sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, "0")
    upload = answer.headers["Location"]
    item = station.committed(upload)
    assert statement(station.receipt(upload))["size"] == 0
    answer = inside.client(Role.REVIEWER).get(f"/items/{item}/original")
    assert (answer.status, answer.body) == (200, b"")
