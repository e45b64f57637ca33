"""A Custos behind TLS, as deploy/caddy has it: nothing is held back, and nothing shown that is not meant."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from tusclient.client import TusClient

from evidence.agents import Role
from tests.caddy import Caddy, caddy_before
from tests.serving.client import OCTETS, TUS, Client, tus_path
from tests.serving.tree import Tree
from tests.serving.waiting import eventually


@pytest.fixture(scope="module")
def caddy(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caddy]:
    with caddy_before(tree.url, tmp_path_factory.mktemp("caddy")) as running:
        yield running


@pytest.fixture
def line(caddy: Caddy) -> Iterator[HTTPSConnection]:
    connection = caddy.connection()
    yield connection
    connection.close()


def test_a_recording_goes_in_and_comes_out(
    tree: Tree, caddy: Caddy, line: HTTPSConnection, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = tree.client(Role.SUPERVISOR)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(caddy.root))
    with clip.open("rb") as stream:
        sending = TusClient(f"{caddy.url}/uploads", headers=sender.headers()).uploader(
            file_stream=stream, chunk_size=100_000, metadata={"filename": clip.name}
        )
        sending.upload()
    assert sending.url is not None
    assert sending.url.startswith(caddy.url)
    item = sender.committed(tus_path(sending.url))
    data = clip.read_bytes()
    line.request("GET", f"/items/{item}/original", headers=sender.headers({"Range": "bytes=1000-70000"}))
    answer = line.getresponse()
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes 1000-70000/{len(data)}"
    assert answer.headers["Content-Encoding"] is None
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.read() == data[1000:70001]


def test_an_upload_arrives_while_it_is_sent(tree: Tree, line: HTTPSConnection) -> None:
    """A proxy that collects a request before it passes it on would have passed on nothing yet."""
    sender = tree.client(Role.SUPERVISOR)
    upload = sender.created(100 << 20)
    line.putrequest("PATCH", upload)
    told = {**TUS, "Content-Type": OCTETS, "Upload-Offset": "0", "Content-Length": str(100 << 20)}
    for name, value in sender.headers(told).items():
        line.putheader(name, value)
    line.endheaders()
    line.send(bytes(40 << 20))
    staged = tree.data / "staging" / f"{upload.rpartition('/')[2]}.part"
    eventually(lambda: staged.stat().st_size > 0, "something of it has arrived")
    line.close()


def test_progress_comes_as_it_happens(tree: Tree, line: HTTPSConnection) -> None:
    watcher = tree.client(Role.SUPERVISOR)
    line.request("GET", "/progress", headers=watcher.headers())
    answer = line.getresponse()
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    item = watcher.kept(b"somebody watches")
    while item.encode() not in (said := answer.readline()):
        assert said, "the stream has ended"


def test_what_the_machine_alone_may_see_is_not_passed_on(tree: Tree, line: HTTPSConnection) -> None:
    assert Client(tree.url).get("/metrics").status == 200
    line.request("GET", "/metrics")
    answer = line.getresponse()
    assert (answer.status, answer.read()) == (404, b"")
    line.request("GET", "/healthz")
    answer = line.getresponse()
    assert answer.status == 200
    assert answer.headers["Strict-Transport-Security"]
    assert answer.headers["Server"] is None


def test_nobody_who_does_not_know_the_authority_is_served(caddy: Caddy) -> None:
    connection = HTTPSConnection("localhost", caddy.port, context=ssl.create_default_context(), timeout=60)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/healthz")
    connection.close()
