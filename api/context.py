"""What every handler can reach: the services, and who is asking."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from api.metrics import Metrics
from custos.settings import Settings
from custos.wiring import Services
from evidence.agents import Agent
from evidence.errors import Invalid, Unauthenticated

SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
SETTINGS: web.AppKey[Settings] = web.AppKey("settings", Settings)
METRICS: web.AppKey[Metrics] = web.AppKey("metrics", Metrics)
#: Set when the server is told to stop, for answers that would otherwise never end.
CLOSING: web.AppKey[asyncio.Event] = web.AppKey("closing", asyncio.Event)
COOKIE = "custos_session"
AGENT: web.RequestKey[Agent] = web.RequestKey("agent", Agent)
_LARGEST_JSON = 64 * 1024

M = TypeVar("M", bound=BaseModel)


def services(request: web.Request) -> Services:
    """The application's use cases."""
    return request.app[SERVICES]


def secret_of(request: web.Request) -> str | None:
    """The bearer token or session secret that the request carries."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.cookies.get(COOKIE)


async def agent_of(request: web.Request) -> Agent:
    """Who is asking; raises Unauthenticated, and Invalid for a page of another site."""
    known: Agent | None = request.get(AGENT)
    if known is not None:
        return known
    secret = secret_of(request)
    if secret is None or not secret.isascii():
        raise Unauthenticated("sign-in-needed", "Sign in first.")
    agent = await services(request).accounts.recognise(secret)
    if (
        "Authorization" not in request.headers
        and request.method not in ("GET", "HEAD", "OPTIONS")
        and request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
    ):
        raise Invalid("forbidden-origin", "Another site's page may not do this in your name.")
    request[AGENT] = agent
    return agent


async def body_of(request: web.Request, model: type[M], largest: int = _LARGEST_JSON) -> M:
    """The JSON body of at most `largest` bytes, checked; raises Invalid("bad-body") naming the field."""
    if (request.content_length or 0) > largest:
        raise Invalid("bad-body", "The body is too long.")
    data = b""
    try:
        while len(data) <= largest and (piece := await request.content.read(largest + 1 - len(data))):
            data += piece
    except (ConnectionError, web.RequestPayloadError) as error:
        raise Invalid("bad-body", "The connection ended before the body did.") from error
    if len(data) > largest:
        raise Invalid("bad-body", "The body is too long.")
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise Invalid("bad-body", f"{where}: {first['msg']}.") from error


def respond(model: BaseModel, status: int = 200) -> web.Response:
    """A JSON answer that nobody may keep."""
    return web.Response(
        status=status,
        text=model.model_dump_json(),
        content_type="application/json",
        headers={"Cache-Control": "private, no-store"},
    )
