"""Playback sessions, who has watched what, and clips."""

from __future__ import annotations

from aiohttp import web

from api.content import purpose_of, serve
from api.context import agent_of, body_of, respond, services
from api.playback_schemas import (
    ClipList,
    ClipOut,
    ClipWanted,
    PlaybackOut,
    PlaybackWanted,
    SessionOut,
    WatchedList,
    WatchedWanted,
)


async def open_playback(request: web.Request) -> web.Response:
    """Begin to play an item, or a recording over all its segments."""
    agent = await agent_of(request)
    wanted = await body_of(request, PlaybackWanted)
    opened = await services(request).playbacks.open(agent, wanted.item, wanted.recording, wanted.purpose)
    return respond(PlaybackOut.of(opened), 201)


async def tell_watched(request: web.Request) -> web.Response:
    """Say what the player has shown; what the session has of it then."""
    agent = await agent_of(request)
    wanted = await body_of(request, WatchedWanted)
    found = await services(request).playbacks.tell(agent, request.match_info["playback"], wanted.told())
    return respond(SessionOut.of(found))


async def close_playback(request: web.Request) -> web.Response:
    """End a session of one's own."""
    agent = await agent_of(request)
    await services(request).playbacks.close(agent, request.match_info["playback"])
    return web.Response(status=204)


async def watched_item(request: web.Request) -> web.Response:
    """What each person has watched of an item."""
    agent = await agent_of(request)
    found = await services(request).playbacks.of_item(agent, request.match_info["item"])
    return respond(WatchedList.of(found))


async def watched_recording(request: web.Request) -> web.Response:
    """What each person has watched of a recording."""
    agent = await agent_of(request)
    found = await services(request).playbacks.of_recording(agent, request.match_info["recording"])
    return respond(WatchedList.of(found))


async def clip_item(request: web.Request) -> web.Response:
    """Cut a stretch of an item out into a file of its own."""
    agent = await agent_of(request)
    wanted = await body_of(request, ClipWanted)
    view = await services(request).clips.of_item(
        agent, request.match_info["item"], wanted.from_ms, wanted.to_ms, wanted.reason, purpose_of(request)
    )
    return respond(ClipOut.of(view), 202)


async def clip_recording(request: web.Request) -> web.Response:
    """Cut a stretch of a recording out, over its joints, into a file of its own."""
    agent = await agent_of(request)
    wanted = await body_of(request, ClipWanted)
    view = await services(request).clips.of_recording(
        agent,
        request.match_info["recording"],
        wanted.from_ms,
        wanted.to_ms,
        wanted.reason,
        purpose_of(request),
    )
    return respond(ClipOut.of(view), 202)


async def clips_of_item(request: web.Request) -> web.Response:
    """The clips that show something of an item."""
    agent = await agent_of(request)
    return respond(ClipList.of(await services(request).clips.on_item(agent, request.match_info["item"])))


async def clips_of_recording(request: web.Request) -> web.Response:
    """The clips that show something of a recording."""
    agent = await agent_of(request)
    found = await services(request).clips.on_recording(agent, request.match_info["recording"])
    return respond(ClipList.of(found))


async def clip(request: web.Request) -> web.Response:
    """A clip: what it cites, and the work on it."""
    agent = await agent_of(request)
    return respond(ClipOut.of(await services(request).clips.clip(agent, request.match_info["clip"])))


async def clip_bytes(request: web.Request) -> web.StreamResponse:
    """A clip, once it is made, for byte ranges."""
    agent = await agent_of(request)
    content = await services(request).clips.content(agent, request.match_info["clip"], purpose_of(request))
    return await serve(request, agent, content)
