"""tus 1.0 as it goes over the wire, with nobody's client in between."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from evidence.agents import Role
from tests.serving import OCTETS, TUS, Client, Inside, checksum, eventually, metadata, statement

BLOCK = 4 * 1024 * 1024


def some_bytes(size: int, seed: int = 1) -> bytes:
    """Bytes that no compression or coincidence makes equal."""
    return random.Random(seed).randbytes(size)


@pytest.fixture
def station(inside: Inside) -> Client:
    return inside.client(Role.STATION)


def staged(inside: Inside, upload: str) -> Path:
    """The staged file of an upload."""
    (found,) = (inside.data / "staging").rglob(upload.rpartition("/")[2] + "*")
    return found


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


def test_a_creation_whose_bytes_are_refused_still_says_where_the_upload_is(
    inside: Inside, station: Client
) -> None:
    about = {**TUS, "Upload-Length": "5", "Upload-Metadata": metadata(filename="a"), "Content-Type": OCTETS}
    answer = station.ask("POST", "/uploads", b"12345", {**about, "Upload-Checksum": checksum("sha1", b"x")})
    assert (answer.status, answer.code) == (460, "checksum-mismatch")
    upload = answer.headers["Location"]
    assert station.offset(upload) == 0
    assert station.patch(upload, 0, b"12345").status == 204
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == b"12345"


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


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_checksum_is_held_against_the_bytes(inside: Inside, station: Client, algorithm: str) -> None:
    data = some_bytes(2 * BLOCK + 17)
    half = BLOCK + 5
    upload = station.created(len(data))
    answer = station.patch(upload, 0, data[:half], Upload_Checksum=checksum(algorithm, data[:half]))
    assert answer.status == 204
    wrong = bytearray(data[half:])
    wrong[BLOCK // 2] ^= 1
    answer = station.patch(upload, half, bytes(wrong), Upload_Checksum=checksum(algorithm, data[half:]))
    assert (answer.status, answer.code) == (460, "checksum-mismatch")
    assert station.offset(upload) == half
    answer = station.patch(upload, half, data[half:], Upload_Checksum=checksum(algorithm, data[half:]))
    assert answer.status == 204
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == data


@pytest.mark.parametrize("header", ["md5 AAAA", "sha1 !", ""])
def test_a_checksum_that_cannot_be_read_is_refused(station: Client, header: str) -> None:
    upload = station.created(10)
    answer = station.patch(upload, 0, b"0123456789", Upload_Checksum=header)
    assert (answer.status, answer.code) == (400, "bad-checksum")
    assert station.offset(upload) == 0


def test_termination_ends_an_upload_and_drops_its_bytes(inside: Inside, station: Client) -> None:
    upload = station.created(100)
    assert station.patch(upload, 0, b"0123456789").status == 204
    assert staged(inside, upload).stat().st_size == 10
    assert station.ask("DELETE", upload, headers=TUS).status == 204
    assert station.ask("HEAD", upload, headers=TUS).status == 410
    assert station.get(upload).json()["state"] == "terminated"
    assert not list((inside.data / "staging").rglob(upload.rpartition("/")[2] + "*"))
    assert station.patch(upload, 10, b"more").status in (409, 410)


def test_what_was_accepted_cannot_be_terminated(inside: Inside, station: Client) -> None:
    upload = station.send(b"kept")
    assert station.ask("DELETE", upload, headers=TUS).status == 410
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == b"kept"


def test_what_was_accepted_but_not_yet_committed_cannot_be_terminated(inside: Inside) -> None:
    station = inside.another(Role.STATION)
    inside.bell.answers = False
    try:
        upload = station.send(b"waiting")
        assert station.get(upload).json()["state"] == "accepted"
        assert station.ask("DELETE", upload, headers=TUS).status == 410
        answer = station.get(f"{upload}/receipt")
        assert (answer.status, answer.code) == (404, "not-yet")
    finally:
        inside.bell.answers = True
    inside.do(inside.services.work.ring())
    assert staged_is_gone(inside, upload)
    assert station.get(upload).json()["state"] in ("accepted", "committed")


def staged_is_gone(inside: Inside, upload: str) -> bool:
    """Whether the bytes have left the staging disk, or still wait for the job that takes them."""
    left = list((inside.data / "staging").rglob(upload.rpartition("/")[2] + "*"))
    return len(left) <= 1


def test_the_expiry_is_told_while_bytes_are_missing(station: Client) -> None:
    answer = station.create(20)
    upload = answer.headers["Location"]
    for one in (answer, station.ask("HEAD", upload, headers=TUS), station.patch(upload, 0, b"0123456789")):
        assert parsedate_to_datetime(one.headers["Upload-Expires"]) > datetime.now(UTC)
    assert "Upload-Expires" not in station.patch(upload, 10, b"0123456789").headers


def test_bytes_beyond_the_declared_length_are_refused(station: Client) -> None:
    upload = station.created(10)
    answer = station.patch(upload, 0, b"0123456789a")
    assert (answer.status, answer.code) == (413, "beyond-length")
    assert station.offset(upload) == 0


def test_bytes_beyond_the_declared_length_are_refused_when_nobody_announced_them(
    inside: Inside, station: Client
) -> None:
    data = some_bytes(3 * BLOCK)
    upload = station.created(len(data))
    sent = data + some_bytes(2 * BLOCK, seed=2)
    with station.dial() as line:
        line.sendall(
            station.request_head(
                "PATCH",
                upload,
                {**TUS, "Content-Type": OCTETS, "Upload-Offset": "0", "Transfer-Encoding": "chunked"},
            )
        )
        try:
            for start in range(0, len(sent), 65_536):
                piece = sent[start : start + 65_536]
                line.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            line.sendall(b"0\r\n\r\n")
            assert b" 413 " in line.recv(65_536).split(b"\r\n")[0]
        except ConnectionError:
            # It may hang up on somebody who does not stop.
            pass
    offset = eventually(lambda: _settled_offset(station, upload, data), "the request has ended")
    assert offset <= len(data)
    assert inside.client(Role.REVIEWER).get(f"/items/{station.committed(upload)}/original").body == data


def _settled_offset(station: Client, upload: str, data: bytes) -> int | None:
    """Go on from where the upload stands, until it has everything."""
    offset = station.offset(upload)
    if offset < len(data):
        answer = station.patch(upload, offset, data[offset:])
        assert answer.status in (204, 409, 423)
        return None
    return offset


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


def test_nobody_sends_without_signing_in(inside: Inside) -> None:
    stranger = Client(inside.url)
    for method, path in (("POST", "/uploads"), ("HEAD", "/uploads/x"), ("PATCH", "/uploads/x")):
        assert stranger.ask(method, path, headers=TUS).status == 401
    wrong = Client(inside.url, "no-such-token").create(10)
    assert (wrong.status, wrong.code) == (401, "sign-in-needed")


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR])
def test_who_may_not_send_is_told_nothing(inside: Inside, role: Role) -> None:
    answer = inside.client(role).create(10)
    assert (answer.status, answer.code) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("HEAD", "", None),
        ("GET", "", None),
        ("PATCH", "", b"0123456789"),
        ("DELETE", "", None),
        ("GET", "/receipt", None),
        ("POST", "/salvage", b'{"reason": "why"}'),
    ],
)
def test_another_units_upload_looks_like_none(
    inside: Inside, method: str, below: str, body: bytes | None
) -> None:
    upload = inside.client(Role.STATION, "north").created(10)
    nowhere = "/uploads/" + "0" * 8 + upload.rpartition("/")[2][8:]
    foreign = inside.client(Role.STATION, "south")
    headers = {
        **TUS,
        "Upload-Offset": "0",
        "Content-Type": OCTETS if method == "PATCH" else "application/json",
    }
    there, none = (foreign.ask(method, path + below, body, headers) for path in (upload, nowhere))
    assert there.status == none.status == 404
    assert there.body == none.body
    kept = [[pair for pair in one.headers.items() if pair[0] != "Date"] for one in (there, none)]
    assert kept[0] == kept[1]
    assert inside.client(Role.STATION, "north").offset(upload) == 0


class Stalled:
    """A request that has sent the first part of its body and then nothing more."""

    def __init__(self, inside: Inside, client: Client, upload: str, data: bytes, sent: int) -> None:
        self.line = client.dial()
        self.line.sendall(
            client.request_head(
                "PATCH",
                upload,
                {**TUS, "Content-Type": OCTETS, "Upload-Offset": "0", "Content-Length": str(len(data))},
            )
        )
        self.line.sendall(data[:sent])
        # The first block lies on the disk: the server is in the middle of receiving.
        eventually(lambda: staged(inside, upload).stat().st_size > 0, "the stalled request has begun")

    def __enter__(self) -> Stalled:
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()

    def ending(self) -> bytes:
        """What the server says in the end: a status line, or nothing if it hangs up."""
        try:
            return self.line.recv(65_536).split(b"\r\n")[0]
        except ConnectionError:
            return b""


def test_a_colleague_does_not_write_into_what_is_being_sent(inside: Inside, station: Client) -> None:
    data = some_bytes(4 * BLOCK)
    upload = station.created(len(data))
    colleague = inside.another(Role.STATION)
    with Stalled(inside, station, upload, data, 3 * BLOCK) as stalled:
        answer = colleague.patch(upload, 0, data)
        assert (answer.status, answer.code) == (423, "upload-busy")
        assert colleague.ask("DELETE", upload, headers=TUS).status == 423
        assert colleague.ask("HEAD", upload, headers=TUS).status == 423
        stalled.line.sendall(data[3 * BLOCK :])
        assert b" 204 " in stalled.ending()
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == data


def test_a_newer_request_takes_over_from_a_stalled_one(inside: Inside, station: Client) -> None:
    data = some_bytes(4 * BLOCK)
    upload = station.created(len(data))
    with Stalled(inside, station, upload, data, 3 * BLOCK) as stalled:
        offset = station.offset(upload)
        assert offset >= 2 * BLOCK
        assert station.patch(upload, offset, data[offset:]).status == 204
        ending = stalled.ending()
        assert ending == b"" or b" 409 " in ending
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == data


def test_what_came_before_a_cut_is_kept(inside: Inside, station: Client) -> None:
    data = some_bytes(4 * BLOCK)
    upload = station.created(len(data))
    with Stalled(inside, station, upload, data, 3 * BLOCK):
        pass
    offset = eventually(lambda: station.offset(upload) or None, "what arrived is durable")
    assert offset <= 3 * BLOCK
    assert station.patch(upload, offset, data[offset:]).status == 204
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == data


def test_of_a_request_with_a_checksum_a_cut_keeps_nothing(inside: Inside, station: Client) -> None:
    data = some_bytes(4 * BLOCK)
    upload = station.created(len(data))
    line = station.dial()
    head = {**TUS, "Content-Type": OCTETS, "Upload-Offset": "0", "Content-Length": str(len(data))}
    line.sendall(station.request_head("PATCH", upload, {**head, "Upload-Checksum": checksum("sha1", data)}))
    line.sendall(data[: 3 * BLOCK])
    eventually(lambda: staged(inside, upload).stat().st_size > 0, "the request has begun")
    line.close()
    answer = eventually(lambda: _unless_busy(station, upload, data), "the cut request has ended")
    assert answer == 204
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == data


def _unless_busy(station: Client, upload: str, data: bytes) -> int | None:
    assert station.offset(upload) == 0
    answer = station.patch(upload, 0, data, Upload_Checksum=checksum("sha256", data))
    return None if answer.status == 423 else answer.status


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
