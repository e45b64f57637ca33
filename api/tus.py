"""tus 1.0 at /uploads: creation, creation-with-upload, expiration, checksum, termination.

No concatenation: docks are parallel by file. Method names, headers and statuses are those of tus.io; the
offsets that are acknowledged are durable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime

from aiohttp import web

from api.context import METRICS, agent_of, body_of, respond, services
from api.log import wants_witnessed
from api.schemas import ReceiptProofOut, Salvage, UploadOut
from evidence.errors import CustosError, Denied, Invalid
from evidence.items import Upload, UploadState
from evidence.receipts import RECEIPT_PROOF_VERSION, event_of
from ingest.receiving import CHECKSUM_ALGORITHMS, Checksum

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
_BODY_TYPE = "application/offset+octet-stream"
#: Where the upload is that this request has made.
CREATED: web.RequestKey[str] = web.RequestKey("created", str)
_ENDED = (UploadState.TERMINATED, UploadState.EXPIRED)


class Disconnected(CustosError):
    """The client went away in the middle; nobody is left to answer."""

    def __init__(self) -> None:
        super().__init__("disconnected", "The connection ended before the request did.")


def _headers(request: web.Request, upload: Upload | None = None) -> dict[str, str]:
    headers = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
    if upload is not None:
        headers["Upload-Offset"] = str(upload.offset)
        if upload.state is UploadState.RECEIVING:
            lasts: timedelta = services(request).uploads.limits.expire_after
            headers["Upload-Expires"] = format_datetime(upload.touched_at + lasts, usegmt=True)
    return headers


def _require_version(request: web.Request) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise Invalid("unsupported-tus", f"This server speaks tus {VERSION}; say so in Tus-Resumable.")


def _number(request: web.Request, name: str) -> int:
    value = request.headers.get(name, "")
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise Invalid("bad-header", f"{name} is not a whole number.")
    return int(value)


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    try:
        # Chunk by chunk as they came: iter_any would join them first, a copy of every byte.
        async for piece, _ in request.content.iter_chunks():
            yield piece
    except (ConnectionError, web.RequestPayloadError) as error:
        raise Disconnected from error


async def _receive(request: web.Request, upload_id: str, offset: int) -> Upload:
    agent = await agent_of(request)
    if request.content_type != _BODY_TYPE:
        raise Invalid("bad-upload-type", f"Send the bytes as {_BODY_TYPE}.")
    header = request.headers.get("Upload-Checksum")
    checksum = None if header is None else Checksum.parse(header)
    received = await services(request).uploads.receive(
        agent, upload_id, offset, request.content_length, _pieces(request), checksum
    )
    request.app[METRICS].received.inc(received.offset - offset)
    return received


async def options(request: web.Request) -> web.Response:
    """What this server can do."""
    return web.Response(
        status=204,
        headers={
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(services(request).uploads.limits.max_bytes),
            "Tus-Checksum-Algorithm": ",".join(CHECKSUM_ALGORITHMS),
        },
    )


async def create(request: web.Request) -> web.Response:
    """A new upload; the bytes may come along."""
    agent = await agent_of(request)
    _require_version(request)
    if "Upload-Defer-Length" in request.headers or "Upload-Concat" in request.headers:
        raise Invalid("bad-header", "Deferred lengths and concatenation are not offered.")
    length = _number(request, "Upload-Length")
    upload = await services(request).uploads.open(agent, length, request.headers.get("Upload-Metadata", ""))
    # Also in a refusal of the bytes that came along: what was made can be continued, ended or salvaged.
    location = request[CREATED] = f"/uploads/{upload.id}"
    if request.content_type == _BODY_TYPE and request.can_read_body:
        upload = await _receive(request, upload.id, 0)
    return web.Response(status=201, headers={"Location": location, **_headers(request, upload)})


async def head(request: web.Request) -> web.Response:
    """How many bytes are durable."""
    agent = await agent_of(request)
    _require_version(request)
    upload = await services(request).uploads.standing(agent, request.match_info["upload"])
    if upload.state in _ENDED:
        return web.Response(status=410, headers=_headers(request))
    if upload.state is UploadState.REFUSED:
        # All bytes are there, and whoever only compares offsets would take that for success.
        return web.Response(status=422, headers=_headers(request))
    headers = _headers(request, upload)
    headers["Upload-Length"] = str(upload.length)
    return web.Response(status=200, headers=headers)


async def patch(request: web.Request) -> web.Response:
    """More bytes, from the offset on."""
    await agent_of(request)
    _require_version(request)
    upload = await _receive(request, request.match_info["upload"], _number(request, "Upload-Offset"))
    return web.Response(status=204, headers=_headers(request, upload))


async def terminate(request: web.Request) -> web.Response:
    """End an upload before it is accepted."""
    agent = await agent_of(request)
    _require_version(request)
    await services(request).uploads.terminate(agent, request.match_info["upload"])
    return web.Response(status=204, headers=_headers(request))


async def state(request: web.Request) -> web.Response:
    """Where an upload stands, in JSON."""
    agent = await agent_of(request)
    return respond(UploadOut.of(await services(request).uploads.find(agent, request.match_info["upload"])))


async def salvage(request: web.Request) -> web.Response:
    """Keep a refused upload at a person's word."""
    agent = await agent_of(request)
    wanted = await body_of(request, Salvage)
    upload = await services(request).uploads.salvage(agent, request.match_info["upload"], wanted.reason)
    return respond(UploadOut.of(upload))


async def receipt(request: web.Request) -> web.Response:
    """The newest receipt: a compact JWS; 404 `not-yet` until the commit is done."""
    agent = await agent_of(request)
    statement = await services(request).uploads.receipt(agent, request.match_info["upload"])
    if statement is None:
        raise _NotYet
    return web.Response(
        text=statement, content_type="application/jose", headers={"Cache-Control": "private, no-store"}
    )


async def receipt_proof(request: web.Request) -> web.Response:
    """That the receipt's event is in the custody log; 404 `not-yet` until it is."""
    agent = await agent_of(request)
    statement = await services(request).uploads.receipt(agent, request.match_info["upload"])
    found = None
    if statement is not None:
        found = await services(request).proofs.of_event(
            event_of(statement), witnessed=wants_witnessed(request)
        )
    if found is None:
        raise _NotYet
    key, proven = found
    said = ReceiptProofOut(v=RECEIPT_PROOF_VERSION, key=key, leaf=proven.leaf.decode(), proof=proven.proof)
    return respond(said)


class _NotYet(Denied):
    def __init__(self) -> None:
        super().__init__("The receipt is not ready yet; ask again in a moment.")
        self.code = "not-yet"
