"""SIGKILL of the parts of a running `custos serve`."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, suppress
from http.client import HTTPException
from os import kill
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from clients.verifier.heads import pinned
from clients.verifier.log import verify_log
from clients.verifier.receipt import verify_receipt
from evidence.agents import Role
from tests.media import make_clip
from tests.serving.client import TUS, Client, statement
from tests.serving.settings import custos_environment
from tests.serving.tree import PASSWORD, Tree, custos, free_port, serving
from tests.serving.waiting import eventually

SEED = 20261122
PIECE = 300_000


@contextmanager
def a_tree(base: Path, *, is_whole: bool = True, **settings: str) -> Any:
    """A `custos serve` of one's own, to be killed in parts; see `serving`."""
    data, log, port = base / "data", base / "serve.log", free_port()
    environment = custos_environment(data, CUSTOS_API__PORT=str(port), CUSTOS_LOG__LEVEL="error", **settings)
    tokens = {}
    custos(
        environment, "user", "add", "li", "--role", "supervisor", "--unit", "north", "--password-stdin",
        typed=PASSWORD + "\n",
    )  # fmt: skip
    tokens[Role.SUPERVISOR, "north"] = custos(environment, "token", "create", "li")
    with serving(environment, log, is_whole=is_whole) as pid:
        yield Tree(f"http://127.0.0.1:{port}", data, tokens), pid


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def part(pid: int, word: str) -> int | None:
    """The process of one part: "api", "worker", "beat", "sequencer" or "valkey-server"."""
    for child in children(pid):
        with suppress(OSError):
            if any(word in piece for piece in Path(f"/proc/{child}/cmdline").read_text().split("\0")[:6]):
                return child
    return None


def strike(pid: int, word: str) -> None:
    """SIGKILL one part, once it is there."""
    found = eventually(lambda: part(pid, word), f"{word} is running")
    with suppress(ProcessLookupError):
        kill(found, signal.SIGKILL)


def send_stubbornly(client: Client, clip: bytes, name: str) -> str:
    """As a docking station does: whatever happens, ask where the upload stands and go on."""
    upload: str | None = None

    def stands() -> int | None:
        """Its offset, made first if it is not there; None while the server cannot say."""
        nonlocal upload
        if upload is None:
            made = client.create(len(clip), name, device=name)
            if made.status == 503:
                return None
            assert made.status == 201, made.body
            upload = made.headers["Location"]
        answer = client.ask("HEAD", upload, headers=TUS)
        assert answer.status in (200, 503), answer.status
        return int(answer.headers["Upload-Offset"]) if answer.status == 200 else None

    def attempt() -> str | None:
        try:
            while (offset := stands()) is not None and offset < len(clip):
                assert upload is not None
                answer = client.patch(upload, offset, clip[offset : offset + PIECE])
                assert answer.status in (204, 409, 503), answer.body
        except (OSError, HTTPException):
            return None
        return None if offset is None else upload

    return eventually(attempt, f"{name} is sent")


def receipt_of(client: Client, upload: str) -> str:
    """The completed receipt, however often the server dies meanwhile."""

    def look() -> str | None:
        try:
            answer = client.get(f"{upload}/receipt")
        except (OSError, HTTPException):
            return None
        if answer.status != 200 or not statement(answer.body.decode())["read_back"]:
            return None
        return answer.body.decode()

    return eventually(look, "there is a completed receipt")


def kill_parts(base: Path, *, recordings: int, strikes: int) -> None:
    rng = random.Random(SEED)

    def trouble(pid: int) -> None:
        for _ in range(strikes):
            strike(pid, rng.choice(["api", "worker", "worker", "sequencer"]))

    receive_in_trouble(base, recordings, trouble)


def receive_in_trouble(
    base: Path,
    recordings: int,
    trouble: Callable[[int], None],
    kept: Callable[[Tree], Path] = lambda tree: tree.data / "store",
    **settings: str,
) -> None:
    """Recordings come in while `trouble` is made for the `custos serve` of that pid; each is kept once.

    `kept` gives a directory that has what the store has.
    """
    clip = make_clip(base / "clip.mp4", seconds=2, size="640x360", bitrate="4M")
    data = clip.read_bytes()
    with a_tree(base, **settings) as (tree, pid):
        client = tree.client(Role.SUPERVISOR)
        uploads: dict[str, str] = {}

        def send(name: str) -> None:
            uploads[name] = send_stubbornly(client, data, name)

        senders = [Thread(target=send, args=(f"camera-{n}",)) for n in range(recordings)]
        for sender in senders:
            sender.start()
        trouble(pid)
        for sender in senders:
            sender.join()
        assert len(uploads) == recordings
        for upload in uploads.values():
            verified = verify_receipt(clip, receipt_of(client, upload), tree.public_key)
            assert client.settled(verified.statement["item"])["playable"]
        items = client.get("/items").json()["items"]
        doubled = [
            device for device, n in Counter(item["submitted"]["device"] for item in items).items() if n > 1
        ]
        assert not doubled
        assert {item["upload"] for item in items} == {
            upload.rpartition("/")[2] for upload in uploads.values()
        }
        wait_for_log(client, [item["id"] for item in items])
        store = kept(tree) / "objects"
        stored = [path for path in (store / "originals").rglob("*") if path.is_file()]
        assert len(stored) == 2 * recordings
        key = pinned(Client(tree.url).get("/log/key").body.decode())
        report = verify_log(store / "log", key, objects=store)
        assert report.head.size > len(items)


def wait_for_log(client: Client, items: list[str]) -> None:
    """Until everything that happened to the items is in the log."""

    def is_in(item: str) -> bool:
        # Asking is an event of the item, and not in the log yet.
        waiting: int = client.get(f"/items/{item}/proofs").json()["waiting"]
        return waiting <= 1

    for item in items:
        eventually(lambda item=item: is_in(item), "its events are in the log")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_parts_are_killed_many_times(tmp_path: Path) -> None:
    kill_parts(tmp_path, recordings=40, strikes=40)
