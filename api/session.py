"""Signing in and out of the page, and asking who one is."""

from __future__ import annotations

from aiohttp import web

from api.context import COOKIE, SETTINGS, agent_of, body_of, respond, services
from api.schemas import AgentOut, SignIn
from evidence.agents import Agent
from identity.accounts import SESSION_LASTS


def _out(agent: Agent) -> AgentOut:
    return AgentOut(id=agent.id, username=agent.username, name=agent.name, role=agent.role, unit=agent.unit)


async def sign_in(request: web.Request) -> web.Response:
    """A session cookie for a user name and password."""
    wanted = await body_of(request, SignIn)
    agent, secret = await services(request).accounts.sign_in(wanted.username, wanted.password)
    response = respond(_out(agent), 201)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="Strict",
        secure=request.app[SETTINGS].url.startswith("https://"),
    )
    return response


async def who(request: web.Request) -> web.Response:
    """Who is signed in."""
    return respond(_out(await agent_of(request)))


async def sign_out(request: web.Request) -> web.Response:
    """End the page's session; a bearer token stays as it is."""
    agent = await agent_of(request)
    secret = request.cookies.get(COOKIE)
    if secret is not None:
        await services(request).accounts.sign_out(agent, secret)
    response = web.Response(status=204)
    response.del_cookie(COOKIE)
    return response
