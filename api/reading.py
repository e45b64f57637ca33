"""Lists, items, history, jobs and the progress stream."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web

from api.context import CLOSING, agent_of, respond, services
from api.schemas import (
    CopyList,
    CopyOut,
    History,
    HistoryOut,
    ItemDetail,
    ItemOut,
    ItemPage,
    JobChangeOut,
    JobList,
    JobOut,
)
from evidence.agents import Agent
from evidence.errors import CustosError, Invalid
from evidence.ids import is_id
from evidence.jobs import JobState
from retrieval.reading import PAGE

_POLL_SECONDS = 0.25
_ALIVE_SECONDS = 15.0


async def items(request: web.Request) -> web.Response:
    """A page of items that the agent may see."""
    agent = await agent_of(request)
    before = request.query.get("before")
    if before is not None and not is_id(before):
        raise Invalid("bad-cursor", "`before` is not a cursor that this server gave out.")
    mine = request.query.get("mine", "false")
    if mine not in ("true", "false"):
        raise Invalid("bad-mine", "`mine` is true or false.")
    views = await services(request).reading.items(agent, before, mine=mine == "true")
    following = views[-1].item.id if len(views) == PAGE else None
    return respond(ItemPage(items=[ItemOut.of(view) for view in views], next=following))


async def item(request: web.Request) -> web.Response:
    """One item."""
    agent = await agent_of(request)
    return respond(ItemDetail.of(await services(request).reading.item(agent, request.match_info["item"])))


async def copies(request: web.Request) -> web.Response:
    """Items that may hold a copy of this one, or of a part of it."""
    agent = await agent_of(request)
    found = await services(request).copies.copies_of(agent, request.match_info["item"])
    listed = CopyList(
        compared=[kind.value for kind in found.compared], copies=[CopyOut.of(one) for one in found.found]
    )
    return respond(listed)


async def history(request: web.Request) -> web.Response:
    """An item's custody events."""
    agent = await agent_of(request)
    lines = await services(request).reading.history(agent, request.match_info["item"])
    return respond(History(events=[HistoryOut.of(line) for line in lines]))


async def jobs(request: web.Request) -> web.Response:
    """Background work that the agent may see."""
    agent = await agent_of(request)
    wanted = request.query.get("state")
    try:
        state = None if wanted is None else JobState(wanted)
    except ValueError as error:
        raise Invalid("bad-state", f"`state` is one of {', '.join(JobState)}.") from error
    found = await services(request).reading.jobs(agent, state)
    return respond(JobList(jobs=[JobOut.of(job) for job in found]))


async def progress(request: web.Request) -> web.StreamResponse:
    """Changes of jobs as server-sent events; resumes after `Last-Event-ID`."""
    agent = await agent_of(request)
    reading = services(request).reading
    asked = request.headers.get("Last-Event-ID", request.query.get("after", ""))
    if asked and not (asked.isascii() and asked.isdigit() and len(asked) < 19):
        raise Invalid("bad-event-id", "Last-Event-ID is not a number that this server gave out.")
    await reading.begin_progress(agent)
    after = int(asked) if asked else await reading.last_change()
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "private, no-store"}
    )
    await response.prepare(request)
    # The client learns where it stands at once, so that a reconnect misses nothing.
    await response.write(f"id: {after}\nevent: position\ndata: {{}}\n\n".encode())
    with suppress(ConnectionError, CustosError):
        await _stream(request, response, agent, after)
    return response


async def _stream(request: web.Request, response: web.StreamResponse, agent: Agent, after: int) -> None:
    reading = services(request).reading
    loop = asyncio.get_running_loop()
    spoke = loop.time()
    while request.transport is not None and not request.app[CLOSING].is_set():
        last, changes = await reading.progress(agent, after)
        for change in changes:
            data = JobChangeOut.of(change).model_dump_json()
            await response.write(f"id: {change.seq}\nevent: job\ndata: {data}\n\n".encode())
        if changes:
            spoke = loop.time()
        elif loop.time() - spoke > _ALIVE_SECONDS:
            await response.write(b": alive\n\n")
            spoke = loop.time()
        after = last
        await asyncio.sleep(_POLL_SECONDS)
