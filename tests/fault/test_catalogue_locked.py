"""The catalogue cannot be written: no byte of evidence leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from pysqlite3 import dbapi2 as sqlite

from api.app import make_app
from custos.clock import SystemClock
from custos.wiring import open_services
from storage.catalogue import engine
from tests.fault.scenario import Bell, metadata, pieces, settings_for, somebody, work

RESTS = ("", "/original", "/playlist.m3u8", "/playable.mp4", "/poster.jpg", "/history")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second instead of five until a locked database is called unavailable."""
    quick = tuple(
        "PRAGMA busy_timeout=500" if "busy_timeout" in pragma else pragma for pragma in engine._WRITER_PRAGMAS
    )
    monkeypatch.setattr(engine, "_WRITER_PRAGMAS", quick)


async def test_a_download_that_cannot_be_recorded_is_refused(tmp_path: Path, clip: Path) -> None:
    data = clip.read_bytes()
    bell = Bell()
    settings = settings_for(tmp_path / "data")
    async with open_services(settings, bell, "test") as services:
        agent = await somebody(services)
        upload = await services.uploads.open(agent, len(data), metadata(filename="a.mp4"))
        await services.uploads.receive(agent, upload.id, 0, None, pieces(data, 0), None)
        await work(services, bell)
        (view,) = await services.reading.items(agent, None)
        token = await services.accounts.create_token("li", "test")
        runner = web.AppRunner(make_app(settings, services, SystemClock()))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        blocker = sqlite.connect(settings.catalogue_file, isolation_level=None)
        try:
            async with ClientSession(headers={"Authorization": f"Bearer {token}"}) as client:
                base = f"http://127.0.0.1:{port}/items"
                paths = ["", *(f"/{view.item.id}{rest}" for rest in RESTS)]
                blocker.execute("BEGIN IMMEDIATE")
                for path in paths:
                    async with client.get(base + path) as answer:
                        assert answer.status == 503, path
                        assert (await answer.json())["code"] == "not-on-record"
                        assert data[:64] not in await answer.read()
                blocker.execute("ROLLBACK")
                for path in paths:
                    async with client.get(base + path) as answer:
                        assert answer.status == 200, path
                        await answer.read()
        finally:
            blocker.close()
            await runner.cleanup()
