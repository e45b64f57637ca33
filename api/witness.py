"""A witness over the wire (c2sp.org/tlog-witness), no part of the server: heads in, cosignatures out."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from custody.witness import Cosigned, Witness
from custody.witnessing import Forked, Inconsistent, StandsAt, Unknown
from evidence.errors import CustosError, Unavailable

_log = logging.getLogger(__name__)
#: 63 hashes, a head, and 64 signatures of it.
_LARGEST_REQUEST = 32 * 1024
_STOP_SECONDS = 5.0
_SIZE_TYPE = "text/x.tlog.size"


@web.middleware
async def _say_no(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A witness that cannot read or keep its state says so, and to whoever runs it, why."""
    try:
        return await handler(request)
    except CustosError as error:
        _log.error("%s [%s]", error.message, error.code)
    except OSError as error:
        _log.error("what is kept could not be read or written, so nothing was cosigned: %s", error)
    return web.Response(status=503, text="This witness cannot answer; its own log says why.\n")


def make_witness_app(witness: Witness) -> web.Application:
    """The application: `POST /add-checkpoint` changes something, nothing else does."""

    async def add_checkpoint(request: web.Request) -> web.Response:
        """Cosign a head, or say why not."""
        try:
            body = (await request.read()).decode()
            decision = await asyncio.to_thread(witness.add, body)
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        if isinstance(decision, Cosigned):
            return web.Response(text=decision.lines)
        stands_at = decision.stands_at if isinstance(decision, Forked) else decision
        if isinstance(stands_at, StandsAt):
            body_of_size = f"{stands_at.size}\n".encode()
            return web.Response(status=409, body=body_of_size, headers={"Content-Type": _SIZE_TYPE})
        if isinstance(decision, Forked | Inconsistent):
            return web.Response(status=422, text=_NOT_CONSISTENT)
        if isinstance(decision, Unknown):
            return web.Response(status=404, text="This witness does not know this log.\n")
        return web.Response(status=403, text="No key of this log that this witness knows has signed this.\n")

    async def checkpoint(request: web.Request) -> web.Response:
        """The head of a log that was cosigned last."""
        found = await asyncio.to_thread(witness.checkpoint, request.match_info["origin"])
        if found is None:
            return web.Response(status=404, text="This witness has cosigned nothing of this log.\n")
        return web.Response(text=found, headers={"Cache-Control": "no-cache"})

    async def about(_request: web.Request) -> web.Response:
        """What this is."""
        return web.Response(text=_ABOUT.format(key=witness.key, logs="\n".join(witness.origins)))

    app = web.Application(client_max_size=_LARGEST_REQUEST, middlewares=[_say_no])
    app.router.add_post("/add-checkpoint", add_checkpoint)
    app.router.add_get("/{origin:[0-9a-f]{64}}/checkpoint", checkpoint)
    app.router.add_get("/", about)
    return app


_NOT_CONSISTENT = (
    "This head does not follow from the one that this witness has cosigned. It is not cosigned; it is kept "
    "where the log's own signatures prove a fork.\n"
)
_ABOUT = """\
This is a witness of transparency logs (c2sp.org/tlog-witness). It cosigns a log's head if, and only if, that
begins with the one that it cosigned before.

Its key, as policies pin it; take it from a second source too:
{key}

The logs that it knows:
{logs}

POST /add-checkpoint            ask for a cosignature
GET /<SHA-256 of the log's name in hex>/checkpoint
                                the head that was cosigned last
"""


async def serve_witness(witness: Witness, host: str, port: int, announce: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called with the port once requests are answered.

    Requests that run get five seconds to end. Raises Unavailable("port-taken").
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(make_witness_app(witness), access_log=None, shutdown_timeout=_STOP_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise Unavailable(
                "port-taken",
                f"Port {port} on {host} cannot be used: {error.strerror}. Choose another with --listen.",
            ) from error
        announce(runner.addresses[0][1])
        await stop.wait()
    finally:
        await runner.cleanup()
