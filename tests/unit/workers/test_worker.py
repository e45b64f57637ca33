"""What a worker takes, and what one process of it does at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from custos.settings import Settings
from evidence.jobs import Cost
from workers import worker
from workers.app import make_app
from workers.worker import Child, queues_of


def test_what_is_waited_for_comes_first_and_each_worker_sweeps() -> None:
    assert queues_of([Cost.BULK, Cost.LIGHT], "0a0b0c0d") == [
        "custos.sweep",
        "custos.light.0a0b0c0d",
        "custos.light",
        "custos.bulk.0a0b0c0d",
        "custos.bulk",
    ]
    assert queues_of([Cost.TRANSCODE], "0a0b0c0d")[0] == "custos.sweep"


async def test_slow_sweeps_do_not_pile_up_in_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    count = 0

    class Services:
        @property
        def sweep(self) -> Services:
            return self

        async def run(self) -> None:
            nonlocal count
            count += 1
            begun.set()
            await go_on.wait()

        async def __aenter__(self) -> Services:
            return self

        async def __aexit__(self, *_: object) -> None: ...

    monkeypatch.setattr(worker, "open_services", lambda *_: Services())
    settings = Settings(data=tmp_path)
    child = Child(settings)
    child._doorbell = worker.CeleryDoorbell(make_app(settings))
    first = asyncio.create_task(child._sweep())
    await begun.wait()
    await child._sweep()
    assert count == 1
    go_on.set()
    await first
    await child._sweep()
    assert count == 2
    child._doorbell.close()
