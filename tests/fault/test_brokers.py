"""A broker is a doorbell: away, forgetful or killed, it costs no work. Each test over Valkey and RabbitMQ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from clients.verifier.receipt import verify_receipt
from custos.sections import BrokerSettings
from custos.settings import Settings
from evidence.agents import Role
from tests.fault.test_tree import a_tree, receipt_of, send_stubbornly
from tests.media import make_clip
from tests.rabbitmq import RabbitMQ
from tests.serving.waiting import eventually
from tests.valkey import Valkey
from workers.app import QUEUE, RUN_JOB, SWEEP, SWEEPS, make_app
from workers.line import Line

Broker: TypeAlias = Valkey | RabbitMQ

#: Half an hour in the wild: whoever leaves a message unanswered so long is cut off.
_IMPATIENT = "[{rabbit, [{consumer_timeout, 2000}, {channel_tick_interval, 500}]}]."


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    server = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), advanced=_IMPATIENT)
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

        sent.append(client.send(data, "before it forgets and dies"))
        broker.purge(QUEUE)
        broker.kill()
        sent.append(client.send(data, "while it is dead"))
        broker.start()
        # The connection that it had is gone: it makes another.
        assert line.ring(SWEEP, SWEEPS, [[]], most=9, worth_seconds=60)
        for upload in sent:
            verified = verify_receipt(clip, receipt_of(client, upload), tree.public_key)
            assert verified.read_back
        assert len(client.get("/items").json()["items"]) == len(sent)
    line.hang_up()
    assert "Traceback" not in (tmp_path / "serve.log").read_text()


def test_nothing_piles_up_while_no_worker_is_there(broker: Broker, tmp_path: Path) -> None:
    broker.start()
    line = a_line(broker, tmp_path)
    for task, queue in ((SWEEP, SWEEPS), (RUN_JOB, QUEUE)):
        before = broker.waiting(queue)
        calls = [[]] if task == SWEEP else [["a"], ["b"]]
        assert line.ring(task, queue, calls, most=before + 1, worth_seconds=60)
        full = before + len(calls)
        eventually(lambda queue=queue, full=full: broker.waiting(queue) == full, "what was rung waits")
        assert not line.ring(task, queue, calls, most=full, worth_seconds=60)
        assert broker.waiting(queue) == full
    line.hang_up()
