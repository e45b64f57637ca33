"""What a Custos is busy with while it is killed: recordings come in, are looked at and exported.

Everybody does as a program in the field does: ask again, and go on where it stood. What each of them was
given is kept, and held against the log when the trouble is over.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol, TypeVar

from clients.verifier.export import verify_export
from clients.verifier.heads import pinned
from clients.verifier.log import verify_log
from clients.verifier.receipt import verify_receipt
from evidence.agents import Role
from tests.fault.killing import a_tree
from tests.media import make_clip
from tests.serving.client import TUS, Answer, Client, statement
from tests.serving.tree import Tree
from tests.serving.waiting import PATIENCE_SECONDS, eventually

PIECE = 300_000
#: A part that was killed often is started again after half a minute, and a dead worker's job after another.
_PATIENCE_SECONDS = 3 * PATIENCE_SECONDS
_PAUSE_SECONDS = 0.5

T = TypeVar("T")


class Wait(Protocol):
    """Tries again and again, over lines that break off, and says what was waited for in vain."""

    def __call__(self, attempt: Callable[[], T | None], what: str) -> T: ...


def tried(attempt: Callable[[], T | None]) -> T | None:
    """What `attempt` gives; None where its line broke off."""
    try:
        return attempt()
    except (OSError, HTTPException):
        return None


def in_the_end(attempt: Callable[[], T | None], what: str) -> T:
    """What `attempt` gives once no line breaks off and the server can say it."""
    return eventually(lambda: tried(attempt), what, seconds=_PATIENCE_SECONDS)


def send_stubbornly(client: Client, clip: bytes, name: str, wait: Wait = in_the_end) -> str:
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
        while (offset := stands()) is not None and offset < len(clip):
            assert upload is not None
            answer = client.patch(upload, offset, clip[offset : offset + PIECE])
            assert answer.status in (204, 409, 503), answer.body
        return None if offset is None else upload

    return wait(attempt, f"{name} is sent")


def receipt_of(client: Client, upload: str, wait: Wait = in_the_end) -> str:
    """The completed receipt, however often the server dies meanwhile."""

    def look() -> str | None:
        answer = client.get(f"{upload}/receipt")
        if answer.status != 200 or not statement(answer.body.decode())["read_back"]:
            return None
        return answer.body.decode()

    return wait(look, "there is a completed receipt")


def wait_for_log(client: Client, items: list[str]) -> None:
    """Until everything that happened to the items is in the log."""

    def is_in(item: str) -> bool:
        # Asking is an event of the item, and not in the log yet.
        waiting: int = client.get(f"/items/{item}/proofs").json()["waiting"]
        return waiting <= 1

    for item in items:
        eventually(lambda item=item: is_in(item), "its events are in the log")


def _said(answer: Answer, *also: int) -> Any:
    """What was said; None while the server cannot say it, or says `also`."""
    if answer.status == 503 or answer.status in also:
        return None
    assert answer.status in (200, 202), (answer.status, answer.body)
    return answer.json()


@dataclass(frozen=True, slots=True)
class Looked:
    """Bytes of an original that somebody was given: from `first` on, so many. Its `purpose` is its own."""

    item: str
    purpose: str
    first: int
    got: int


@dataclass(slots=True)
class Traffic:
    """Officers, a reviewer and an archivist at work, each in a thread of their own.

    `deeds` counts what they brought to an end, looks apart: those need the fewest parts, and are many. Who
    waits for some sees that what was broken has recovered.
    """

    client: Client
    clip: bytes
    place: Path
    seed: int
    uploads: dict[str, str] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)
    looks: list[Looked] = field(default_factory=list)
    exports: list[tuple[Path, Any]] = field(default_factory=list)
    deeds: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _given_up: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _work: list[Future[None]] = field(default_factory=list)

    @contextmanager
    def busy(self, *, senders: int, onlookers: bool) -> Iterator[None]:
        """As long as the block runs; then each ends what they are at. Each officer sends one at the least."""
        workers: list[Callable[[], None]] = [lambda n=n: self._send(n) for n in range(senders)]  # type: ignore[misc]
        if onlookers:
            workers += [self._look, self._export]
        with ThreadPoolExecutor(len(workers)) as pool:
            try:
                self._work = [pool.submit(worker) for worker in workers]
                for one in self._work:
                    one.add_done_callback(self._tell)
                yield
                self._end()
                # As long as there is trouble anything may take as long as it likes; then it has to recover.
                wait_for(self._work, _PATIENCE_SECONDS)
            finally:
                self._end()
                self._given_up.set()
        for one in self._work:
            one.result()

    def until(self, more: int) -> None:
        """Wait until so many more deeds are done; raises what any of them met that nobody should."""
        with self._changed:
            wanted = self.deeds + more
            done = self._changed.wait_for(
                lambda: self.deeds >= wanted or any(one.done() and one.exception() for one in self._work),
                _PATIENCE_SECONDS,
            )
        for one in self._work:
            if one.done():
                one.result()
        assert done, f"{self.deeds} deeds done, and no other for {_PATIENCE_SECONDS:g} s"

    def _end(self) -> None:
        self._ended.set()
        self._tell(None)

    def _wait(self, attempt: Callable[[], T | None], what: str) -> T:
        while (found := tried(attempt)) is None or found is False:
            assert not self._given_up.is_set(), f"{what}: not so long after all trouble was over"
            time.sleep(0.05)
        return found

    def _tell(self, _: object) -> None:
        with self._changed:
            self._changed.notify_all()

    def _did(self) -> None:
        with self._changed:
            self.deeds += 1
            self._changed.notify_all()

    def _send(self, officer: int) -> None:
        number = 0
        while not number or not self._ended.is_set():
            name = f"camera-{officer}-{number}"
            self.uploads[name] = send_stubbornly(self.client, self.clip, name, self._wait)
            self._did()
            self.receipts[name] = receipt_of(self.client, self.uploads[name], self._wait)
            self._did()
            number += 1

    def _some_item(self, draw: random.Random) -> str | None:
        """One that has a receipt, once there is one; None when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self.receipts or self._ended.is_set(), _PATIENCE_SECONDS)
        if self._ended.is_set() or not self.receipts:
            return None
        item: str = statement(draw.choice(list(self.receipts.values())))["item"]
        return item

    def _look(self) -> None:
        draw, number = random.Random(self.seed), 0  # what is looked at, no secret
        while item := self._some_item(draw):
            first = draw.randrange(len(self.clip))
            look = f"look {number}"
            self._wait(lambda item=item, look=look, first=first: self._looked(item, look, first), look)
            number += 1
            # Nobody looks without a pause; others would get no processor for it.
            self._ended.wait(_PAUSE_SECONDS)

    def _looked(self, item: str, purpose: str, first: int) -> bool:
        """Whether all of it came; what came is held against the recording, and kept, in any case."""
        got = bytearray()
        headers = {"X-Purpose": purpose, "Range": f"bytes={first}-"}
        try:
            with self.client.asking("GET", f"/items/{item}/original", headers=headers) as answer:
                if answer.status == 503:
                    return False
                assert answer.status == 206, answer.status
                while piece := answer.read1(1 << 16):
                    got += piece
        finally:
            assert self.clip.startswith(bytes(got), first)
            if got:
                self.looks.append(Looked(item, purpose, first, len(got)))
        return len(got) == len(self.clip) - first

    def _export(self) -> None:
        draw = random.Random(self.seed + 1)  # what is exported, no secret
        while item := self._some_item(draw):
            self._exported(item)
            self._did()

    def _exported(self, item: str) -> None:
        wanted = {"profile": "internal", "reason": "a trial", "renditions": []}
        asked = self._wait(
            lambda: _said(self.client.post(f"/items/{item}/exports", wanted)), "an export is asked for"
        )

        def made() -> Any:
            export = _said(self.client.get(f"/exports/{asked['id']}"))
            assert not export or export["job"]["state"] != "failed", export
            return export and export["made"]

        found = self._wait(made, "the export is made")
        data = bytearray()

        def fetched() -> bool:
            headers = {"Range": f"bytes={len(data)}-"}
            with self.client.asking("GET", found["path"], headers=headers) as answer:
                if answer.status == 503:
                    return False
                assert answer.status == 206, answer.status
                while piece := answer.read1(1 << 16):
                    data.extend(piece)
            return len(data) == found["size"]

        self._wait(fetched, "the archive is fetched")

        def sealed() -> Any:
            seal = _said(self.client.get(found["seal"]))
            return seal if seal and seal["leaf"] is not None else None

        seal = self._wait(sealed, "it is sealed in the log")
        path = self.place / f"{asked['id']}.zip"
        path.write_bytes(data)
        self.exports.append((path, seal))


def receive_in_trouble(
    base: Path,
    officers: int,
    trouble: Callable[[int, Traffic], None],
    kept: Callable[[Tree], Path] = lambda tree: tree.data / "store",
    *,
    onlookers: bool = False,
    seed: int = 0,
    **settings: str,
) -> None:
    """So many `officers` send while `trouble` is made for the `custos serve` of that pid; each is kept once.

    `onlookers` look at what came in, and export it. `kept` gives a directory that has what the store has.
    """
    clip = make_clip(base / "clip.mp4", seconds=2, size="640x360", bitrate="4M")
    with a_tree(base, **settings) as (tree, pid):
        client = tree.client(Role.SUPERVISOR)
        (base / "exports").mkdir()
        traffic = Traffic(client, clip.read_bytes(), base / "exports", seed)
        with traffic.busy(senders=officers, onlookers=onlookers):
            trouble(pid, traffic)
        key = pinned(Client(tree.url).get("/log/key").body.decode())
        items = _each_kept_once(traffic, clip, tree)
        for look in traffic.looks:
            assert _is_on_record(look, client.history(look.item)), look
        for path, seal in traffic.exports:
            verify_export(path, key, seal)
        wait_for_log(client, items)
        store = kept(tree) / "objects"
        stored = [path for path in (store / "originals").rglob("*") if path.is_file()]
        assert len(stored) == 2 * len(traffic.uploads)
        report = verify_log(store / "log", key, objects=store)
        assert report.head.size > len(items)
        print(
            f"{len(items)} recordings, {len(traffic.looks)} looks, {len(traffic.exports)} exports: all proven"
        )


def _each_kept_once(traffic: Traffic, clip: Path, tree: Tree) -> list[str]:
    """Every receipt is proven, every recording plays, none is doubled; their items."""
    client = traffic.client
    assert set(traffic.receipts) == set(traffic.uploads)
    for receipt in traffic.receipts.values():
        verified = verify_receipt(clip, receipt, tree.public_key)
        assert client.settled(verified.statement["item"])["playable"]
    items = list(_listed(client))
    devices = Counter(item["submitted"]["device"] for item in items)
    assert not [device for device, n in devices.items() if n > 1]
    assert {item["upload"] for item in items} == {
        upload.rpartition("/")[2] for upload in traffic.uploads.values()
    }
    return [item["id"] for item in items]


def _listed(client: Client) -> Iterator[dict[str, Any]]:
    path: str | None = "/items"
    while path is not None:
        page = client.get(path).json()
        yield from page["items"]
        path = None if page["next"] is None else f"/items?before={page['next']}"


def _is_on_record(look: Looked, history: list[dict[str, Any]]) -> bool:
    """Whether a viewing that permits what was given was opened for it."""
    return any(
        one["type"] == "viewing.opened"
        and one["detail"]["purpose"] == look.purpose
        and one["detail"]["from"] <= look.first
        and look.first + look.got <= one["detail"]["to"]
        for one in history
    )
