"""One request at a time; the newest of the same agent wins."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.errors import Conflict
from evidence.ids import new_id
from ingest import turns
from ingest.turns import Turns
from storage.objects.staging import StagingDirectory

UPLOAD = new_id(datetime(2026, 11, 29, tzinfo=UTC))


async def hold(
    taken: Turns, agent: str, started: asyncio.Event, cleanup: asyncio.Event | None = None
) -> None:
    async with taken.take(UPLOAD, agent):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            if cleanup is not None:
                await asyncio.shield(cleanup.wait())


async def test_a_newer_request_ends_the_older_one(tmp_path: Path) -> None:
    taken, started = Turns(StagingDirectory(tmp_path)), asyncio.Event()
    older = asyncio.create_task(hold(taken, "a", started))
    await started.wait()
    async with taken.take(UPLOAD, "a"):
        with pytest.raises(Conflict) as error:
            await older
        assert error.value.code == "superseded"


async def test_another_agent_is_told_that_it_is_busy(tmp_path: Path) -> None:
    taken, started = Turns(StagingDirectory(tmp_path)), asyncio.Event()
    older = asyncio.create_task(hold(taken, "a", started))
    await started.wait()
    with pytest.raises(Conflict) as error:
        async with taken.take(UPLOAD, "b"):
            pass
    assert error.value.code == "upload-busy"
    older.cancel()
    with pytest.raises(asyncio.CancelledError):
        await older
    async with taken.take(UPLOAD, "b"):
        pass


async def test_an_older_request_that_does_not_end_keeps_its_turn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(turns, "YIELD_WITHIN_SECONDS", 0.01)
    taken, started, cleanup = Turns(StagingDirectory(tmp_path)), asyncio.Event(), asyncio.Event()
    older = asyncio.create_task(hold(taken, "a", started, cleanup))
    await started.wait()
    with pytest.raises(Conflict) as error:
        async with taken.take(UPLOAD, "a"):
            pass
    assert error.value.code == "upload-busy"
    cleanup.set()
    with pytest.raises(Conflict):
        await older


async def test_a_newer_request_ends_the_older_one_in_another_process(tmp_path: Path) -> None:
    here, there = Turns(StagingDirectory(tmp_path)), Turns(StagingDirectory(tmp_path))
    started = asyncio.Event()
    older = asyncio.create_task(hold(here, "a", started))
    await started.wait()
    with pytest.raises(Conflict) as error:
        async with there.take(UPLOAD, "b"):
            pass
    assert error.value.code == "upload-busy"
    async with there.take(UPLOAD, "a"):
        with pytest.raises(Conflict) as error:
            await older
        assert error.value.code == "superseded"
    assert not list(tmp_path.glob("*.turn"))


async def test_of_two_that_wait_the_newer_one_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(turns, "YIELD_WITHIN_SECONDS", 60.0)
    places = [Turns(StagingDirectory(tmp_path)) for _ in range(3)]
    begun = [asyncio.Event() for _ in places]
    cleanup = asyncio.Event()
    first = asyncio.create_task(hold(places[0], "a", begun[0], cleanup))
    await begun[0].wait()
    second = asyncio.create_task(hold(places[1], "a", begun[1]))
    while not first.cancelling():
        await asyncio.sleep(0)
    third = asyncio.create_task(hold(places[2], "a", begun[2]))
    with pytest.raises(Conflict) as error:
        await second
    assert error.value.code == "superseded"
    cleanup.set()
    with pytest.raises(Conflict):
        await first
    await begun[2].wait()
    third.cancel()
    with pytest.raises(asyncio.CancelledError):
        await third
