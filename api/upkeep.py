"""Health, readiness, metrics and the built page."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from pathlib import Path

from aiohttp import web

from api.context import METRICS, agent_of, respond, services
from api.schemas import Health

STATIC = Path(__file__).parent / "static"
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


async def alive(_request: web.Request) -> web.Response:
    """The process answers."""
    return respond(Health(status="ok"))


async def ready(request: web.Request) -> web.Response:
    """The catalogue answers; 503 otherwise."""
    await services(request).catalogue.read(lambda tx: tx.jobs.last_change())
    return respond(Health(status="ok"))


async def metrics(request: web.Request) -> web.Response:
    """Prometheus text, for this machine or anybody who may see jobs."""
    if not (request.remote and ip_address(request.remote).is_loopback):
        await services(request).reading.begin_progress(await agent_of(request))
    alarms = await services(request).catalogue.read(lambda tx: tx.oversight.alarms())
    fixity = zip(("due", "failing"), await services(request).audits.counts(), strict=True)
    shown = request.app[METRICS].render(Counter(alarm.kind for alarm in alarms), dict(fixity))
    return web.Response(body=shown, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def _file(name: str) -> web.Response:
    path = STATIC / name
    return web.Response(
        body=path.read_bytes(), content_type=_TYPES[path.suffix], charset="utf-8", headers=_PAGE_HEADERS
    )


async def page(_request: web.Request) -> web.Response:
    """The small page."""
    return _file("index.html")


async def asset(request: web.Request) -> web.Response:
    """A script or style of the page."""
    name = request.match_info["name"]
    allowed = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.suffix in _TYPES}
    if name not in allowed:
        raise web.HTTPNotFound
    return _file(name)
