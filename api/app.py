"""The aiohttp application and the process around it."""

from __future__ import annotations

import asyncio
import html
import itertools
import json
import logging
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler

from api.context import AGENT, CLOSING, METRICS, SERVICES, SETTINGS, services
from api.entrance import Entrance
from api.metrics import Metrics
from api.openapi import document
from api.problems import problem, status_of
from api.routes import ROUTES
from api.tus import CREATED, Disconnected
from custos import __version__
from custos.listening import inherited
from custos.settings import Settings
from custos.wiring import Services, open_services
from evidence.agents import Agent
from evidence.errors import CustosError, Denied, Unauthenticated, Unavailable
from evidence.events import EventDraft, EventType, Outcome, Subject
from evidence.ports.catalogue import Transaction
from evidence.ports.clock import Clock
from evidence.ports.doorbell import Doorbell

_log = logging.getLogger(__name__)
_UPKEEP_SECONDS = 2.0
#: A sweep sees to uploads too; where there are several hosts, now on one and now on another.
_ROUNDS_TO_UPLOADS = 15
_STOP_SECONDS = 8.0
#: `Upload-Metadata` may have 32 KiB; whoever sends more is told so by us and not by the parser.
_LONGEST_FIELD = 40 * 1024
NOISE: web.AppKey[Counter[str]] = web.AppKey("noise", Counter)
CLOCK: web.AppKey[Clock] = web.AppKey("clock", Clock)


_DEFECT = CustosError("defect", "Custos itself failed here; what happened is in the server's log.")


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error becomes a problem; a denial of somebody known is on record first."""
    started = time.perf_counter()
    status = 500
    try:
        try:
            response = await handler(request)
        except CustosError as error:
            response = await _answer(request, error)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            response = problem(_plain(error), error.status)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except Exception:
            if request.writer.output_size:
                # The answer has begun; aiohttp ends the connection.
                raise
            _log.exception("a defect reached the edge")
            response = problem(_DEFECT)
        status = response.status
        return response
    finally:
        route = request.match_info.route.resource
        name = "unknown" if route is None else route.canonical
        request.app[METRICS].requests.labels(name, str(status)).inc()
        request.app[METRICS].seconds.labels(name).observe(time.perf_counter() - started)


def _plain(error: web.HTTPException) -> CustosError:
    words = {404: "There is nothing here that you may see.", 405: "This address knows no such method."}
    return CustosError(
        {404: "not-found", 405: "no-such-method"}.get(error.status, "bad-request"),
        words.get(error.status, "The request cannot be understood."),
    )


async def _answer(request: web.Request, error: CustosError) -> web.StreamResponse:
    if isinstance(error, Disconnected):
        request.protocol.force_close()
        return web.Response(status=400)
    if isinstance(error, Unauthenticated):
        request.app[NOISE][error.code] += 1
    agent = request.get(AGENT)
    if isinstance(error, Denied) and error.code == "not-found" and agent is not None:
        try:
            await _record_denial(request, agent)
        except CustosError as failure:
            error = failure
    if status_of(error) == 500:
        _log.error("an error without a status reached the edge", exc_info=error)
    response = problem(error)
    if request.path.startswith("/uploads"):
        response.headers["Tus-Resumable"] = "1.0.0"
        made = request.get(CREATED)
        if made is not None:
            response.headers["Location"] = made
        if error.code == "unsupported-tus":
            response.headers["Tus-Version"] = "1.0.0"
    return response


async def _record_denial(request: web.Request, agent: Agent) -> None:
    """Put a denial on record, in the history of the item if there is one."""
    item_id = request.match_info.get("item", "")
    now = request.app[CLOCK].now()

    def record(tx: Transaction) -> None:
        subjects = () if tx.items.get(item_id) is None else (Subject("item", item_id),)
        detail = {"method": request.method, "path": request.path[:500]}
        tx.events.append(
            EventDraft(EventType.ACCESS_DENIED, agent.id, now, subjects, Outcome.DENIED, detail=detail)
        )

    await services(request).catalogue.write(record)


async def _say_nothing_of_versions(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "Custos"


def make_app(settings: Settings, opened: Services, clock: Clock) -> web.Application:
    """The application over open services."""
    app = web.Application(middlewares=[answer_errors], client_max_size=1 << 20)
    app[SERVICES] = opened
    app[SETTINGS] = settings
    app[METRICS] = Metrics()
    app[CLOSING] = asyncio.Event()
    app[NOISE] = Counter()
    app[CLOCK] = clock
    for route in ROUTES:
        if route.method == "GET":
            app.router.add_get(route.path, route.handler, allow_head=route.path != "/uploads/{upload}")
        else:
            app.router.add_route(route.method, route.path, route.handler)
    specification = json.dumps(document(ROUTES, __version__), ensure_ascii=False)

    async def openapi(_request: web.Request) -> web.Response:
        return web.Response(text=specification, content_type="application/json")

    async def docs(_request: web.Request) -> web.Response:
        return web.Response(text=_docs_page(), content_type="text/html")

    app.on_response_prepare.append(_say_nothing_of_versions)
    app.router.add_get("/openapi.json", openapi)
    app.router.add_get("/docs", docs)
    app.cleanup_ctx.append(_upkeep)
    return app


def _docs_page() -> str:
    rows = "".join(
        f"<tr><td><code>{route.method}</code></td><td><code>{html.escape(route.path)}</code></td>"
        f"<td>{html.escape((route.handler.__doc__ or '').splitlines()[0])}</td></tr>"
        for route in ROUTES
        if route.described
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Custos API</title>"
        "<h1>Custos API</h1><p>The full description is <a href=/openapi.json>openapi.json</a>.</p>"
        f"<table>{rows}</table>"
    )


async def _upkeep(app: web.Application) -> AsyncIterator[None]:
    """Close viewings that have ended, write down the noise of strangers, see to this host's uploads."""
    often = (app[SERVICES].desk.close_ended, partial(_write_noise, app))
    uploads = app[SERVICES].uploads
    seldom = (uploads.accept_complete, uploads.expire, uploads.discard_orphans)

    async def tend() -> None:
        for rounds in itertools.count(1):
            await asyncio.sleep(_UPKEEP_SECONDS)
            for step in (*often, *(seldom if rounds % _ROUNDS_TO_UPLOADS == 0 else ())):
                try:
                    await step()
                except CustosError as error:
                    _log.warning("upkeep failed and will be tried again: %s", error)

    task = asyncio.create_task(tend())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _write_noise(app: web.Application) -> None:
    counted = {kind: count for kind, count in app[NOISE].items() if count}
    if not counted:
        return
    now = app[CLOCK].now()

    def put(tx: Transaction) -> None:
        for kind, count in counted.items():
            tx.oversight.count_noise(kind, now, count)

    await app[SERVICES].catalogue.write(put)
    app[NOISE].subtract(counted)


def make_runner(app: web.Application) -> web.AppRunner:
    """What serves the application; requests that run get eight seconds to end."""
    return web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS, max_field_size=_LONGEST_FIELD)


async def run_api(settings: Settings, doorbell: Doorbell, clock: Clock, announce: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called once requests are answered.

    Requests that run get eight seconds to end. Raises Unavailable("port-taken").
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_services(settings, doorbell, "api") as opened:
        app = make_app(settings, opened, clock)
        runner = make_runner(app)
        await runner.setup()
        entrance: Entrance | None = None
        try:
            entrance = await _listen(runner, settings)
            announce()
            await stop.wait()
            app[CLOSING].set()
        finally:
            if entrance is not None:
                await entrance.close()
            await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Settings) -> Entrance | None:
    """Where whoever started this process bound, else where the settings say."""
    given = inherited()
    try:
        if not given:
            await web.TCPSite(runner, settings.api.host, settings.api.port).start()
            return None
        assert runner.server is not None
        entrance = Entrance(given, runner.server)
        entrance.open()
    except OSError as error:
        raise Unavailable(
            "port-taken",
            f"Port {settings.api.port} on {settings.api.host} cannot be used: {error.strerror}. "
            "Choose another with the setting api.port.",
        ) from error
    return entrance
