"""The lines to store and broker are cut and slowed while recordings come in, are seen and exported."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fault.lines import Lines
from tests.fault.test_cluster import copied
from tests.fault.traffic import Traffic, receive_in_trouble
from tests.postgres import serving_postgres
from tests.seaweed import running
from tests.serving.settings import custos_environment
from tests.serving.tree import Tree
from tests.valkey import Valkey

SEED = 20261130
#: About three megabytes a second, and a wait with each answer.
_SLOW_PIECE = 1 << 14


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_lines_are_cut_and_slowed_while_everybody_is_at_work(tmp_path: Path) -> None:
    """Nothing acknowledged is lost or doubled, what was given is on record, and all goes on by itself."""
    drawn = random.Random(SEED)  # a schedule, no secret
    with ExitStack() as stack:
        postgres = stack.enter_context(serving_postgres())
        url = stack.enter_context(postgres.catalogue())
        seaweed = stack.enter_context(running(tmp_path / "seaweed"))
        bucket = seaweed.make_bucket()
        valkey = Valkey(tmp_path / "valkey")
        stack.callback(valkey.close)
        valkey.start()
        to_store = Lines(seaweed.ports[0], _SLOW_PIECE)
        stack.callback(to_store.close)
        to_broker = Lines(valkey.port)
        stack.callback(to_broker.close)
        lines = (to_store, to_store, to_store, to_broker)

        def trouble(_pid: int, traffic: Traffic) -> None:
            for _ in range(40):
                traffic.until(drawn.randrange(3))
                line = drawn.choice(lines)
                if drawn.random() < 0.7:
                    line.cut()
                else:
                    line.go_on(slowly=line is to_store and drawn.random() < 0.6)
            for line in lines:
                line.go_on()

        def kept(tree: Tree) -> Path:
            return copied(seaweed, bucket, tree.data / "copy")

        told = custos_environment(
            tmp_path,
            seaweed.settings(bucket),
            CUSTOS_CATALOGUE__URL=url,
            CUSTOS_BROKER__URL=valkey.url.replace(f":{valkey.port}/", f":{to_broker.port}/"),
        )
        told["CUSTOS_S3__ENDPOINT"] = f"http://127.0.0.1:{to_store.port}"
        settings = {
            name: value
            for name, value in told.items()
            if name.startswith(("CUSTOS_S3", "CUSTOS_CAT", "CUSTOS_BROKER"))
        }
        receive_in_trouble(tmp_path, 4, trouble, kept, onlookers=True, seed=SEED, **settings)
        assert to_store.connections > 40
