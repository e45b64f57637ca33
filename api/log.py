"""The custody log over the wire: what anybody may check, and proofs of an item's events."""

from __future__ import annotations

import base64

from aiohttp import web
from pydantic import BaseModel

from api.context import agent_of, services
from api.routing import NUMBER, Answer, Handler, Parameter, Route
from custody.cosigning import WITNESSED
from evidence.canonical import canonical
from evidence.errors import Invalid
from evidence.proofs import as_json
from evidence.timekeeping import to_text

#: Which head proofs are to lead to.
HEAD = Parameter("head", "query", False, f"^{WITNESSED}$")
_FOR_EVER = "public, max-age=31536000, immutable"


class ConsistencyOut(BaseModel):
    """The hashes of a consistency proof (RFC 6962 §2.1.2), in base64."""

    old: int
    new: int
    proof: list[str]


class StampOut(BaseModel):
    """A checkpoint and the token (RFC 3161, in base64) that an authority signed over its bytes."""

    size: int
    at: str
    authority: str
    checkpoint: str
    token: str


class SelfAssertedOut(BaseModel):
    """A checkpoint that this server alone signed the time of, by its own clock: for an outsider no proof."""

    size: int
    at: str
    time_source: str
    checkpoint: str
    token: str


class StampList(BaseModel):
    """The latest stamps, the largest trees first; `self_asserted` are by no third party."""

    stamps: list[StampOut]
    self_asserted: list[SelfAssertedOut]


class ProvenEventOut(BaseModel):
    """A leaf, its proof, and what its event's detail commits to; null where that is not kept."""

    leaf: str
    proof: str
    salt: str | None
    detail: str | None


class ItemProofOut(BaseModel):
    """An item's events in the log, oldest first; docs/formats/log.md."""

    v: str
    item: str
    key: str
    waiting: int
    events: list[ProvenEventOut]


class LogKeysOut(BaseModel):
    """The log's keys: the one in force, the one that may replace it, and signed statements, oldest first."""

    v: str
    log: str
    key: str
    recovery: str | None
    statements: list[str]


async def checkpoint(request: web.Request) -> web.Response:
    """The signed head of the log."""
    text = await services(request).proofs.checkpoint()
    return web.Response(text=text, headers={"Cache-Control": "no-cache"})


async def witnessed(request: web.Request) -> web.Response:
    """The newest head that enough witnesses have cosigned, with their signatures."""
    text = await services(request).proofs.witnessed()
    return web.Response(text=text, headers={"Cache-Control": "no-cache"})


async def key(request: web.Request) -> web.Response:
    """The key that checkpoints are verified with; pin it from a second source."""
    return web.Response(text=await services(request).proofs.key() + "\n")


async def keys(request: web.Request) -> web.Response:
    """How each key of the log took over from the one before, from the first on; docs/formats/log-keys.md."""
    found = await services(request).proofs.keys()
    return web.Response(body=canonical(found), content_type="application/json")


async def tile(request: web.Request) -> web.Response:
    """A tile of hashes, as c2sp.org/tlog-tiles lays them out."""
    data = await services(request).proofs.tile(request.match_info["path"])
    return web.Response(
        body=data, content_type="application/octet-stream", headers={"Cache-Control": _FOR_EVER}
    )


async def consistency(request: web.Request) -> web.Response:
    """That a larger tree begins with a smaller one."""
    old, new = (_size(request, name) for name in ("old", "new"))
    proof = await services(request).proofs.consistency(old, new)
    found = ConsistencyOut(old=old, new=new, proof=[base64.b64encode(one).decode() for one in proof])
    return web.Response(text=found.model_dump_json(), content_type="application/json")


async def stamps(request: web.Request) -> web.Response:
    """Checkpoints that time authorities have signed, and those that only this server has."""
    proofs = services(request).proofs
    found = [
        StampOut(
            size=one.size,
            at=to_text(one.at),
            authority=one.authority,
            checkpoint=one.checkpoint,
            token=base64.b64encode(one.token).decode(),
        )
        for one in await proofs.stamps()
        if one.authority is not None
    ]
    own = [
        SelfAssertedOut(
            size=one.size,
            at=to_text(one.at),
            time_source=one.time_source,
            checkpoint=one.checkpoint,
            token=base64.b64encode(one.token).decode(),
        )
        for one in await proofs.stamps(self_asserted=True)
    ]
    listed = StampList(stamps=found, self_asserted=own)
    return web.Response(text=listed.model_dump_json(), content_type="application/json")


async def item_proofs(request: web.Request) -> web.Response:
    """Proofs that an item's events are in the log."""
    agent = await agent_of(request)
    item = request.match_info["item"]
    proof = await services(request).proofs.of_item(agent, item, witnessed=wants_witnessed(request))
    return web.Response(
        body=canonical(as_json(proof)),
        content_type="application/json",
        headers={"Cache-Control": "private, no-store"},
    )


def wants_witnessed(request: web.Request) -> bool:
    """Whether proofs are to lead to the newest witnessed head; raises Invalid("bad-head")."""
    named = request.query.get("head")
    if named not in (None, WITNESSED):
        raise Invalid("bad-head", "`head` is `witnessed`, or left out for the newest head.")
    return named is not None


def _size(request: web.Request, name: str) -> int:
    text = request.query.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise Invalid("bad-sizes", "`old` and `new` are whole numbers, the smaller first.")
    return int(text)


def _open(
    path: str, handler: Handler, answer: Answer, *parameters: Parameter, described: bool = True
) -> Route:
    return Route(
        "GET", path, handler, {200: answer}, None, parameters, (400, 404) if parameters else (404,),
        signed_in=False, tag="log", described=described,
    )  # fmt: skip


LOG_ROUTES: tuple[Route, ...] = (
    _open("/log/checkpoint", checkpoint, Answer(media_type="text/plain")),
    _open("/log/witnessed", witnessed, Answer(media_type="text/plain")),
    _open("/log/key", key, Answer(media_type="text/plain")),
    _open("/log/keys", keys, Answer(LogKeysOut)),
    _open("/log/tile/{path:.+}", tile, Answer(media_type="application/octet-stream"), described=False),
    _open(
        "/log/consistency",
        consistency,
        Answer(ConsistencyOut),
        Parameter("old", "query", True, NUMBER),
        Parameter("new", "query", True, NUMBER),
    ),
    _open("/log/stamps", stamps, Answer(StampList)),
    Route(
        "GET",
        "/items/{item}/proofs",
        item_proofs,
        {200: Answer(ItemProofOut)},
        parameters=(HEAD,),
        errors=(400,),
        tag="log",
    ),
)
