"""A broker is a doorbell: away, forgetful or killed, it costs no work. Each test over Valkey and RabbitMQ."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from clients.verifier.receipt import verify_receipt
from custos.sections import BrokerSettings
from custos.settings import Settings
from evidence.agents import Role
from evidence.jobs import Cost, JobState, Stage
from tests.catalogues import ask
from tests.fault.killing import a_tree
from tests.fault.lines import Lines
from tests.fault.test_workers import has_to_be_encoded, in_state
from tests.fault.traffic import receipt_of, send_stubbornly
from tests.media import make_clip
from tests.places import ROOT
from tests.rabbitmq import RabbitMQ
from tests.serving.certificates import vouched_for
from tests.serving.hosts import process
from tests.serving.settings import custos_environment
from tests.serving.waiting import eventually
from tests.valkey import Valkey
from workers.app import RUN_JOB, SWEEP, SWEEPS, make_app, queue_of
from workers.line import Line

Broker: TypeAlias = Valkey | RabbitMQ

LIGHT = queue_of(Cost.LIGHT)
#: Half an hour in the wild: whoever leaves a message unanswered so long is cut off.
_IMPATIENT = "[{rabbit, [{consumer_timeout, 3000}, {channel_tick_interval, 500}]}]."


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    base = tmp_path_factory.mktemp("rabbitmq")
    server = RabbitMQ(base, vouched_for("localhost", base / "tls"), advanced=_IMPATIENT)
    yield server
    server.close()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    yield server
    server.close()


@pytest.fixture(params=["valkey", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """One that may run, or not."""
    server: Broker = request.getfixturevalue(request.param)
    return server


def a_line(broker: Broker, base: Path) -> Line:
    return Line(make_app(Settings(data=base / "ringing", broker=BrokerSettings(url=broker.url))))


def test_an_upload_becomes_a_completed_receipt_over_either(broker: Broker, tmp_path: Path) -> None:
    broker.start()
    clip = make_clip(tmp_path / "clip.mp4", seconds=1)
    with a_tree(tmp_path, CUSTOS_BROKER__URL=broker.url) as (tree, _):
        client = tree.client(Role.SUPERVISOR)
        receipt = receipt_of(client, client.send(clip.read_bytes(), "clip.mp4"))
        assert verify_receipt(clip, receipt, tree.public_key).read_back
    said = (tmp_path / "serve.log").read_text()
    assert "Traceback" not in said
    assert "onnection to broker lost" not in said


def test_a_worker_that_cannot_go_on_ends(valkey: Valkey, tmp_path: Path) -> None:
    """Also while one of its processes is at work: whoever started it starts another."""
    valkey.start()
    valkey.purge(queue_of(Cost.TRANSCODE))
    environment = custos_environment(tmp_path / "data", CUSTOS_BROKER__URL=valkey.url)
    line = a_line(valkey, tmp_path)
    with slow_worker(tmp_path, Cost.TRANSCODE, environment, ends_with=1) as worker:
        assert line.ring(RUN_JOB, queue_of(Cost.TRANSCODE), [["first"]], most=1, worth_seconds=600)
        eventually((tmp_path / "first.begun").exists, "it is begun")
        (tmp_path / "broken").touch()
        assert worker.wait(60) == 1
    line.hang_up()
    assert "Unrecoverable error" in (tmp_path / "log").read_text()
    assert not (tmp_path / "first.done").exists()


@pytest.mark.long
def test_it_comes_late_forgets_and_dies_and_no_work_is_lost(broker: Broker, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=1)
    data = clip.read_bytes()
    broker.kill()
    line = a_line(broker, tmp_path)
    with a_tree(tmp_path, is_whole=False, CUSTOS_BROKER__URL=broker.url) as (tree, _):
        client = tree.client(Role.SUPERVISOR)
        sent = [send_stubbornly(client, data, "while it is away")]
        assert client.get(f"{sent[0]}/receipt").code == "not-yet"
        with pytest.raises(Exception, match="refused"):
            line.ring(SWEEP, SWEEPS, [[]], most=9, worth_seconds=60)
        broker.start()
        assert line.ring(SWEEP, SWEEPS, [[]], most=9, worth_seconds=60)
        receipt_of(client, sent[0])

        sent.append(client.send(data, "before it forgets"))
        broker.purge(LIGHT)
        sent.append(client.send(data, "before it dies"))
        broker.kill()
        sent.append(client.send(data, "while it is dead"))
        broker.start()
        # The connection that it had is gone: it makes another.
        assert line.ring(SWEEP, SWEEPS, [[]], most=9, worth_seconds=60)
        sent.append(client.send(data, "when it is back"))
        for upload in sent:
            verified = verify_receipt(clip, receipt_of(client, upload), tree.public_key)
            assert verified.read_back
            assert client.settled(verified.statement["item"])["playable"]
        assert len(client.get("/items").json()["items"]) == len(sent)
    line.hang_up()
    assert "Traceback" not in (tmp_path / "serve.log").read_text()


@pytest.mark.long
def test_its_lines_are_cut_slowed_and_stopped_while_work_is_done(broker: Broker, tmp_path: Path) -> None:
    """Nothing is lost, nothing done twice, and all goes on by itself."""
    broker.start()
    lines = Lines(broker.port)
    clip = make_clip(tmp_path / "clip.mp4", seconds=1)
    film = has_to_be_encoded(tmp_path / "film.avi")
    by_proxy = broker.url.replace(f":{broker.port}/", f":{lines.port}/")
    try:
        with a_tree(tmp_path, CUSTOS_BROKER__URL=by_proxy) as (tree, _):
            client = tree.client(Role.SUPERVISOR)
            item = client.kept(film, "film.avi")
            in_state(client, item, Stage.PLAYABLE, JobState.RUNNING)
            sent = []
            for trouble in range(4):
                before = lines.connections
                lines.cut()
                sent.append(send_stubbornly(client, clip.read_bytes(), f"cut {trouble}"))
                eventually(lambda before=before: lines.connections > before, "somebody connects again")
            lines.stop()
            sent.append(client.send(clip.read_bytes(), "while nothing passes"))
            lines.go_on(slowly=True)
            sent.append(client.send(clip.read_bytes(), "slowly"))
            for upload in sent:
                assert verify_receipt(clip, receipt_of(client, upload), tree.public_key).read_back
            shown = client.settled(item)
            assert shown["playable"]
            assert [one["kind"] for one in shown["renditions"]].count("playable") == 1
            assert len(client.get("/items").json()["items"]) == len(sent) + 1
            again = "SELECT stage, subject, attempts FROM jobs WHERE attempts > 1"
            assert ask(tree.data / "catalogue" / "custos.db", again) == []
    finally:
        lines.close()


def test_nothing_piles_up_while_no_worker_is_there(broker: Broker, tmp_path: Path) -> None:
    broker.start()
    line = a_line(broker, tmp_path)
    for task, queue in ((SWEEP, SWEEPS), (RUN_JOB, LIGHT)):
        before = broker.waiting(queue)
        calls = [[]] if task == SWEEP else [["a"], ["b"]]
        full = before + len(calls)
        assert line.ring(task, queue, calls, most=full, worth_seconds=60) == len(calls)
        eventually(lambda queue=queue, full=full: broker.waiting(queue) == full, "what was rung waits")
        assert line.ring(task, queue, calls, most=full, worth_seconds=60) == 0
        assert broker.waiting(queue) == full
    line.hang_up()


#: A worker whose children say which job they have, and have done it when they are told so. It breaks if told.
_SLOW_WORKER = """
import os, sys
from pathlib import Path
from custos.configuration import load_settings
from evidence.jobs import Cost
from workers import rings, worker

class Breaking(rings.Listening):
    def start(self, consumer):
        super().start(consumer)
        consumer.timer.call_repeatedly(0.1, lambda: consumer.hub.call_soon(self.look))

    def look(self):
        assert not Path(sys.argv[1], "broken").exists(), "it broke"

class Slow(worker.Child):
    def open(self, app): pass
    def close(self): pass
    def run_job(self, job_id):
        Path(sys.argv[1], f"{job_id}.begun").touch()
        with Path(sys.argv[1], "told").open(): pass
        Path(sys.argv[1], f"{job_id}.done").touch()

worker.Child, worker.Listening = Slow, Breaking
worker.run_worker(load_settings(), [Cost(sys.argv[2])], lambda: Path(sys.argv[1], "listens").touch())
"""


@contextmanager
def slow_worker(
    tmp_path: Path, cost: Cost, environment: dict[str, str], *, ends_with: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    """One that listens; it ends with that status, and what it said is in `log` then."""
    os.mkfifo(tmp_path / "told")
    (tmp_path / "data" / "run").mkdir(parents=True)
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-c", _SLOW_WORKER, str(tmp_path), cost],
            env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        eventually((tmp_path / "listens").exists, "the worker listens")
        yield worker
    finally:
        worker.terminate()
        assert worker.wait(60) == ends_with, (tmp_path / "log").read_text()


#: One has processes, the other threads.
@pytest.mark.long
@pytest.mark.parametrize("cost", [Cost.TRANSCODE, Cost.LIGHT])
def test_a_worker_outlives_a_rabbitmq_that_is_tired_of_waiting(
    rabbitmq: RabbitMQ, tmp_path: Path, cost: Cost
) -> None:
    rabbitmq.start()
    rabbitmq.purge(queue_of(cost))
    environment = custos_environment(
        tmp_path / "data",
        CUSTOS_BROKER__URL=rabbitmq.url,
        CUSTOS_WORK__CONCURRENCY="1",
        CUSTOS_WORK__LIGHT_CONCURRENCY="1",
    )
    said = len(rabbitmq.log)
    line = a_line(rabbitmq, tmp_path)
    with slow_worker(tmp_path, cost, environment) as worker:
        # Two messages more than it has children: one is done, one is taken and waits, one stays behind.
        assert line.ring(
            RUN_JOB, queue_of(cost), [["first"], ["second"], ["third"]], most=3, worth_seconds=600
        )
        eventually((tmp_path / "first.begun").exists, "the first is begun")
        eventually(lambda: "has timed out" in rabbitmq.log[said:], "it is cut off")
        with (tmp_path / "told").open("w"):
            eventually((tmp_path / "third.done").exists, "all are done")
        assert (tmp_path / "first.done").exists()
        assert worker.poll() is None
    line.hang_up()


@pytest.mark.long
@pytest.mark.parametrize("cost", [Cost.TRANSCODE, Cost.LIGHT])
def test_a_line_that_is_cut_ends_no_work_and_is_worth_one_line(
    broker: Broker, tmp_path: Path, cost: Cost
) -> None:
    broker.start()
    broker.purge(queue_of(cost))
    lines = Lines(broker.port)
    by_proxy = broker.url.replace(f":{broker.port}/", f":{lines.port}/")
    environment = custos_environment(tmp_path / "data", CUSTOS_BROKER__URL=by_proxy)
    line = a_line(broker, tmp_path)
    with slow_worker(tmp_path, cost, environment):
        assert line.ring(RUN_JOB, queue_of(cost), [["first"]], most=3, worth_seconds=600)
        eventually((tmp_path / "first.begun").exists, "it is begun")
        before = lines.connections
        lines.cut()
        eventually(lambda: lines.connections > before, "the worker connects again")
        assert line.ring(RUN_JOB, queue_of(cost), [["second"]], most=3, worth_seconds=600)
        with (tmp_path / "told").open("w"):
            for name in ("first", "second"):
                eventually((tmp_path / f"{name}.done").exists, f"the {name} is done")
    line.hang_up()
    lines.close()
    said = (tmp_path / "log").read_text()
    assert said.count("onnection to broker lost") == 1
    assert "DeprecationWarning" not in said
    assert "erminat" not in said


def test_a_broker_that_nobody_vouches_for_is_not_spoken_to(rabbitmq: RabbitMQ, tmp_path: Path) -> None:
    rabbitmq.start()
    (tmp_path / "password").write_text(rabbitmq.password + "\n")
    (tmp_path / "password").chmod(0o600)

    def ring(host: str, trusted: Path | None) -> bool:
        broker = BrokerSettings(
            url=f"amqps://custos@{host}:{rabbitmq.tls_port}/custos",
            password_file=tmp_path / "password",
            trusted=trusted,
        )
        line = Line(make_app(Settings(data=tmp_path / "ringing", broker=broker)))
        try:
            return line.ring(SWEEP, SWEEPS, [[]], most=100, worth_seconds=60)
        finally:
            line.hang_up()

    root = rabbitmq.base / "tls" / "root.pem"
    assert ring("localhost", root)
    for host, trusted, why in (
        ("localhost", None, "self-signed certificate"),
        ("127.0.0.1", root, "mismatch"),
    ):
        with pytest.raises(Exception, match=why):
            ring(host, trusted)


@pytest.mark.long
def test_a_broker_that_stands_still_keeps_nobody_from_ending(rabbitmq: RabbitMQ, tmp_path: Path) -> None:
    rabbitmq.start()
    rabbitmq.purge(SWEEPS)
    lines = Lines(rabbitmq.port)
    by_proxy = rabbitmq.url.replace(f":{rabbitmq.port}/", f":{lines.port}/")
    environment = custos_environment(tmp_path, CUSTOS_BROKER__URL=by_proxy)
    try:
        with process(environment, tmp_path / "beat.log", "beat") as beat:
            eventually(lambda: rabbitmq.waiting(SWEEPS) > 0, "it has rung")
            lines.stop()
            before = lines.asked
            eventually(lambda: lines.asked > before, "it asks, and is not answered")
            beat.stop()
    finally:
        lines.close()
