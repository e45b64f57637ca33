"""A running Custos for tests, and a client that knows nothing but HTTP.

`tree` is the whole `custos serve`: server, worker, schedule and broker as child processes, one for the whole
test run. `inside` is the server alone, in this process, with a doorbell that does every job before it
returns: once an upload is answered, all that follows from it is done. Both live on data directories of
their own and listen on free ports of the loopback interface.

A directory whose tests need them has `pytest_configure = serving.register` in its conftest.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from api.app import make_app, make_runner
from custos.clock import SystemClock
from custos.readiness import READY_FD
from custos.settings import ApiSettings, IngestSettings, MediaSettings, ProtectionSettings, Settings
from custos.wiring import Services, open_services
from evidence.agents import Role
from evidence.jobs import Job

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT.parent / "shared" / "samples"
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = "application/offset+octet-stream"
PASSWORD = "a horse that stays correct"
UNITS = ("north", "south")
ROLES = (Role.OFFICER, Role.REVIEWER, Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR, Role.STATION)
#: No test measures time: this long only stops one that would wait for ever.
PATIENCE_SECONDS = 120.0
RESERVE_BYTES = 1 << 20

T = TypeVar("T")


def register(config: pytest.Config) -> None:
    """Make this module's fixtures known once, wherever they are used from."""
    if not config.pluginmanager.has_plugin(__name__):
        config.pluginmanager.register(sys.modules[__name__], __name__)


def eventually(look: Callable[[], T | None], what: str) -> T:
    """The first answer of `look` that is neither None nor False; fails when none comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"{what}: still not so after {PATIENCE_SECONDS:g} s"
        time.sleep(0.05)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of a problem."""
        code: str = self.json()["code"]
        return code


def metadata(**pairs: str) -> str:
    """An `Upload-Metadata` header; an underscore in a key stands for a hyphen."""
    return ",".join(
        f"{key.replace('_', '-')} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items()
    )


def checksum(algorithm: str, data: bytes) -> str:
    """An `Upload-Checksum` header."""
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who talks to a server, over one new connection a request."""

    url: str
    token: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def through(self, url: str) -> Client:
        """The same somebody, by another way."""
        return Client(url, self.token)

    def headers(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What every request carries."""
        signed = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        return {**signed, **(more or {})}

    @contextmanager
    def asking(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer of which the headers are here and the body is not read yet."""
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, self.headers(headers))
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request and its whole answer."""
        with self.asking(method, path, body, headers) as response:
            return Answer(response.status, response.headers, response.read())

    def get(self, path: str, **headers: str) -> Answer:
        """GET; an underscore in a header's name stands for a hyphen."""
        return self.ask("GET", path, headers={key.replace("_", "-"): value for key, value in headers.items()})

    def dial(self, receive_bytes: int | None = None) -> socket.socket:
        """A bare connection, with a receive buffer of `receive_bytes` if given."""
        line = socket.socket()
        line.settimeout(PATIENCE_SECONDS)
        if receive_bytes is not None:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        line.connect(self.address)
        return line

    def request_head(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        """A request's head as it goes over the wire."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(self.url).netloc}"]
        lines += [f"{key}: {value}" for key, value in self.headers(headers).items()]
        return "\r\n".join([*lines, "", ""]).encode()

    # Sending a recording.

    def create(self, length: int, filename: str = "clip.bin", **pairs: str) -> Answer:
        """A tus creation."""
        about = metadata(filename=filename, **pairs)
        return self.ask(
            "POST", "/uploads", headers={**TUS, "Upload-Length": str(length), "Upload-Metadata": about}
        )

    def created(self, length: int, filename: str = "clip.bin", **pairs: str) -> str:
        """The path of a new upload."""
        answer = self.create(length, filename, **pairs)
        assert answer.status == 201, answer.body
        return answer.headers["Location"]

    def patch(self, upload: str, offset: int, data: bytes, **headers: str) -> Answer:
        """More bytes for the upload at the path `upload`."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.ask(
            "PATCH",
            upload,
            data,
            {**TUS, "Content-Type": OCTETS, "Upload-Offset": str(offset), **named},
        )

    def offset(self, upload: str) -> int:
        """How many bytes of the upload are durable."""
        answer = self.ask("HEAD", upload, headers=TUS)
        assert answer.status == 200
        return int(answer.headers["Upload-Offset"])

    def send(self, data: bytes, filename: str = "clip.bin", **pairs: str) -> str:
        """Upload all of `data`; the upload's path."""
        upload = self.created(len(data), filename, **pairs)
        if data:
            answer = self.patch(upload, 0, data)
            assert answer.status == 204, answer.body
        return upload

    def committed(self, upload: str) -> str:
        """The item that the upload has become, once it has."""

        def look() -> str | None:
            state = self.get(upload).json()
            assert state["state"] in ("accepted", "committed"), state
            return state["item"] if state["state"] == "committed" else None

        return eventually(look, "the upload is committed")

    def kept(self, data: bytes, filename: str = "clip.bin", **pairs: str) -> str:
        """Send `data` and wait until it is an item; the item."""
        return self.committed(self.send(data, filename, **pairs))

    def settled(self, item: str) -> dict[str, Any]:
        """The item as the server shows it, once no work on it is left."""

        def look() -> dict[str, Any] | None:
            shown: dict[str, Any] = self.get(f"/items/{item}").json()
            done = all(job["state"] in ("done", "failed") for job in shown["jobs"])
            stages = {job["stage"] for job in shown["jobs"]}
            return shown if done and {"read-back", "describe"} <= stages else None

        return eventually(look, "the work on the item is done")

    def receipt(self, upload: str, *, completed: bool = True) -> str:
        """The newest receipt, by default only once it states the read-back."""

        def look() -> str | None:
            answer = self.get(f"{upload}/receipt")
            if answer.status != 200:
                assert answer.code == "not-yet"
                return None
            jws = answer.body.decode()
            return jws if statement(jws)["read_back"] or not completed else None

        return eventually(look, "there is a receipt")

    def history(self, item: str) -> list[dict[str, Any]]:
        """The item's events, each with its detail."""
        answer = self.get(f"/items/{item}/history")
        assert answer.status == 200
        return [{**line["event"], "detail": line["detail"]} for line in answer.json()["events"]]


def statement(jws: str) -> dict[str, Any]:
    """What a receipt says, unverified."""
    part = jws.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def tus_path(location: str) -> str:
    """The path in a URL that a tus client keeps."""
    return urlsplit(location).path


@dataclass(frozen=True, slots=True)
class Tree:
    """A running `custos serve`."""

    url: str
    data: Path
    tokens: Mapping[tuple[Role, str], str]

    def client(self, role: Role, unit: str = "north") -> Client:
        """Somebody of that role and unit."""
        return Client(self.url, self.tokens[role, unit])

    @property
    def public_key(self) -> bytes:
        """What receipts are verified with."""
        return (self.data / "keys" / "signing-key.pub.pem").read_bytes()


def custos_environment(data: Path, **settings: str) -> dict[str, str]:
    """This environment with exactly these settings."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CUSTOS_")}
    return {
        **plain,
        "CUSTOS_DATA": str(data),
        "CUSTOS_PROTECTION__IMMUTABLE": "false",
        "CUSTOS_INGEST__RESERVE_BYTES": str(RESERVE_BYTES),
        "CUSTOS_MEDIA__SANDBOX": "prefer",
        **settings,
    }


def custos(environment: Mapping[str, str], *arguments: str, typed: str = "") -> str:
    """What one command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "custos", *arguments],
        env=dict(environment), cwd=ROOT, input=typed, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class _NoBell:
    async def ring(self, jobs: Sequence[Job]) -> None:
        """Nobody is there yet."""


async def _enrol(settings: Settings) -> dict[tuple[Role, str], str]:
    tokens: dict[tuple[Role, str], str] = {}
    async with open_services(settings, _NoBell(), "command") as services:
        for unit in UNITS:
            for role in ROLES:
                name = f"{role.value}-{unit}"
                await services.accounts.add(name, f"{role.value} of {unit}", role, unit, None)
                tokens[role, unit] = await services.accounts.create_token(name, "tests")
    return tokens


def _settings(data: Path, **ingest: Any) -> Settings:
    return Settings(
        data=data,
        api=ApiSettings(),
        ingest=IngestSettings(**{"reserve_bytes": RESERVE_BYTES, **ingest}),
        media=MediaSettings(sandbox="prefer"),
        protection=ProtectionSettings(immutable=False),
    )


@contextmanager
def serving(environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """`custos serve` from the moment it is ready; the child's process id. Stopped in order at the end."""
    reading, writing = os.pipe()
    try:
        with log.open("wb") as errors:
            child = subprocess.Popen(
                [sys.executable, "-m", "custos", "serve"],
                env={**environment, READY_FD: str(writing)}, cwd=ROOT, pass_fds=(writing,),
                stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
            )  # fmt: skip
    finally:
        os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            assert pipe.readline() == b"ready\n", log.read_text()
        yield child.pid
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE_SECONDS) == 0, log.read_text()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """A `custos serve` for the whole run; at its end it has logged no defect."""
    base = tmp_path_factory.mktemp("tree")
    data, log, port = base / "data", base / "serve.log", free_port()
    environment = custos_environment(data, CUSTOS_API__PORT=str(port))
    with ThreadPoolExecutor(1) as apart:
        tokens = apart.submit(asyncio.run, _enrol(_settings(data))).result()
    # The first two as an administrator does it; each is a process, so the others go in together.
    custos(
        environment, "user", "add", "wang", "--name", "王晓梅", "--role", "supervisor", "--unit", "north",
        "--password-stdin", typed=PASSWORD + "\n",
    )  # fmt: skip
    tokens[Role.SUPERVISOR, "north"] = custos(environment, "token", "create", "wang")
    with serving(environment, log):
        yield Tree(f"http://127.0.0.1:{port}", data, tokens)
    text = log.read_text()
    assert "Traceback" not in text, text


class InlineBell:
    """Does each job before it returns."""

    def __init__(self) -> None:
        self.services: Services | None = None
        #: While False, jobs are left as rows.
        self.answers = True

    async def ring(self, jobs: Sequence[Job]) -> None:
        """Run them one after another."""
        if self.services is None or not self.answers:
            return
        for job in jobs:
            await self.services.work.run(job.id)


@dataclass
class Inside:
    """The server alone, on a thread of this process."""

    url: str
    data: Path
    services: Services
    bell: InlineBell
    loop: asyncio.AbstractEventLoop
    _made: dict[tuple[Role, str], Client] = field(default_factory=dict)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's loop."""
        waiting: Future[T] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return waiting.result(PATIENCE_SECONDS)

    def client(self, role: Role, unit: str = "north") -> Client:
        """Somebody of that role and unit, the same one each time."""
        if (role, unit) not in self._made:
            self._made[role, unit] = self.another(role, unit)
        return self._made[role, unit]

    def another(self, role: Role, unit: str = "north") -> Client:
        """Somebody new of that role and unit."""
        name = f"{role.value}-{unit}-{os.urandom(4).hex()}"
        accounts = self.services.accounts
        self.do(accounts.add(name, name, role, unit, None))
        return Client(self.url, self.do(accounts.create_token(name, "tests")))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Every event of a type, oldest first, each with its detail."""

        def look(tx: Any) -> list[dict[str, Any]]:
            rows = tx.connection.exec_driver_sql(
                "SELECT events.data, event_bodies.detail FROM events"
                " JOIN event_bodies ON event_bodies.event_id = events.id ORDER BY events.at, events.id"
            ).all()
            found = [{**json.loads(data), "detail": json.loads(detail)} for data, detail in rows]
            return [event for event in found if event["type"] == kind]

        return self.do(self.services.catalogue.read(look))


@asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[tuple[str, Services, InlineBell]]:
    bell = InlineBell()
    async with open_services(settings, bell, "api") as services:
        bell.services = services
        runner = make_runner(make_app(settings, services, SystemClock()))
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            yield f"http://127.0.0.1:{port}", services, bell
        finally:
            await runner.cleanup()


@contextmanager
def served_inside(data: Path, **ingest: Any) -> Iterator[Inside]:
    """The server alone, with these limits on uploads."""
    settings = _settings(data, **ingest)
    started: Future[Inside] = Future()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with _served(settings) as (url, services, bell):
            started.set_result(Inside(url, data, services, bell, loop))
            await stop.wait()

    def live() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(run())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=live, name="inside")
    thread.start()
    try:
        yield started.result(PATIENCE_SECONDS)
    finally:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)
        thread.join()


@pytest.fixture(scope="session")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """The server alone, with ordinary limits, for the whole run."""
    with served_inside(tmp_path_factory.mktemp("inside") / "data") as server:
        yield server


def ffmpeg(*arguments: str) -> None:
    """Run the machine's own ffmpeg."""
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of H.264, 320×180, with a keyframe every second, and AAC."""
    path = tmp_path_factory.mktemp("media") / "clip.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=12"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=12"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", str(path)),
    )
    return path


@pytest.fixture(scope="session")
def rotated_clip(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as a camera on its side stores it: with a rotation matrix."""
    path = tmp_path_factory.mktemp("media") / "rotated.mp4"
    ffmpeg("-i", str(clip), "-c", "copy", "-metadata:s:v:0", "rotate=90", str(path))
    return path
