"""Originals over HTTP: the bytes, parts of them, and what the headers say of them."""

from __future__ import annotations

import base64
import email.message
import email.parser
import email.policy
import hashlib
import random

import pytest

from evidence.agents import Role
from tests.serving.client import Client
from tests.serving.inside import Inside

SIZE = 300_000
DATA = random.Random("original").randbytes(SIZE)
ETAG = f'"sha256-{hashlib.sha256(DATA).hexdigest()}"'


@pytest.fixture(scope="module")
def path(inside: Inside) -> str:
    """Where the original is."""
    return f"/items/{inside.client(Role.STATION).kept(DATA, '证据 1.mp4')}/original"


@pytest.fixture
def reviewer(inside: Inside) -> Client:
    return inside.client(Role.REVIEWER)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_original_is_served_whole(reviewer: Client, path: str, method: str) -> None:
    answer = reviewer.ask(method, path)
    assert answer.status == 200
    assert answer.body == (DATA if method == "GET" else b"")
    headers = dict(answer.headers.items())
    assert headers["Content-Length"] == str(SIZE)
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["ETag"] == ETAG
    assert headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(DATA).digest()).decode()}:"
    assert headers["Content-Disposition"].endswith("filename*=UTF-8''%E8%AF%81%E6%8D%AE%201.mp4")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["Content-Type"] == "application/octet-stream"
    assert "sandbox" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=299999-", SIZE - 1, SIZE),
        ("bytes=-500", SIZE - 500, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        (f"bytes=7-{10**18}", 7, SIZE),
        ("bytes=0-", 0, SIZE),
        ("bytes= 5-6 ", 5, 7),
        (f"bytes={SIZE}-,5-6", 5, 7),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_part_is_served(
    reviewer: Client, path: str, method: str, wanted: str, start: int, end: int
) -> None:
    answer = reviewer.ask(method, path, headers={"Range": wanted})
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["Content-Length"] == str(end - start)
    assert answer.headers["ETag"] == ETAG
    assert answer.body == (DATA[start:end] if method == "GET" else b"")


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [
        ("bytes=0-9,100-199", [(0, 10), (100, 200)]),
        ("bytes=-5, 0-0 ,7-8", [(SIZE - 5, SIZE), (0, 1), (7, 9)]),
        (f"bytes=0-{SIZE - 1},{SIZE + 5}-,1-2", [(0, SIZE), (1, 3)]),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 128, 2)), [(n, n + 1) for n in range(0, 128, 2)]),
    ],
)
def test_several_parts_are_served_in_the_order_asked_for(
    reviewer: Client, path: str, wanted: str, parts: list[tuple[int, int]]
) -> None:
    answer = reviewer.get(path, Range=wanted)
    assert answer.status == 206
    assert "Content-Range" not in answer.headers
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    # MIME parsers touch line ends, so the bytes are cut out by hand and only the heads are parsed.
    message = email.message.Message()
    message["Content-Type"] = answer.headers["Content-Type"]
    assert message.get_content_type() == "multipart/byteranges"
    boundary = b"\r\n--" + str(message.get_param("boundary")).encode()
    first, *pieces, last = (b"\r\n" + answer.body.removeprefix(b"\r\n")).split(boundary)
    assert (first, last) == (b"", b"--\r\n")
    found = []
    for piece in pieces:
        head, _, body = piece.partition(b"\r\n\r\n")
        said = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head.lstrip())
        assert said["Content-Type"] == "application/octet-stream"
        found.append((said["Content-Range"], body))
    assert found == [(f"bytes {start}-{end - 1}/{SIZE}", DATA[start:end]) for start, end in parts]


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_bytes_that_are_not_there(reviewer: Client, path: str, method: str, wanted: str) -> None:
    answer = reviewer.ask(method, path, headers={"Range": wanted})
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "wanted",
    [
        *("items=0-1", "bytes=5-1", "bytes=a-b", "bytes=", "bytes=-", "bytes=1-2-3", "0-5"),
        *("bytes=" + ",".join(["0-"] * 3), "bytes=" + ",".join(["0-0"] * 65), "bytes=0-" + "9" * 30),
    ],
)
def test_what_is_no_range_is_ignored(reviewer: Client, path: str, wanted: str) -> None:
    answer = reviewer.get(path, Range=wanted)
    assert (answer.status, answer.body) == (200, DATA)


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (ETAG, 206),
        ('"sha256-00"', 200),
        (f"W/{ETAG}", 200),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 200),
    ],
)
def test_a_part_is_served_if_it_is_of_the_same_bytes(
    reviewer: Client, path: str, condition: str, status: int
) -> None:
    answer = reviewer.get(path, Range="bytes=5-6", If_Range=condition)
    assert answer.status == status
    assert answer.body == (DATA[5:7] if status == 206 else DATA)


def test_of_an_empty_file_no_part_exists(inside: Inside, reviewer: Client) -> None:
    path = f"/items/{inside.client(Role.STATION).kept(b'')}/original"
    assert reviewer.get(path).body == b""
    answer = reviewer.get(path, Range="bytes=0-0")
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */0")


def test_what_a_page_could_run_is_never_served_as_a_page(inside: Inside, reviewer: Client) -> None:
    page = b"<!doctype html><script>alert(1)</script>"
    item = inside.client(Role.STATION).kept(page, "a.html", filetype="text/html")
    answer = reviewer.get(f"/items/{item}/original")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
