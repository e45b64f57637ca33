"""One request at a time; the newest of the same agent wins."""

from __future__ import annotations

import asyncio

import pytest

from evidence.errors import Conflict
from ingest import turns
from ingest.turns import Turns


async def hold(
    taken: Turns, agent: str, started: asyncio.Event, cleanup: asyncio.Event | None = None
) -> None:
    async with taken.take("u", agent):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            if cleanup is not None:
                await asyncio.shield(cleanup.wait())


async def test_a_newer_request_ends_the_older_one() -> None:
    taken, started = Turns(), asyncio.Event()
    older = asyncio.create_task(hold(taken, "a", started))
    await started.wait()
    async with taken.take("u", "a"):
        with pytest.raises(Conflict) as error:
            await older
        assert error.value.code == "superseded"


async def test_another_agent_is_told_that_it_is_busy() -> None:
    taken, started = Turns(), asyncio.Event()
    older = asyncio.create_task(hold(taken, "a", started))
    await started.wait()
    with pytest.raises(Conflict) as error:
        async with taken.take("u", "b"):
            pass
    assert error.value.code == "upload-busy"
    older.cancel()
    with pytest.raises(asyncio.CancelledError):
        await older
    async with taken.take("u", "b"):
        pass


async def test_an_older_request_that_does_not_end_keeps_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "YIELD_WITHIN_SECONDS", 0.01)
    taken, started, cleanup = Turns(), asyncio.Event(), asyncio.Event()
    older = asyncio.create_task(hold(taken, "a", started, cleanup))
    await started.wait()
    with pytest.raises(Conflict) as error:
        async with taken.take("u", "a"):
            pass
    assert error.value.code == "upload-busy"
    cleanup.set()
    with pytest.raises(Conflict):
        await older
