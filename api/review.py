"""Marks, reviews, the queue and samples."""

from __future__ import annotations

import re

from aiohttp import web

from api.case_schemas import Reason
from api.context import agent_of, body_of, respond, services
from api.review_schemas import (
    MarkList,
    MarkOut,
    MarkWanted,
    PopulationOut,
    QueuePage,
    ReviewList,
    ReviewOut,
    ReviewWanted,
    SampleDetail,
    SampleOut,
    SamplePage,
    SampleWanted,
)
from cases import reviews, sampling
from evidence.errors import Invalid
from evidence.ids import is_id
from evidence.reviews import Turn

_CURSOR = re.compile(r"([01])\.(.+)")


async def mark_item(request: web.Request) -> web.Response:
    """Mark a moment or a stretch of an item."""
    agent = await agent_of(request)
    wanted = await body_of(request, MarkWanted)
    mark = await services(request).marks.on_item(
        agent, request.match_info["item"], wanted.from_ms, wanted.to_ms, wanted.label, wanted.note
    )
    return respond(MarkOut.of(mark, {agent.id: agent.name}, {}), 201)


async def mark_recording(request: web.Request) -> web.Response:
    """Mark a moment or a stretch on a recording's time."""
    agent = await agent_of(request)
    wanted = await body_of(request, MarkWanted)
    mark = await services(request).marks.on_recording(
        agent, request.match_info["recording"], wanted.from_ms, wanted.to_ms, wanted.label, wanted.note
    )
    return respond(MarkOut.of(mark, {agent.id: agent.name}, {}), 201)


async def withdraw_mark(request: web.Request) -> web.Response:
    """Withdraw one's own mark; it stays in sight."""
    agent = await agent_of(request)
    wanted = await body_of(request, Reason)
    await services(request).marks.withdraw(agent, request.match_info["mark"], wanted.reason)
    return web.Response(status=204)


async def marks_of_item(request: web.Request) -> web.Response:
    """The marks on an item, withdrawn ones too."""
    agent = await agent_of(request)
    return respond(MarkList.of(await services(request).marks.of_item(agent, request.match_info["item"])))


async def marks_of_recording(request: web.Request) -> web.Response:
    """The marks on a recording, with where they lie on its time."""
    agent = await agent_of(request)
    view = await services(request).marks.of_recording(agent, request.match_info["recording"])
    return respond(MarkList.of(view))


async def write_review(request: web.Request) -> web.Response:
    """Write down what came of looking through an item."""
    agent = await agent_of(request)
    wanted = await body_of(request, ReviewWanted)
    review = await services(request).reviews.write(
        agent, request.match_info["item"], wanted.outcome, wanted.findings, wanted.note
    )
    return respond(ReviewOut.of(review, {agent.id: agent.name}), 201)


async def reviews_of(request: web.Request) -> web.Response:
    """The reviews of an item, withdrawn ones too."""
    agent = await agent_of(request)
    return respond(ReviewList.of(await services(request).reviews.of(agent, request.match_info["item"])))


async def withdraw_review(request: web.Request) -> web.Response:
    """Withdraw one's own review; it stays in sight."""
    agent = await agent_of(request)
    wanted = await body_of(request, Reason)
    await services(request).reviews.withdraw(agent, request.match_info["review"], wanted.reason)
    return web.Response(status=204)


async def queue(request: web.Request) -> web.Response:
    """What of one's unit waits for a review: drawn first, then oldest first."""
    agent = await agent_of(request)
    page = await services(request).reviews.queue(agent, _after(request.query.get("after")))
    following = f"{int(page[-1].turn)}.{page[-1].item.id}" if len(page) == reviews.PAGE else None
    return respond(QueuePage.of(list(page), following))


def _after(text: str | None) -> tuple[Turn, str] | None:
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None or not is_id(found[2]):
        raise Invalid("bad-cursor", "`after` is not a cursor that this server gave out.")
    return Turn(int(found[1])), found[2]


async def draw(request: web.Request) -> web.Response:
    """Draw a sample."""
    agent = await agent_of(request)
    wanted = await body_of(request, SampleWanted)
    view = await services(request).sampling.draw(agent, wanted.asked(agent.unit))
    return respond(SampleOut.of(view), 201)


async def samples(request: web.Request) -> web.Response:
    """The draws of one's unit, newest first."""
    agent = await agent_of(request)
    before = request.query.get("before")
    if before is not None and not is_id(before):
        raise Invalid("bad-cursor", "`before` is not a cursor that this server gave out.")
    page = await services(request).sampling.samples(agent, before)
    following = page[-1].sample.id if len(page) == sampling.PAGE else None
    return respond(SamplePage(samples=[SampleOut.of(view) for view in page], next=following))


async def sample(request: web.Request) -> web.Response:
    """One draw, what was drawn, and what of it is reviewed."""
    agent = await agent_of(request)
    found = await services(request).sampling.sample(agent, request.match_info["sample"])
    return respond(SampleDetail.of_drawn(found))


async def population(request: web.Request) -> web.Response:
    """What one sees of a sample's frame now, and whether it is the list that was drawn from."""
    agent = await agent_of(request)
    found = await services(request).sampling.population(agent, request.match_info["sample"])
    return respond(PopulationOut.of(found))
