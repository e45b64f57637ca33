"""Several server processes of one host: one port, one staging disk, nothing that only one of them knows."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path

import pytest

from custos.listening import Door, bound
from custos.parts import parts_of
from custos.sections import ApiSettings, BrokerSettings
from custos.settings import Settings
from custos.supervisor import supervise
from evidence.agents import Role
from tests.integration.api.test_progress import listening
from tests.serving.client import OCTETS, TUS, Answer, Client
from tests.serving.hosts import process
from tests.serving.settings import custos_environment, settings_for
from tests.serving.tree import PASSWORD, enrolled, free_port
from tests.serving.waiting import PATIENCE_SECONDS, eventually


@dataclass(frozen=True, slots=True)
class Pair:
    """Two server processes over the same data, each on a port of its own, so that a test can choose."""

    urls: tuple[str, str]
    data: Path
    tokens: dict[tuple[Role, str], str]

    def clients(self, role: Role = Role.STATION, unit: str = "north") -> tuple[Client, Client]:
        """The same somebody at either."""
        one, two = (Client(url, self.tokens[role, unit]) for url in self.urls)
        return one, two


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    base = tmp_path_factory.mktemp("pair")
    tokens = enrolled(settings_for(base / "data"))
    ports = [free_port(), free_port()]
    environments = [
        custos_environment(base / "data", CUSTOS_API__PORT=str(port), CUSTOS_LOG__LEVEL="error")
        for port in ports
    ]
    with (
        process(environments[0], base / "one.log", "api"),
        process(environments[1], base / "two.log", "api"),
    ):
        urls = (f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}")
        yield Pair(urls, base / "data", tokens)


def stalled(client: Client, upload: str, data: bytes, announced: int) -> socket.socket:
    """A PATCH from 0 that has sent `data` of what it announced, and sends no more."""
    line = client.dial()
    said = {**TUS, "Content-Type": OCTETS, "Upload-Offset": "0", "Content-Length": str(announced)}
    line.sendall(client.request_head("PATCH", upload, said) + data)
    return line


def answer_on(line: socket.socket) -> bytes:
    """The status line and all that comes until the server ends the connection or the problem is whole."""
    found = b""
    while b"}" not in found and (piece := line.recv(65536)):
        found += piece
    return found


def begun(pair: Pair, upload: str) -> None:
    staged = pair.data / "staging" / (upload.rpartition("/")[2] + ".part")
    eventually(lambda: staged.stat().st_size > 0, "the stalled request has begun")


def test_a_request_at_another_process_takes_over_from_a_stalled_one(pair: Pair) -> None:
    one, two = pair.clients()
    data = os.urandom(9 << 20)
    digest = hashlib.sha256(data).hexdigest()
    upload = one.created(len(data), sha256=digest)
    with stalled(one, upload, data[: 8 << 20], len(data)) as line:
        begun(pair, upload)
        offset = two.offset(upload)
        assert offset > 0
        told = answer_on(line)
        assert told.startswith(b"HTTP/1.1 409 ")
        assert b'"superseded"' in told
    # The hash state comes along from process to process, with the offset.
    middle = offset + (len(data) - offset) // 2
    assert one.patch(upload, offset, data[offset:middle]).status == 204
    assert two.patch(upload, middle, data[middle:]).status == 204
    state = one.get(upload).json()
    assert state["state"] == "accepted"
    staged = pair.data / "staging" / (upload.rpartition("/")[2] + ".part")
    assert hashlib.sha256(staged.read_bytes()).hexdigest() == digest
    assert not list((pair.data / "staging").glob("*.turn"))


def test_a_colleague_at_another_process_is_told_that_it_is_busy(pair: Pair) -> None:
    one, _ = pair.clients()
    _, colleague = pair.clients(Role.SUPERVISOR)
    data = os.urandom(9 << 20)
    upload = one.created(len(data))
    with stalled(one, upload, data[: 8 << 20], len(data)) as line:
        begun(pair, upload)
        answer = colleague.patch(upload, 0, data)
        assert (answer.status, answer.code) == (423, "upload-busy")
        line.sendall(data[8 << 20 :])
        assert line.recv(65536).startswith(b"HTTP/1.1 204 ")
    assert colleague.get(upload).json()["state"] == "accepted"


def test_of_requests_at_once_one_writes(pair: Pair) -> None:
    """Each round both processes are sent the same next piece; whoever loses asks again."""
    both = pair.clients()
    data = os.urandom(4 << 20)
    upload = both[0].created(len(data), sha256=hashlib.sha256(data).hexdigest())
    offset, piece = 0, 1 << 20
    while offset < len(data):
        answers: list[Answer] = []

        def send(client: Client, at: int, answers: list[Answer]) -> None:
            answers.append(client.patch(upload, at, data[at : at + piece]))

        threads = [threading.Thread(target=send, args=(client, offset, answers)) for client in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {answer.status for answer in answers} <= {204, 409, 410, 423}
        state = both[1].get(upload).json()
        assert state["state"] in ("receiving", "accepted")
        assert state["offset"] >= offset
        offset = state["offset"]
    assert both[0].get(upload).json()["state"] == "accepted"


def test_what_one_process_does_the_other_shows_as_progress(pair: Pair) -> None:
    one, two = pair.clients(Role.SUPERVISOR)
    with listening(two) as events:
        assert next(events).kind == "position"
        upload = one.send(b"sent to one")
        event = next(each for each in events if each.data.get("subject") == upload.rpartition("/")[2])
    assert (event.data["stage"], event.data["state"]) == ("commit", "queued")


def test_a_session_of_one_process_is_one_of_the_other(pair: Pair) -> None:
    one, two = (Client(url) for url in pair.urls)
    entered = one.post("/session", {"username": "supervisor-north", "password": PASSWORD})
    cookie = entered.headers["Set-Cookie"].partition(";")[0]
    assert two.get("/session", Cookie=cookie).status == 200
    left = two.ask("DELETE", "/session", headers={"Cookie": cookie})
    assert left.status in (200, 204)
    assert one.get("/session", Cookie=cookie).status == 401


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two server processes as `custos serve` keeps them, on one port; its address."""
    port = free_port()
    settings = Settings(
        data=tmp_path_factory.mktemp("two"),
        api=ApiSettings(port=port, processes=2),
        broker=BrokerSettings(url="unix:///nobody/listens/here"),
    )
    environment = {"CUSTOS_API__PORT": str(port), "CUSTOS_LOG__LEVEL": "error"}
    settings.run.mkdir()
    ready: Future[None] = Future()
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()
    with parts_of(settings, None) as parts:
        servers = [
            replace(part, environment={**part.environment, **environment}) for part in parts if part.door
        ]

        def keep() -> None:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(supervise(servers, stop=stop, on_ready=lambda: ready.set_result(None)))

        thread = threading.Thread(target=keep)
        thread.start()
        ready.result(PATIENCE_SECONDS)
        yield f"http://127.0.0.1:{port}"
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def servers(url: str) -> list[int]:
    """The server processes on the port."""
    port = url.rpartition(":")[2].encode()

    def is_server(child: int) -> bool:
        try:
            return b"CUSTOS_API__PORT=" + port in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    threads = Path("/proc/self/task").iterdir()
    found = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    return [child for child in found if is_server(child)]


def requests(url: str) -> int:
    """How many requests for health were counted."""
    text = Client(url).get("/metrics").body.decode()
    found = re.search(r'^custos_requests_total\{route="/healthz",status="200"\} (\S+)$', text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def test_the_counters_are_those_of_all_processes(two: str) -> None:
    before = requests(two)
    for _ in range(20):
        assert Client(two).get("/healthz").status == 200
    assert {requests(two) for _ in range(10)} == {before + 20}


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_no_connection_waits_for_a_process_that_is_gone_or_hangs(two: str, number: signal.Signals) -> None:
    eventually(lambda: len(servers(two)) == 2, "both are there")
    victim = servers(two)[0]
    os.kill(victim, number)

    def is_struck() -> bool:
        try:
            return Path(f"/proc/{victim}/stat").read_text().rpartition(")")[2].split()[0] in "TZ"
        except OSError:
            return True

    eventually(is_struck, "it stands still or is gone")
    for _ in range(50):
        assert Client(two).get("/healthz").status == 200
    if number is signal.SIGSTOP:
        os.kill(victim, signal.SIGCONT)


def test_while_no_process_runs_a_connection_is_refused_and_not_kept_waiting(two: str) -> None:
    eventually(lambda: len(servers(two)) == 2, "both are there")
    for victim in servers(two):
        os.kill(victim, signal.SIGKILL)

    def is_refused() -> bool:
        try:
            Client(two).get("/healthz")
        except ConnectionRefusedError:
            return True
        except (OSError, HTTPException):
            return False
        return False

    eventually(is_refused, "nobody listens")

    def is_back() -> bool:
        try:
            return Client(two).get("/healthz").status == 200
        except (OSError, HTTPException):
            return False

    eventually(is_back, "a server process is there again")


def test_the_socket_lasts_as_long_as_somebody_uses_it() -> None:
    port = free_port()
    door = Door("127.0.0.1", port)
    (descriptor,) = door.enter()
    assert door.enter() == (descriptor,)
    door.leave()
    with socket.socket(fileno=os.dup(descriptor)) as listening_one:
        listening_one.listen()
        with pytest.raises(OSError):
            socket.create_server(("127.0.0.1", port))
    door.leave()
    with socket.create_server(("127.0.0.1", port)):
        assert door.enter() == ()
    door.leave()
    (again,) = door.enter()
    with socket.socket(fileno=os.dup(again)) as bound_one:
        assert bound_one.getsockname() == ("127.0.0.1", port)
    door.leave()


def test_each_address_of_a_name_is_bound() -> None:
    sockets = bound("localhost", free_port())
    assert {one.getsockname()[0] for one in sockets} <= {"127.0.0.1", "::1"}
    for one in sockets:
        one.close()
