"""A running Custos, and small clips."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from clients.demo.caller import Caller, caller
from clients.demo.programs import run
from clients.demo.server import Account, Custos, account
from tests.serving.tree import free_port

UNIT = "市容执法一大队"


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two recordings of a few seconds, H.264 and AAC."""
    folder = tmp_path_factory.mktemp("clips")

    async def make(path: Path, hertz: int) -> Path:
        made = await run(
            [
                "ffmpeg", "-v", "error", "-nostdin",
                "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=3",
                "-f", "lavfi", "-i", f"sine=frequency={hertz}:duration=3",
                "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac",
                str(path),
            ]
        )  # fmt: skip
        assert made.status == 0, made.errors
        return path

    async def both() -> tuple[Path, Path]:
        return await make(folder / "现场 一.mp4", 440), await make(folder / "second.mp4", 880)

    return asyncio.run(both())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def custos(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Custos]:
    """A server with a data directory of its own."""
    data = tmp_path_factory.mktemp("served") / "data"
    one = Custos((sys.executable, "-m", "custos"), (), data, free_port())
    one.prepare()
    async with one.serving():
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def station(custos: Custos) -> AsyncIterator[Caller]:
    """A docking station of that server."""
    dock = account("dock-01", "采集站一号", "station", UNIT)
    await custos.register(dock)
    async with caller(custos.url, await custos.token(dock)) as asking:
        yield asking


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reviewer(custos: Custos) -> AsyncIterator[Caller]:
    """A reviewer of the same unit, signed in."""
    person: Account = account("zhang", "张审核", "reviewer", UNIT)
    await custos.register(person)
    async with caller(custos.url) as asking:
        await asking.sign_in(person.username, person.password)
        yield asking
