"""Case files, links and rights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timezone

from aiohttp import web

from api.case_schemas import (
    CaseDetailBody,
    CaseFileOut,
    CaseOut,
    CasePage,
    CaseWanted,
    FateOut,
    Inbox,
    JoinWanted,
    LateList,
    LateOut,
    LinksOut,
    LinksWanted,
    ListReport,
    MoveWanted,
    PersonWanted,
    PurposeOut,
    PurposeWanted,
    Reason,
    RestrictionWanted,
    ShareOut,
    ShareWanted,
    SilentList,
    SilentOut,
    WaitingOut,
)
from api.context import agent_of, body_of, respond, services
from cases.files import PAGE
from evidence.access import SubjectKind
from evidence.dispatch import zone_of
from evidence.errors import Invalid, TooLarge
from evidence.ids import is_id

_LARGEST_LIST = 16_000_000


async def open_case(request: web.Request) -> web.Response:
    """Open a case; what named it while it was not there yet is linked at once."""
    agent = await agent_of(request)
    wanted = await body_of(request, CaseWanted)
    case = await services(request).case_files.open(
        agent, wanted.number, wanted.category, wanted.detail.detail(), wanted.unit
    )
    return respond(CaseOut.of(case), 201)


async def cases(request: web.Request) -> web.Response:
    """A page of cases that the agent may see."""
    agent = await agent_of(request)
    page = await services(request).case_files.page(agent, _before(request))
    following = page[-1].id if len(page) == PAGE else None
    return respond(CasePage(cases=[CaseOut.of(case) for case in page], next=following))


async def case(request: web.Request) -> web.Response:
    """One case with what is linked to it."""
    agent = await agent_of(request)
    return respond(CaseFileOut.of_view(await services(request).case_files.show(agent, _case(request))))


async def describe(request: web.Request) -> web.Response:
    """Replace what can be withheld of a case."""
    agent = await agent_of(request)
    wanted = await body_of(request, CaseDetailBody)
    case = await services(request).case_files.describe(agent, _case(request), wanted.detail())
    return respond(CaseOut.of(case))


async def move(request: web.Request) -> web.Response:
    """Put a case into another state."""
    agent = await agent_of(request)
    wanted = await body_of(request, MoveWanted)
    case = await services(request).case_files.move(agent, _case(request), wanted.state, wanted.about)
    return respond(CaseOut.of(case))


async def join(request: web.Request) -> web.Response:
    """Join a case into another."""
    agent = await agent_of(request)
    wanted = await body_of(request, JoinWanted)
    case = await services(request).case_files.join(agent, _case(request), wanted.into, wanted.reason)
    return respond(CaseOut.of(case))


async def assign(request: web.Request) -> web.Response:
    """Let somebody work on a case."""
    agent = await agent_of(request)
    wanted = await body_of(request, PersonWanted)
    await services(request).case_files.assign(agent, _case(request), wanted.username)
    return web.Response(status=204)


async def dismiss(request: web.Request) -> web.Response:
    """End that."""
    agent = await agent_of(request)
    await services(request).case_files.dismiss(agent, _case(request), request.match_info["username"])
    return web.Response(status=204)


async def link(request: web.Request) -> web.Response:
    """Link items to a case, or say what would become of them."""
    agent = await agent_of(request)
    wanted = await body_of(request, LinksWanted)
    fates = await services(request).linking.link(agent, _case(request), wanted.items, preview=wanted.preview)
    lines = [FateOut(item=item, fate=fate) for item, fate in fates]
    return respond(LinksOut(preview=wanted.preview, items=lines))


async def withdraw_link(request: web.Request) -> web.Response:
    """Say that an item does not belong to a case, and why."""
    agent = await agent_of(request)
    wanted = await body_of(request, Reason)
    await services(request).linking.withdraw(agent, request.match_info["link"], wanted.reason)
    return web.Response(status=204)


async def inbox(request: web.Request) -> web.Response:
    """A page of items without a case."""
    agent = await agent_of(request)
    page = await services(request).linking.inbox(agent, _before(request))
    following = page[-1].item.id if len(page) == PAGE else None
    return respond(Inbox(items=[WaitingOut.of(one) for one in page], next=following))


async def take_in_list(request: web.Request) -> web.Response:
    """Take in a dispatch list, or say what it would come to."""
    agent = await agent_of(request)
    distance = zone_of(request.query.get("zone", "+08:00"))
    asked = request.query.get("dry_run", "false")
    if asked not in ("true", "false"):
        raise Invalid("bad-dry-run", "`dry_run` is true or false.")
    if (request.content_length or 0) > _LARGEST_LIST:
        raise TooLarge("list-too-long", "A list has at most 16 MB; divide it.")
    data = await request.content.read(_LARGEST_LIST + 1)
    while not request.content.at_eof() and len(data) <= _LARGEST_LIST:
        data += await request.content.read(_LARGEST_LIST + 1 - len(data))
    if len(data) > _LARGEST_LIST:
        raise TooLarge("list-too-long", "A list has at most 16 MB; divide it.")
    dry_run = asked == "true"
    report = await services(request).dispatching.take_in(
        agent, data, timezone(distance), unit=request.query.get("unit") or None, dry_run=dry_run
    )
    return respond(ListReport.of(report, dry_run=dry_run))


async def late_uploads(request: web.Request) -> web.Response:
    """Recordings that came in long after they ended."""
    agent = await agent_of(request)
    found = await services(request).overdue.uploads(agent, _hours(request))
    return respond(LateList(items=[LateOut.of(one) for one in found]))


async def silent_devices(request: web.Request) -> web.Response:
    """Devices from which nothing has come for long."""
    agent = await agent_of(request)
    found = await services(request).overdue.devices(agent, _hours(request))
    return respond(SilentList(devices=[SilentOut.of(one) for one in found]))


def _hours(request: web.Request) -> int:
    hours = request.query.get("hours", "24")
    if not (hours.isascii() and hours.isdecimal() and len(hours) < 6):
        raise Invalid("bad-hours", "`hours` is a whole number.")
    return int(hours)


def restrict(kind: SubjectKind) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What restricts an item or a case, or opens it again."""

    async def handle(request: web.Request) -> web.Response:
        agent = await agent_of(request)
        wanted = await body_of(request, RestrictionWanted)
        await services(request).rights.restrict(
            agent, kind, request.match_info[kind], wanted.restriction, wanted.named, wanted.reason
        )
        return web.Response(status=204)

    handle.__doc__ = f"Restrict or seal this {kind}, or open it again."
    return handle


def share(kind: SubjectKind) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What shares an item or a case."""

    async def handle(request: web.Request) -> web.Response:
        agent = await agent_of(request)
        wanted = await body_of(request, ShareWanted)
        given = await services(request).rights.share(
            agent, kind, request.match_info[kind], wanted.username, wanted.until, wanted.reason
        )
        return respond(ShareOut.of(given), 201)

    handle.__doc__ = f"Let somebody see this {kind} until a day."
    return handle


async def withdraw_share(request: web.Request) -> web.Response:
    """End a share before its time."""
    agent = await agent_of(request)
    await services(request).rights.withdraw_share(agent, request.match_info["share"])
    return web.Response(status=204)


async def state_purpose(request: web.Request) -> web.Response:
    """Say what one looks for in a restricted item, for an hour."""
    agent = await agent_of(request)
    wanted = await body_of(request, PurposeWanted)
    until = await services(request).rights.state_purpose(agent, request.match_info["item"], wanted.purpose)
    return respond(PurposeOut.of(until), 201)


def _case(request: web.Request) -> str:
    return request.match_info["case"]


def _before(request: web.Request) -> str | None:
    before = request.query.get("before")
    if before is not None and not is_id(before):
        raise Invalid("bad-cursor", "`before` is not a cursor that this server gave out.")
    return before
