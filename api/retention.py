"""Schedules and holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from api.case_schemas import Reason
from api.context import agent_of, body_of, respond, services
from api.retention_schemas import (
    Forecast,
    HoldList,
    HoldOut,
    HoldWanted,
    MonthOut,
    ScheduleList,
    ScheduleOut,
    ScheduleWanted,
    TrialOut,
)
from evidence.access import SubjectKind
from evidence.errors import Denied


async def propose(request: web.Request) -> web.Response:
    """Propose a schedule; it does nothing until two others approve it."""
    agent = await agent_of(request)
    wanted = await body_of(request, ScheduleWanted)
    schedule = await services(request).schedules.propose(
        agent, [rule.rule() for rule in wanted.rules], wanted.reason
    )
    return respond(ScheduleOut.of(schedule, in_force=False, names={agent.id: agent.name}), 201)


async def schedules(request: web.Request) -> web.Response:
    """Every version of the schedule."""
    agent = await agent_of(request)
    views = await services(request).schedules.listed(agent)
    listed = [ScheduleOut.of(view.schedule, in_force=view.in_force, names=view.names) for view in views]
    return respond(ScheduleList(schedules=listed))


async def trial(request: web.Request) -> web.Response:
    """What a schedule would do, changing nothing."""
    agent = await agent_of(request)
    return respond(TrialOut.of(await services(request).schedules.trial(agent, _version(request))))


async def approve(request: web.Request) -> web.Response:
    """Approve a proposed schedule."""
    agent = await agent_of(request)
    schedule = await services(request).schedules.approve(agent, _version(request))
    in_force = schedule.in_force_at is not None
    return respond(ScheduleOut.of(schedule, in_force=in_force, names={agent.id: agent.name}))


async def forecast(request: web.Request) -> web.Response:
    """What goes within a year, month by month."""
    agent = await agent_of(request)
    months = await services(request).schedules.forecast(agent)
    return respond(Forecast(months=[MonthOut.of(month) for month in months]))


def hold(kind: SubjectKind) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What places a hold on an item or a case."""

    async def handle(request: web.Request) -> web.Response:
        agent = await agent_of(request)
        wanted = await body_of(request, HoldWanted)
        placed = await services(request).holds.place(
            agent, kind, request.match_info[kind], wanted.reason, wanted.authority
        )
        return respond(HoldOut.of(placed), 201)

    handle.__doc__ = f"Place a hold on this {kind}."
    return handle


def holds(kind: SubjectKind) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What shows the holds on an item or a case."""

    async def handle(request: web.Request) -> web.Response:
        agent = await agent_of(request)
        found = await services(request).holds.on(agent, kind, request.match_info[kind])
        return respond(HoldList(holds=[HoldOut.of(one) for one in found]))

    handle.__doc__ = f"Every hold on this {kind}, lifted ones too."
    return handle


async def lift(request: web.Request) -> web.Response:
    """Lift a hold, and say why."""
    agent = await agent_of(request)
    wanted = await body_of(request, Reason)
    await services(request).holds.lift(agent, request.match_info["hold"], wanted.reason)
    return web.Response(status=204)


def _version(request: web.Request) -> int:
    version = request.match_info["version"]
    if not version.isascii() or not version.isdecimal() or len(version) > 9:
        raise Denied
    return int(version)
