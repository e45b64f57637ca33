"""Disposal: what is due, proposals, approvals, certificates."""

from __future__ import annotations

from aiohttp import web

from api.case_schemas import Reason
from api.context import agent_of, body_of, respond, services
from api.disposal_schemas import (
    DisposalDetail,
    DisposalOut,
    DisposalPage,
    DisposalWanted,
    DueList,
    DueOut,
    JudgedOut,
    NoticeList,
)
from api.routing import Answer, Parameter, Route
from cases.disposal import PAGE
from evidence.errors import Invalid
from evidence.ids import is_id


async def due(request: web.Request) -> web.Response:
    """Items whose retention is over, and what may become of each."""
    agent = await agent_of(request)
    page = await services(request).disposal.due(agent, _before(request))
    following = page[-1].item.id if len(page) == PAGE else None
    return respond(DueList(items=[DueOut.of(one) for one in page], next=following))


async def notices(request: web.Request) -> web.Response:
    """What was announced to fall due."""
    agent = await agent_of(request)
    return respond(NoticeList.of(await services(request).disposal.notices(agent)))


async def propose(request: web.Request) -> web.Response:
    """Propose items for disposal, or with `preview` only ask what may become of each."""
    agent = await agent_of(request)
    wanted = await body_of(request, DisposalWanted)
    judged = await services(request).disposal.propose(
        agent, wanted.items, wanted.reason, preview=wanted.preview
    )
    out = JudgedOut.of(judged, {agent.id: agent.name}, preview=wanted.preview)
    return respond(out, 200 if judged.proposal is None else 201)


async def disposals(request: web.Request) -> web.Response:
    """A page of proposals."""
    agent = await agent_of(request)
    views, following = await services(request).disposal.listed(agent, _before(request))
    listed = [DisposalOut.of(one.proposal, one.names) for one in views]
    return respond(DisposalPage(disposals=listed, next=following))


async def disposal(request: web.Request) -> web.Response:
    """A proposal and what has become of its items."""
    agent = await agent_of(request)
    return respond(DisposalDetail.of_view(await services(request).disposal.shown(agent, _disposal(request))))


async def approve(request: web.Request) -> web.Response:
    """Approve a proposal."""
    agent = await agent_of(request)
    proposal = await services(request).disposal.approve(agent, _disposal(request))
    return respond(DisposalOut.of(proposal, {agent.id: agent.name}))


async def refuse(request: web.Request) -> web.Response:
    """Refuse a proposal, and say why."""
    agent = await agent_of(request)
    wanted = await body_of(request, Reason)
    proposal = await services(request).disposal.refuse(agent, _disposal(request), wanted.reason)
    return respond(DisposalOut.of(proposal, {agent.id: agent.name}))


async def certificate(request: web.Request) -> web.Response:
    """The signed certificate of a disposal that was carried out."""
    agent = await agent_of(request)
    statement = await services(request).disposal.certificate(agent, _disposal(request))
    return web.Response(
        text=statement, content_type="application/jose", headers={"Cache-Control": "private, no-store"}
    )


def _disposal(request: web.Request) -> str:
    return request.match_info["disposal"]


def _before(request: web.Request) -> str | None:
    before = request.query.get("before")
    if before is not None and not is_id(before):
        raise Invalid("bad-cursor", "`before` is not a cursor that this server gave out.")
    return before


_BEFORE = (Parameter("before", "query"),)

DISPOSAL_ROUTES: tuple[Route, ...] = (
    Route("GET", "/disposals/due", due, {200: Answer(DueList)}, None, _BEFORE, (400,), tag="disposal"),
    Route("GET", "/disposals/notices", notices, {200: Answer(NoticeList)}, tag="disposal"),
    Route(
        "POST",
        "/disposals",
        propose,
        {200: Answer(JudgedOut), 201: Answer(JudgedOut)},
        DisposalWanted,
        errors=(400,),
        tag="disposal",
    ),
    Route("GET", "/disposals", disposals, {200: Answer(DisposalPage)}, None, _BEFORE, (400,), tag="disposal"),
    Route("GET", "/disposals/{disposal}", disposal, {200: Answer(DisposalDetail)}, tag="disposal"),
    Route(
        "POST",
        "/disposals/{disposal}/approval",
        approve,
        {200: Answer(DisposalOut)},
        errors=(409,),
        tag="disposal",
    ),
    Route(
        "POST",
        "/disposals/{disposal}/refusal",
        refuse,
        {200: Answer(DisposalOut)},
        Reason,
        errors=(400, 409),
        tag="disposal",
    ),
    Route(
        "GET",
        "/disposals/{disposal}/certificate",
        certificate,
        {200: Answer(media_type="application/jose")},
        tag="disposal",
    ),
)
