"""Sending evidence: single and multiple ranges, by sendfile, counted as the kernel accepts it.

Before the first byte of a body the viewing is durable. Answers are `private, no-store`: nothing between
us and the viewer may keep a copy.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from urllib.parse import quote

from aiohttp import web

from api.context import agent_of, body_of, respond, services
from api.problems import problem
from api.schemas import JobOut, RecoveryWanted, StillOut, StillWanted
from api.sending import Transfer
from evidence.agents import Agent
from evidence.errors import CustosError, Invalid
from evidence.items import Rendition
from evidence.parts import SOUND, part_kind
from evidence.ranges import ByteRange
from retrieval import playlist as playlists
from retrieval.ranges import Unsatisfiable, parse_range
from retrieval.reading import Content, Growing
from retrieval.thumbnails import thumbnail_track

_LONGEST_PURPOSE = 500


def _etag(content: Content) -> str:
    return f'"sha256-{content.sha256}"'


def _base_headers(content: Content) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(content.sha256)).decode()
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "ETag": _etag(content),
        "Repr-Digest": f"sha-256=:{digest}:",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if content.rendition is None:
        name = content.item.submission.filename
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)[-100:]
        headers["Content-Disposition"] = (
            f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
        )
    return headers


def purpose_of(request: web.Request) -> str | None:
    """Why the bytes are asked for; raises Invalid("bad-purpose") for what cannot be put on record."""
    said = request.headers.get("X-Purpose", "")
    try:
        said.encode()
    except UnicodeEncodeError as error:
        raise Invalid("bad-purpose", "X-Purpose is not UTF-8.") from error
    return said[:_LONGEST_PURPOSE] or None


async def _serve(request: web.Request, name: str) -> web.StreamResponse:
    agent = await agent_of(request)
    content = await services(request).reading.content(
        agent, request.match_info["item"], name, purpose_of(request)
    )
    return await serve(request, agent, content)


async def serve(request: web.Request, agent: Agent, content: Content) -> web.StreamResponse:
    """What may be sent of it, whole or by the ranges that were asked for."""
    headers = _base_headers(content)
    if_range = request.headers.get("If-Range")
    wanted = None
    if if_range is None or if_range == headers["ETag"]:
        try:
            wanted = parse_range(request.headers.get("Range"), content.size)
        except Unsatisfiable as error:
            refusal = problem(error)
            refusal.headers["Content-Range"] = f"bytes */{content.size}"
            return refusal
    if wanted is not None and len(wanted) > 1:
        return await _send_parts(request, agent, content, headers, wanted)
    start, end = (0, content.size) if wanted is None else wanted[0]
    response = web.StreamResponse(status=200 if wanted is None else 206, headers=headers)
    response.content_type = content.media_type
    response.content_length = end - start
    if wanted is not None:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.size}"
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    return await _send(request, agent, content, response, [(b"", start, end)], b"")


async def _send_parts(
    request: web.Request, agent: Agent, content: Content, headers: dict[str, str], wanted: Sequence[ByteRange]
) -> web.StreamResponse:
    boundary = secrets.token_hex(16)
    parts = [
        (
            f"\r\n--{boundary}\r\nContent-Type: {content.media_type}\r\n"
            f"Content-Range: bytes {start}-{end - 1}/{content.size}\r\n\r\n".encode(),
            start,
            end,
        )
        for start, end in wanted
    ]
    closing = f"\r\n--{boundary}--\r\n".encode()
    response = web.StreamResponse(status=206, headers=headers)
    response.headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    response.content_length = sum(len(head) + end - start for head, start, end in parts) + len(closing)
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    return await _send(request, agent, content, response, parts, closing)


async def _send(
    request: web.Request,
    agent: Agent,
    content: Content,
    response: web.StreamResponse,
    parts: Sequence[tuple[bytes, int, int]],
    closing: bytes,
) -> web.StreamResponse:
    reading = services(request).reading
    first = min(start for _, start, _ in parts)
    last = max(end for _, _, end in parts)
    transfer = Transfer(
        request,
        partial(reading.enter, agent, content),
        partial(reading.still_allowed, agent, content),
        last,
        # An original's viewing ends with its answer; players ask for the next stretch of a copy.
        done=content.rendition is None,
    )
    async with reading.opened(content, (first, last)) as file:
        await transfer.enter((first, last))
        try:
            await response.prepare(request)
            for head, start, end in parts:
                if head:
                    await response.write(head)
                await transfer.send(response, file, start, end, start)
            if closing:
                await response.write(closing)
            await response.write_eof()
        except ConnectionError:
            # The reader went away; what the kernel had accepted by then stands in the closing event.
            request.protocol.force_close()
        except CustosError:
            # No longer allowed, or no longer on record, in the middle of the body: nothing more leaves.
            request.protocol.force_close()
        finally:
            await transfer.leave()
    return response


async def original(request: web.Request) -> web.StreamResponse:
    """The original, byte for byte as received."""
    return await _serve(request, "original")


async def playable(request: web.Request) -> web.StreamResponse:
    """The playable rendition, for byte ranges."""
    return await _serve(request, "playable")


async def track(request: web.Request) -> web.StreamResponse:
    """A further picture or sound of the recording, for byte ranges."""
    return await _serve(request, _track(request))


async def ask_still(request: web.Request) -> web.Response:
    """Take a still: the exact frame of the original that is on screen at a time."""
    agent = await agent_of(request)
    wanted = await body_of(request, StillWanted)
    asked = await services(request).stills.ask(agent, request.match_info["item"], wanted.at_us)
    path = f"/items/{asked.still.item_id}/stills/{asked.still.shown_us}.png"
    answer = respond(StillOut(path=path, made=asked.made, job=JobOut.of(asked.job)))
    answer.set_status(202)
    return answer


async def ask_recovery(request: web.Request) -> web.Response:
    """Read a recording without its index with what another one of the same camera says."""
    agent = await agent_of(request)
    wanted = await body_of(request, RecoveryWanted)
    job = await services(request).recoveries.ask(agent, request.match_info["item"], wanted.sibling)
    answer = respond(JobOut.of(job))
    answer.set_status(202)
    return answer


async def recovered_playlist(request: web.Request) -> web.Response:
    """The HLS playlist over what was recovered; opens the viewing that its segments use."""
    rendition = await _entered(request, "recovered")
    return hls(playlists.media_playlist(rendition.layout, "playable.mp4"))


async def still(request: web.Request) -> web.StreamResponse:
    """A still that was asked for, once it is made."""
    return await _serve(request, f"still-{request.match_info['at_us']}")


def of_kind(kind: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """What serves the rendition of that kind."""

    async def serve(request: web.Request) -> web.StreamResponse:
        return await _serve(request, kind)

    serve.__doc__ = f"The item's {kind}."
    return serve


async def playlist(request: web.Request) -> web.Response:
    """The HLS playlist over the playable rendition; opens the viewing that its segments use."""
    rendition = await _entered(request, "playable")
    return hls(playlists.media_playlist(rendition.layout, "playable.mp4"))


async def track_playlist(request: web.Request) -> web.Response:
    """The HLS playlist over a further track; opens the viewing that its segments use."""
    rendition = await _entered(request, _track(request))
    return hls(playlists.media_playlist(rendition.layout, "playable.mp4"))


async def growing_playlist(request: web.Request) -> web.Response:
    """Where picture and sound are of a recording that is still being made; opens a viewing."""
    made, _ = await _grown(request, part_kind(1))
    return hls(playlists.growing_master(made.picture[0].layout, sound=made.sound is not None))


async def growing_picture(request: web.Request) -> web.Response:
    """The HLS playlist over the parts of the picture that are made by now."""
    made, _ = await _grown(request, part_kind(1))
    served = [(f"{part.kind}.mp4", part.layout) for part in made.picture]
    return hls(playlists.growing_playlist(served, until_us=made.until_us))


async def growing_sound(request: web.Request) -> web.Response:
    """The HLS playlist over the sound, as far as there is a picture to it."""
    made, sound = await _grown(request, part_kind(SOUND))
    return hls(playlists.growing_playlist([(f"{sound.kind}.mp4", sound.layout)], until_us=made.until_us))


async def part(request: web.Request) -> web.StreamResponse:
    """A part of a recording that is still being made, for byte ranges."""
    return await _serve(request, f"part-{request.match_info['number']}")


async def _grown(request: web.Request, entered: str) -> tuple[Growing, Rendition]:
    """What is made by now, and the rendition of kind `entered` of which a viewing is on record then."""
    agent = await agent_of(request)
    made = await services(request).reading.growing(agent, request.match_info["item"], purpose_of(request))
    return made, await _entered(request, entered)


async def thumbnails(request: web.Request) -> web.Response:
    """WebVTT that says which part of the sprite sheet shows which time."""
    rendition = await _entered(request, "sprite")
    return _text(thumbnail_track(rendition.layout, "sprite.jpg"), "text/vtt")


def _track(request: web.Request) -> str:
    return f"track-{request.match_info['track']}"


async def _entered(request: web.Request, name: str) -> Rendition:
    return await entered(request, request.match_info["item"], name)


async def entered(request: web.Request, item: str, name: str) -> Rendition:
    """The item's rendition of that kind, once a viewing of it is on record; raises Denied."""
    agent = await agent_of(request)
    reading = services(request).reading
    content = await reading.content(agent, item, name, purpose_of(request))
    assert content.rendition is not None
    viewing = await reading.enter(agent, content, (0, content.size))
    await services(request).desk.leave(viewing, done=False)
    return content.rendition


def hls(text: str) -> web.Response:
    """A playlist that nobody may keep."""
    return _text(text, "application/vnd.apple.mpegurl")


def _text(text: str, media_type: str) -> web.Response:
    return web.Response(
        text=text,
        content_type=media_type,
        headers={"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"},
    )
