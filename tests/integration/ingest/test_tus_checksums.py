"""Checksums of tus: held against the bytes before anything of a request counts."""

from __future__ import annotations

import pytest

from evidence.agents import Role
from tests.integration.ingest.sending import BLOCK, some_bytes, staged
from tests.serving.client import OCTETS, TUS, Client, checksum, metadata
from tests.serving.inside import Inside
from tests.serving.waiting import eventually


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
