"""Asking a witness over HTTP: what never ends, and what is not there."""

from __future__ import annotations

from contextlib import suppress

import pytest
from aiohttp import web

from custody.asking import NoAnswer
from custos.witness_client import post


async def test_an_answer_without_end_is_none() -> None:
    async def talk(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        with suppress(ConnectionError):
            while True:
                await answer.write(b"-" * 4096)
        return answer

    app = web.Application()
    app.router.add_post("/add-checkpoint", talk)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        with pytest.raises(NoAnswer, match="too long"):
            await post(f"{url}/add-checkpoint", b"")
        for wrong in ("http://127.0.0.1:1", "http://[", "nowhere"):
            with pytest.raises(NoAnswer):
                await post(wrong, b"")
    finally:
        await runner.cleanup()
