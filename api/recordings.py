"""Recordings as one: their time line, their playlist, and the gap report."""

from __future__ import annotations

import re
from datetime import date, timedelta

from aiohttp import web

from api.content import entered, hls
from api.context import agent_of, respond, services
from api.recording_schemas import GapReportOut, RecordingOut, RecordingPage, RecordingSummary
from evidence.errors import Invalid
from evidence.ids import is_id
from retrieval.playlist import recording_playlist
from retrieval.recordings import PAGE

#: A plus sign in a query is a space to whoever decodes it.
_ZONE = re.compile(r"Z|([ +-])(0\d|1[0-4]):([0-5]\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


async def recordings(request: web.Request) -> web.Response:
    """A page of recordings of which the agent may see a segment."""
    agent = await agent_of(request)
    before = request.query.get("before")
    if before is not None and not is_id(before):
        raise Invalid("bad-cursor", "`before` is not a cursor that this server gave out.")
    views = await services(request).recordings.page(agent, before)
    following = views[-1].id if len(views) == PAGE else None
    return respond(RecordingPage(recordings=[RecordingSummary.of(view) for view in views], next=following))


async def recording(request: web.Request) -> web.Response:
    """One recording with its segments on its own time line."""
    agent = await agent_of(request)
    view = await services(request).recordings.recording(agent, request.match_info["recording"])
    return respond(RecordingOut.of(view))


async def of_item(request: web.Request) -> web.Response:
    """The recording that an item is a segment of."""
    agent = await agent_of(request)
    return respond(
        RecordingOut.of(await services(request).recordings.of_item(agent, request.match_info["item"]))
    )


async def playlist(request: web.Request) -> web.Response:
    """The HLS playlist over all segments that can be played; opens a viewing of the first."""
    agent = await agent_of(request)
    view = await services(request).recordings.playing(agent, request.match_info["recording"])
    await entered(request, view.played[0].item_id, "playable")
    served = [(f"../../items/{copy.item_id}/playable.mp4", copy.layout) for copy in view.played]
    return hls(recording_playlist(served))


async def gaps(request: web.Request) -> web.Response:
    """What one device's recordings of one day do not cover."""
    agent = await agent_of(request)
    device = request.query.get("device", "")
    if not device:
        raise Invalid("bad-device", "`device` names the device as its recordings do.")
    day, zone = _day(request.query.get("day", "")), _zone(request.query.get("zone", ""))
    unit = request.query.get("unit") or agent.unit
    report = await services(request).recordings.gaps(agent, unit, device, day, zone)
    return respond(GapReportOut.of(report, day, zone))


def _day(text: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Invalid("bad-day", "`day` is a day of the calendar, as 2026-11-25.")


def _zone(text: str) -> timedelta:
    match = _ZONE.fullmatch(text)
    if match is None:
        raise Invalid("bad-zone", "`zone` is the distance of the day from UTC, as +08:00 or Z.")
    if match[1] is None:
        return timedelta(0)
    size = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return -size if match[1] == "-" else size
