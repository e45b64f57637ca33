"""Real witnesses on loopback: the server of `custos witness`, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from api.witness import make_witness_app
from custody.cosigning import AskedWitness
from custody.notes import VerifierKey
from custody.witness import Witness, open_witness
from evidence.ports.clock import Clock

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Later:
    """A clock that stands, and can be put on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return NOW + self.ahead

    def source(self) -> str:
        return "a clock that stands"


@dataclass
class ServedWitness:
    """A witness and where it answers; `answers` holds a status to answer with instead, once set."""

    witness: Witness
    directory: Path
    url: str
    spoil: int | None = None

    @property
    def asked(self) -> AskedWitness:
        """As the settings name it."""
        return AskedWitness(self.witness.key, self.url)


@asynccontextmanager
async def served_witness(
    directory: Path, name: str, logs: Sequence[VerifierKey], clock: Clock
) -> AsyncIterator[ServedWitness]:
    """One that answers for the length of the block."""
    witness = open_witness(directory, name, logs, clock)
    served = ServedWitness(witness, directory, "")
    app = make_witness_app(witness)

    @web.middleware
    async def spoiled(request: web.Request, handler: object) -> web.StreamResponse:
        if served.spoil is not None:
            return web.Response(status=served.spoil)
        return await handler(request)  # type: ignore[no-any-return, operator]

    app.middlewares.append(spoiled)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield served
    finally:
        await runner.cleanup()
