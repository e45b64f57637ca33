"""The worst day: everything is killed at once, the catalogue is gone, and the store has to be enough."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from clients.verifier.heads import pinned
from clients.verifier.log import verify_log
from clients.verifier.receipt import verify_receipt
from custody.journal_chunks import parse_chunk
from custos.readiness import READY_FD
from tests.fault.traffic import receipt_of, send_stubbornly, wait_for_log
from tests.media import make_clip
from tests.places import ROOT
from tests.serving.client import Client
from tests.serving.settings import custos_environment
from tests.serving.tree import PASSWORD, custos, free_port, serving
from tests.serving.waiting import eventually

SEED = 20261129


def killed_while(environment: dict[str, str], log: Path, until: Event) -> None:
    """A `custos serve`, killed with all its parts once `until` is set."""
    reading, writing = os.pipe()
    with log.open("ab") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "custos", "serve"],
            env={**environment, READY_FD: str(writing)}, cwd=ROOT, pass_fds=(writing,),
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
        )  # fmt: skip
    os.close(writing)
    os.close(reading)
    until.wait()
    # The kernel kills its parts with it.
    child.send_signal(signal.SIGKILL)
    child.wait()


def lose_it(base: Path, *, rounds: int) -> None:
    """Recordings come in, all is killed, the catalogue removed and rebuilt, in so many rounds."""
    drawn = random.Random(SEED)
    data, port = base / "data", free_port()
    environment = custos_environment(data, CUSTOS_API__PORT=str(port), CUSTOS_LOG__LEVEL="error")
    custos(
        environment, "user", "add", "li", "--role", "supervisor", "--unit", "north", "--password-stdin",
        typed=PASSWORD + "\n",
    )  # fmt: skip
    client = Client(f"http://127.0.0.1:{port}", custos(environment, "token", "create", "li"))
    case: str | None = None
    clip = make_clip(base / "clip.mp4", seconds=2)
    receipts: dict[str, str] = {}
    for number in range(rounds):
        stop = Event()
        killed = Thread(target=killed_while, args=(environment, base / "serve.log", stop))
        killed.start()
        eventually(lambda: answers(client), "it answers")
        if case is None:
            body = {"number": "1", "category": "penalty", "detail": {"title": "无证经营"}}
            case = client.post("/cases", body).json()["id"]
            # What is younger than the journal would be named, and lost.
            eventually(lambda: has_case(data / "store" / "objects" / "catalogue" / "tail"), "it is told")
        for one in range(drawn.randrange(1, 4)):
            name = f"camera-{number}-{one}"
            upload = send_stubbornly(client, clip.read_bytes(), name)
            receipts[name] = receipt_of(client, upload)
        client.created(len(clip.read_bytes()), "on its way.mp4")
        stop.set()
        killed.join()
        for path in data.iterdir():
            if path.name not in ("store", "keys"):
                shutil.rmtree(path)
        # 1: what the last second held is named, and lost.
        done = subprocess.run(
            [sys.executable, "-m", "custos", "rebuild", "--reason", "lost"],
            env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        for words in ("lack original or manifest", "differ from log"):
            assert words not in done.stdout
    with serving(environment, base / "serve.log"):
        assert client.get(f"/cases/{case}").json()["detail"]["title"] == "无证经营"
        public = (data / "keys" / "signing-key.pub.pem").read_bytes()
        items = []
        for name, receipt in receipts.items():
            said = verify_receipt(clip, receipt, public).statement
            shown = client.settled(said["item"])
            assert (shown["submitted"]["device"], shown["playable"]) == (name, True)
            assert client.get(f"/items/{said['item']}/original").body == clip.read_bytes()
            items.append(said["item"])
        assert len(client.get("/items").json()["items"]) == len(items)
        wait_for_log(client, items)
        key = pinned(Client(client.url).get("/log/key").body.decode())
    store = data / "store" / "objects"
    assert len([path for path in (store / "originals").rglob("*") if path.is_file()]) == 2 * len(items)
    assert verify_log(store / "log", key, objects=store).head.size > len(items)


def has_case(tail: Path) -> bool:
    """Whether a case is in the journal's last chunk."""
    return tail.exists() and any(one.table == "cases" for one in parse_chunk(tail.read_bytes()).entries())


def answers(client: Client) -> bool:
    try:
        return client.get("/session").status == 200
    except OSError:
        return False


@pytest.mark.long
def test_a_lost_catalogue_is_rebuilt(tmp_path: Path) -> None:
    lose_it(tmp_path, rounds=1)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_it_is_lost_again_and_again(tmp_path: Path) -> None:
    lose_it(tmp_path, rounds=12)
