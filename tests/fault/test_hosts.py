"""Two hosts of one Custos behind a proxy: each has a staging disk of its own, all else is shared."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient

from clients.verifier.heads import pinned
from clients.verifier.log import verify_log
from clients.verifier.receipt import verify_receipt
from custos.keeping_sections import S3Settings
from custos.stores import staging_tag
from evidence.agents import Role
from evidence.jobs import Cost, Stage, cost_of
from tests.catalogues import ask
from tests.fault.test_cluster import copied
from tests.fault.test_workers import a_broker
from tests.fault.traffic import receipt_of, wait_for_log
from tests.integration.api.test_progress import STAGES, listening, until_done
from tests.media import make_clip
from tests.places import SAMPLES
from tests.postgres import Server, serving_postgres
from tests.seaweed import running
from tests.serving.client import TUS, Client, tus_path
from tests.serving.hosts import Process, process
from tests.serving.proxied import proxied
from tests.serving.settings import custos_environment, settings_for
from tests.serving.tree import custos, enrolled, free_port
from tests.serving.waiting import eventually

Tokens = dict[tuple[Role, str], str]


@dataclass(frozen=True, slots=True)
class Host:
    """One of them: where it listens, and its staging disk."""

    port: int
    data: Path
    tag: str
    environment: dict[str, str]

    @property
    def url(self) -> str:
        """Past the proxy."""
        return f"http://127.0.0.1:{self.port}"


def two_hosts(base: Path, catalogue: str, socket: Path, s3: S3Settings | None) -> tuple[list[Host], Tokens]:
    """Their directories, with one key; the second store is the first, where it is no bucket."""
    found = []
    for name in ("a", "b"):
        data, port = base / name, free_port()
        if name == "b":
            shutil.copytree(base / "a" / "keys", data / "keys")
            if s3 is None:
                (data / "store").symlink_to(base / "a" / "store")
        settings = settings_for(data, catalogue=catalogue, s3=s3)
        if name == "a":
            tokens = enrolled(settings)
        environment = custos_environment(
            data,
            s3,
            CUSTOS_CATALOGUE__URL=catalogue,
            CUSTOS_BROKER__URL=f"unix://{socket}",
            CUSTOS_API__PORT=str(port),
            CUSTOS_LOG__LEVEL="error",
        )
        found.append(Host(port, data, staging_tag(settings), environment))
    return found, tokens


def together(stack: ExitStack, *starts: Callable[[], Any]) -> list[Process]:
    """All of them started at once; each is stopped with the stack."""
    with ThreadPoolExecutor(len(starts)) as pool:
        return [stack.enter_context(each) for each in pool.map(lambda start: _Entered(start()), starts)]


class _Entered:
    """A context that was entered on another thread already."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._process: Process = context.__enter__()

    def __enter__(self) -> Process:
        return self._process

    def __exit__(self, *what: Any) -> None:
        self._context.__exit__(*what)


def sent(proxy: Client, path: Path, chunk: int = 1 << 20) -> str:
    """A recording sent by an ordinary tus client through the proxy; the upload's path."""
    client = TusClient(f"{proxy.url}/uploads", headers=proxy.headers())
    with path.open("rb") as stream:
        uploader = client.uploader(
            file_stream=stream, chunk_size=chunk, metadata={"filename": path.name}, retries=30, retry_delay=1
        )
        uploader.upload()
    assert uploader.url is not None
    return tus_path(uploader.url)


def tag_in(upload: str) -> str:
    return upload[-8:]


@dataclass(frozen=True, slots=True)
class Small:
    """Two hosts, each with a server and a worker for light work; SQL to look at what they did."""

    hosts: list[Host]
    workers: list[Process]
    proxy: Client
    catalogue: str
    public_key: bytes


@pytest.fixture(scope="module")
def small(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    base = tmp_path_factory.mktemp("hosts")
    with ExitStack() as stack:
        url = stack.enter_context(postgres.catalogue())
        (base / "broker").mkdir()
        socket = stack.enter_context(a_broker(base / "broker"))
        hosts, tokens = two_hosts(base, url, socket, None)

        def start(host: Host, *arguments: str) -> Callable[[], Any]:
            log = base / f"{host.data.name}-{arguments[0]}.log"
            return lambda: process(host.environment, log, *arguments)

        started = together(
            stack,
            *(start(host, "worker", "--queues", "light") for host in hosts),
            *(start(host, "api") for host in hosts),
        )
        proxy = stack.enter_context(
            proxied(base / "nginx", [host.port for host in hosts], [host.tag for host in hosts])
        )
        key = (hosts[0].data / "keys" / "signing-key.pub.pem").read_bytes()
        yield Small(hosts, started[:2], Client(proxy, tokens[Role.SUPERVISOR, "north"]), url, key)


def test_an_upload_goes_on_where_it_began_whichever_host_that_is(small: Small, tmp_path: Path) -> None:
    file = tmp_path / "recording.bin"
    seen: set[str] = set()
    while len(seen) < 2:
        file.write_bytes(f"recording {len(seen)}".encode() * 20_000)
        upload = sent(small.proxy, file, chunk=50_000)
        seen.add(tag_in(upload))
        verified = verify_receipt(file, receipt_of(small.proxy, upload), small.public_key)
        assert verified.read_back
        item = verified.statement["item"]
        # Both hosts show it, and serve its bytes.
        for host in small.hosts:
            assert small.proxy.through(host.url).get(f"/items/{item}/original").body == file.read_bytes()
    assert seen == {host.tag for host in small.hosts}
    for host in small.hosts:
        assert not list((host.data / "staging").glob("*.*"))


def test_another_host_says_that_an_upload_is_not_there(small: Small) -> None:
    one, other = (small.proxy.through(host.url) for host in small.hosts)
    upload = one.created(10)
    assert one.patch(upload, 0, b"12345").status == 204
    for answer in (
        other.patch(upload, 5, b"67890"),
        other.ask("HEAD", upload, headers=TUS),
        other.ask("DELETE", upload, headers=TUS),
    ):
        assert answer.status == 503
        assert answer.headers["Retry-After"]
    assert other.patch(upload, 5, b"67890").code == "upload-elsewhere"
    assert other.get(upload).json()["offset"] == 5
    # A stranger learns nothing from where it lies.
    stranger = Client(other.url, "nobody's")
    assert stranger.patch(upload, 5, b"67890").status == 401
    assert small.proxy.offset(upload) == 5
    assert small.proxy.patch(upload, 5, b"67890").status == 204


def freeze(small: Small, worker: Process) -> None:
    """While it has nothing to do.

    In the middle of a transaction it would hold up everybody, until the database ends that.
    """
    light = [stage.value for stage in Stage if cost_of(stage) is Cost.LIGHT]
    at_work = f"SELECT 1 FROM jobs WHERE state IN ('queued', 'running') AND stage = ANY(ARRAY{light})"
    eventually(lambda: not ask(small.catalogue, at_work), "nothing is left to do")
    worker.freeze()


def test_a_commit_waits_for_its_own_host_and_costs_no_attempt(small: Small, tmp_path: Path) -> None:
    (here, there), (worker, _) = small.hosts, small.workers
    freeze(small, worker)
    file = tmp_path / "recording.bin"
    file.write_bytes(b"lies on a host whose worker stands still")
    waiting = small.proxy.through(here.url).send(file.read_bytes())
    # The other host's worker is rung for it, as after a restart of the broker it might be.
    ask(small.catalogue, "UPDATE jobs SET rung_at = NULL WHERE state = 'queued'")
    later = tmp_path / "later.bin"
    later.write_bytes(b"goes on")
    upload = small.proxy.through(there.url).send(later.read_bytes())
    assert verify_receipt(later, receipt_of(small.proxy, upload), small.public_key).read_back
    ((state, attempts),) = ask(
        small.catalogue,
        f"SELECT state, attempts FROM jobs WHERE stage = 'commit' AND subject = '{waiting[-36:]}'",
    )
    assert (state, attempts) == ("queued", 0)
    worker.thaw()
    assert verify_receipt(file, receipt_of(small.proxy, waiting), small.public_key).read_back


@pytest.mark.long
def test_a_disk_that_is_lost_is_given_up(small: Small) -> None:
    (here, there), (_, worker) = small.hosts, small.workers
    freeze(small, worker)
    at_other = small.proxy.through(there.url)
    receiving = at_other.created(10)
    assert at_other.patch(receiving, 0, b"12345").status == 204
    accepted = at_other.send(b"accepted, and nowhere but on that disk")
    said = custos(here.environment, "staging", "list")
    assert re.search(rf"^{there.tag}  1 receiving, 1 to be committed, 0 refused$", said, re.MULTILINE), said
    with pytest.raises(AssertionError, match="staging-here"):
        custos(here.environment, "staging", "lost", here.tag)
    custos(here.environment, "staging", "lost", there.tag)
    assert small.proxy.ask("HEAD", receiving, headers=TUS).status == 410
    # Nobody rings here of himself; whoever has done a job looks what else there is.
    small.proxy.through(here.url).kept(b"something else to do")

    def is_told() -> bool:
        failed = small.proxy.get("/jobs?state=failed").json()["jobs"]
        return [job["subject"] for job in failed] == [accepted[-36:]]

    eventually(is_told, "it is said that this has to be sent again")
    worker.thaw()


def a_recording(base: Path) -> Path:
    """A real one, where the samples are."""
    sample = SAMPLES / "video" / "opencv-cup.mp4"
    return sample if sample.exists() else make_clip(base / "clip.mp4", seconds=20, size="1280x720")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_host_that_loses_power_holds_up_its_own_uploads_and_nothing_else(tmp_path: Path) -> None:
    """Each host has two servers, a worker for light work, one for the rest; schedule and log are apart."""
    file = a_recording(tmp_path)
    with ExitStack() as stack:
        postgres = stack.enter_context(serving_postgres())
        seaweed = stack.enter_context(running(tmp_path / "seaweed"))
        catalogue = stack.enter_context(postgres.catalogue())
        (tmp_path / "broker").mkdir()
        socket = stack.enter_context(a_broker(tmp_path / "broker"))
        bucket = seaweed.make_bucket()
        hosts, tokens = two_hosts(tmp_path, catalogue, socket, seaweed.settings(bucket))
        here, there = hosts
        third = {**here.environment, "CUSTOS_DATA": str(tmp_path / "c")}
        shutil.copytree(here.data / "keys", tmp_path / "c" / "keys")
        parts = {"CUSTOS_HOST__PARTS": '["api", "worker"]', "CUSTOS_API__PROCESSES": "2"}

        def serve(host: Host) -> Callable[[], Any]:
            log = tmp_path / f"{host.data.name}.log"
            return lambda: process({**host.environment, **parts}, log, "serve")

        one, _, *_ = together(
            stack,
            serve(here),
            serve(there),
            lambda: process(third, tmp_path / "beat.log", "beat"),
            lambda: process(third, tmp_path / "sequencer.log", "sequencer"),
        )
        proxy = Client(
            stack.enter_context(proxied(tmp_path / "nginx", [here.port, there.port], [here.tag, there.tag])),
            tokens[Role.SUPERVISOR, "north"],
        )
        key = (here.data / "keys" / "signing-key.pub.pem").read_bytes()

        # Sent to one host, followed at the other, through to its last stage.
        with listening(proxy.through(there.url)) as events:
            assert next(events).kind == "position"
            first = sent(proxy.through(here.url), file)
            until_done(events, STAGES)
        items = [play(proxy, first, file, key)]

        # Half of it lies on a host that then loses power.
        data = file.read_bytes()
        cut = proxy.through(here.url).created(len(data), "cut.mp4", device="CAM-2")
        assert proxy.patch(cut, 0, data[: len(data) // 2]).status == 204
        one.kill()
        answer = proxy.ask("HEAD", cut, headers=TUS)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        assert proxy.get(cut).json()["state"] == "receiving"
        other = sent(proxy, make_clip(tmp_path / "other.mp4", seconds=4))
        assert tag_in(other) == there.tag
        items.append(play(proxy, other, tmp_path / "other.mp4", key))
        assert proxy.ask("HEAD", cut, headers=TUS).status == 503

        # It is there again, and so is what was acknowledged of the upload.
        one.start_again()
        offset = eventually(lambda: offset_of(proxy, cut), "the upload is there again")
        assert offset == len(data) // 2
        eventually(lambda: proxy.patch(cut, offset, data[offset:]).status in (204, 410), "the rest is taken")
        items.append(play(proxy, cut, file, key))

        # One log of all that happened on both, and each original once.
        wait_for_log(proxy, items)
        stored = copied(seaweed, bucket, tmp_path / "copy") / "objects"
        originals = [path for path in (stored / "originals").rglob("*") if path.is_file()]
        assert len(originals) == 2 * len(items)
        verify_log(stored / "log", pinned(proxy.get("/log/key").body.decode()), objects=stored)
        one.stop()


def offset_of(client: Client, upload: str) -> int | None:
    """None while its host is away."""
    answer = client.ask("HEAD", upload, headers=TUS)
    return int(answer.headers["Upload-Offset"]) if answer.status == 200 else None


def play(client: Client, upload: str, file: Path, key: bytes) -> str:
    """The item that the upload becomes: its receipt holds, and its copy plays."""
    verified = verify_receipt(file, receipt_of(client, upload), key)
    item: str = verified.statement["item"]
    shown = client.settled(item)
    assert shown["playable"], shown["jobs"]
    playlist = client.get(f"/items/{item}/playlist.m3u8")
    assert playlist.status == 200
    copy = next(one for one in shown["renditions"] if one["kind"] == "playable")
    answer = client.get(f"/items/{item}/playable.mp4", Range="bytes=0-99")
    assert answer.status == 206, (answer.status, copy)
    assert b"ftyp" in answer.body
    return item
