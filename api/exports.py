"""Exports: asking for one, what became of it, and its archive by any range, also after a restart."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial

from aiohttp import web

from api.context import agent_of, body_of, respond, services
from api.export_schemas import ExportOut, ExportPage, ExportWanted, SealOut
from api.problems import problem
from api.routing import Answer, Handler, Parameter, Route, header
from api.sending import Transfer
from evidence.agents import Agent
from evidence.errors import CustosError, Invalid
from evidence.ids import is_id
from evidence.ranges import ByteRange
from retrieval.exports import Archive
from retrieval.ranges import Unsatisfiable, parse_range

#: What is smaller is sent together with what stands around it.
_SMALL = 64 * 1024
_TOGETHER = 256 * 1024


async def export_item(request: web.Request) -> web.Response:
    """Export one item."""
    agent = await agent_of(request)
    wanted = await body_of(request, ExportWanted)
    view = await services(request).exports.of_item(agent, request.match_info["item"], wanted.wanted())
    return respond(ExportOut.of(view), 202)


async def export_case(request: web.Request) -> web.Response:
    """Export what is linked to a case."""
    agent = await agent_of(request)
    wanted = await body_of(request, ExportWanted)
    view = await services(request).exports.of_case(agent, request.match_info["case"], wanted.wanted())
    return respond(ExportOut.of(view), 202)


async def exports(request: web.Request) -> web.Response:
    """The exports of one's unit, newest first."""
    agent = await agent_of(request)
    before = request.query.get("before")
    if before is not None and not is_id(before):
        raise Invalid("bad-cursor", "`before` is not a cursor that this server gave out.")
    views, following = await services(request).exports.page(agent, before)
    return respond(ExportPage.of(views, following))


async def export(request: web.Request) -> web.Response:
    """An export and the work on it."""
    agent = await agent_of(request)
    return respond(ExportOut.of(await services(request).exports.export(agent, _export(request))))


async def seal(request: web.Request) -> web.Response:
    """What is signed over an export, to be kept beside its archive."""
    agent = await agent_of(request)
    return respond(SealOut.of(await services(request).exports.seal(agent, _export(request))))


async def archive(request: web.Request) -> web.StreamResponse:
    """The archive, whole or by a range."""
    agent = await agent_of(request)
    found = await services(request).exports.archive(agent, _export(request))
    made = found.export.made
    assert made is not None
    etag = f'"export-{found.export.id}-{made.tag_digest[:32]}"'
    wanted = None
    if request.headers.get("If-Range", etag) == etag:
        try:
            wanted = parse_range(request.headers.get("Range"), found.layout.size)
        except Unsatisfiable as error:
            refusal = problem(error)
            refusal.headers["Content-Range"] = f"bytes */{found.layout.size}"
            return refusal
    # Several ranges of one archive are of no use to anybody: whoever asks for them gets all of it.
    start, end = wanted[0] if wanted is not None and len(wanted) == 1 else (0, found.layout.size)
    partly = wanted is not None and len(wanted) == 1
    response = web.StreamResponse(
        status=206 if partly else 200,
        headers={
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, no-store",
            "ETag": etag,
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": f'attachment; filename="{found.export.name}.zip"',
        },
    )
    response.content_type = "application/zip"
    response.content_length = end - start
    if partly:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.layout.size}"
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    return await _send(request, agent, found, response, (start, end))


async def _send(
    request: web.Request, agent: Agent, found: Archive, response: web.StreamResponse, wanted: ByteRange
) -> web.StreamResponse:
    use = services(request).exports
    transfer = Transfer(
        request,
        partial(use.enter, agent, found),
        partial(use.still_allowed, agent, found),
        wanted[1],
        done=True,
    )
    await transfer.enter(wanted)
    try:
        await response.prepare(request)
        await _send_pieces(request, found, response, transfer, wanted)
        await response.write_eof()
    except (ConnectionError, CustosError):
        # The reader went away, may not go on, or something is gone: nothing more leaves, and the reader sees
        # that it did not get all.
        request.protocol.force_close()
    finally:
        await transfer.leave()
    return response


async def _send_pieces(
    request: web.Request, found: Archive, response: web.StreamResponse, transfer: Transfer, wanted: ByteRange
) -> None:
    use = services(request).exports
    at, end = wanted
    together = bytearray()
    async with AsyncExitStack() as stack:
        # Most small files lie in one object; opened once for all of them.
        assert found.export.made is not None
        shared_key = found.export.made.keys[0]
        shared = await stack.enter_async_context(use.opened(shared_key))
        for piece in found.layout.between(at, end):
            if isinstance(piece, bytes):
                together += piece
            else:
                planned = found.plan.files[piece.entry]
                first, last = planned.offset + piece.start, planned.offset + piece.end
                if planned.key == shared_key and last - first <= _SMALL:
                    await asyncio.to_thread(shared.seek, first)
                    together += await asyncio.to_thread(shared.read, last - first)
                else:
                    if together:
                        await transfer.write(response, bytes(together), at)
                        at += len(together)
                        together.clear()
                    async with use.opened(planned.key, planned.version, (first, last)) as file:
                        await transfer.send(response, file, first, last, at)
                    at += last - first
            if len(together) >= _TOGETHER:
                await transfer.write(response, bytes(together), at)
                at += len(together)
                together.clear()
        if together:
            await transfer.write(response, bytes(together), at)


def _export(request: web.Request) -> str:
    return request.match_info["export"]


def _asked(path: str, handler: Handler) -> Route:
    errors = (400, 409, 410)
    return Route("POST", path, handler, {202: Answer(ExportOut)}, ExportWanted, errors=errors, tag="export")


EXPORT_ROUTES: tuple[Route, ...] = (
    _asked("/items/{item}/exports", export_item),
    _asked("/cases/{case}/exports", export_case),
    Route(
        "GET",
        "/exports",
        exports,
        {200: Answer(ExportPage)},
        None,
        (Parameter("before", "query"),),
        (400,),
        tag="export",
    ),
    Route("GET", "/exports/{export}", export, {200: Answer(ExportOut)}, tag="export"),
    Route("GET", "/exports/{export}/seal", seal, {200: Answer(SealOut)}, errors=(409,), tag="export"),
    Route(
        "GET",
        "/exports/{export}/{name}.zip",
        archive,
        {200: Answer(media_type="application/zip"), 206: Answer(media_type="application/zip")},
        parameters=(header("Range"), header("If-Range")),
        errors=(409, 416),
        tag="export",
    ),
)
