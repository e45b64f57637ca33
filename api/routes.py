"""Every route of the server: one table from which both aiohttp and OpenAPI are fed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web
from pydantic import BaseModel

from api import content, reading, search, session, tus, upkeep
from api.schemas import (
    AgentOut,
    CopyList,
    Health,
    History,
    ItemDetail,
    ItemPage,
    JobList,
    JobOut,
    RecoveryWanted,
    Salvage,
    SignIn,
    StillOut,
    StillWanted,
    UploadOut,
)
from api.search_schemas import (
    FacetsOut,
    SavedList,
    SavedOut,
    SearchPage,
    SearchToSave,
    SearchWanted,
    SuggestionsOut,
)
from evidence.search import CRITERIA

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One status: a model for JSON, a media type for anything else, neither for no body."""

    model: type[BaseModel] | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header beyond the path's; `pattern` is what its text must match."""

    name: str
    place: str
    required: bool = False
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path. `errors` are the problem statuses beyond 401, 404 and 503."""

    method: str
    path: str
    handler: Handler
    answers: Mapping[int, Answer]
    body: type[BaseModel] | str | None = None
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[int, ...] = ()
    signed_in: bool = True
    tag: str = "retrieval"
    described: bool = True


def _header(name: str, pattern: str | None = None, *, required: bool = False) -> Parameter:
    return Parameter(name, "header", required, pattern)


_TUS = _header("Tus-Resumable", "^1\\.0\\.0$", required=True)
_NUMBER = "^[0-9]{1,18}$"
_BYTES = {
    200: Answer(media_type="*/*"),
    206: Answer(media_type="*/*"),
}
_RANGE = (_header("Range"), _header("If-Range"), _header("X-Purpose"))
_OCTETS = "application/offset+octet-stream"
_HLS = "application/vnd.apple.mpegurl"
_EMPTY = Answer()


_CRITERIA = tuple(Parameter(name, "query") for name in CRITERIA)


def _bytes(path: str, handler: Handler) -> Route:
    return Route("GET", path, handler, _BYTES, parameters=_RANGE, errors=(400, 416))


def _derived(path: str, handler: Handler, media_type: str) -> Route:
    """A text that is put together from what was made of the item."""
    answers = {200: Answer(media_type=media_type)}
    return Route("GET", path, handler, answers, parameters=(_header("X-Purpose"),), errors=(400,))


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/session",
        session.sign_in,
        {201: Answer(AgentOut)},
        SignIn,
        errors=(400,),
        signed_in=False,
        tag="session",
    ),
    Route("GET", "/session", session.who, {200: Answer(AgentOut)}, tag="session"),
    Route("DELETE", "/session", session.sign_out, {204: _EMPTY}, tag="session"),
    Route("OPTIONS", "/uploads", tus.options, {204: _EMPTY}, signed_in=False, tag="ingest"),
    Route(
        "POST",
        "/uploads",
        tus.create,
        {201: _EMPTY},
        _OCTETS,
        (
            _TUS,
            _header("Upload-Length", _NUMBER, required=True),
            _header("Upload-Metadata"),
            _header("Upload-Checksum"),
        ),
        (400, 409, 410, 412, 413, 415, 422, 460, 507),
        tag="ingest",
    ),
    Route(
        "HEAD",
        "/uploads/{upload}",
        tus.head,
        {200: _EMPTY},
        None,
        (_TUS,),
        (400, 409, 410, 412, 422, 423),
        tag="ingest",
    ),
    Route(
        "PATCH",
        "/uploads/{upload}",
        tus.patch,
        {204: _EMPTY},
        _OCTETS,
        (_TUS, _header("Upload-Offset", _NUMBER, required=True), _header("Upload-Checksum")),
        (400, 409, 410, 412, 413, 415, 422, 423, 460, 507),
        tag="ingest",
    ),
    Route(
        "DELETE",
        "/uploads/{upload}",
        tus.terminate,
        {204: _EMPTY},
        None,
        (_TUS,),
        (400, 410, 412, 423),
        tag="ingest",
    ),
    Route("GET", "/uploads/{upload}", tus.state, {200: Answer(UploadOut)}, tag="ingest"),
    Route(
        "POST",
        "/uploads/{upload}/salvage",
        tus.salvage,
        {200: Answer(UploadOut)},
        Salvage,
        errors=(400,),
        tag="ingest",
    ),
    Route(
        "GET",
        "/uploads/{upload}/receipt",
        tus.receipt,
        {200: Answer(media_type="application/jose")},
        tag="ingest",
    ),
    Route(
        "GET", "/items", reading.items, {200: Answer(ItemPage)}, None, (Parameter("before", "query"),), (400,)
    ),
    Route(
        "GET",
        "/search",
        search.search,
        {200: Answer(SearchPage)},
        None,
        (*_CRITERIA, Parameter("cursor", "query"), Parameter("limit", "query", False, _NUMBER)),
        (400,),
        tag="search",
    ),
    Route(
        "GET",
        "/search/facets",
        search.facets,
        {200: Answer(FacetsOut)},
        None,
        _CRITERIA,
        (400,),
        tag="search",
    ),
    Route(
        "GET",
        "/search/suggest",
        search.suggest,
        {200: Answer(SuggestionsOut)},
        None,
        (Parameter("text", "query", True),),
        (400,),
        tag="search",
    ),
    Route(
        "POST",
        "/search/csv",
        search.export,
        {200: Answer(media_type="text/csv")},
        SearchWanted,
        errors=(400, 413),
        tag="search",
    ),
    Route(
        "POST",
        "/searches",
        search.save,
        {201: Answer(SavedOut)},
        SearchToSave,
        errors=(400, 409),
        tag="search",
    ),
    Route("GET", "/searches", search.saved, {200: Answer(SavedList)}, tag="search"),
    Route("DELETE", "/searches/{search}", search.drop, {204: _EMPTY}, tag="search"),
    Route("GET", "/items/{item}", reading.item, {200: Answer(ItemDetail)}),
    Route("GET", "/items/{item}/history", reading.history, {200: Answer(History)}),
    Route("GET", "/items/{item}/copies", reading.copies, {200: Answer(CopyList)}),
    _bytes("/items/{item}/original", content.original),
    _derived("/items/{item}/playlist.m3u8", content.playlist, _HLS),
    _bytes("/items/{item}/playable.mp4", content.playable),
    _derived("/items/{item}/tracks/{track}/playlist.m3u8", content.track_playlist, _HLS),
    _bytes("/items/{item}/tracks/{track}/playable.mp4", content.track),
    _derived("/items/{item}/growing/playlist.m3u8", content.growing_playlist, _HLS),
    _derived("/items/{item}/growing/picture.m3u8", content.growing_picture, _HLS),
    _derived("/items/{item}/growing/sound.m3u8", content.growing_sound, _HLS),
    _bytes("/items/{item}/growing/part-{number}.mp4", content.part),
    _bytes("/items/{item}/poster.jpg", content.of_kind("poster")),
    _bytes("/items/{item}/preview.jpg", content.of_kind("preview")),
    _bytes("/items/{item}/sprite.jpg", content.of_kind("sprite")),
    _derived("/items/{item}/sprite.vtt", content.thumbnails, "text/vtt"),
    _bytes("/items/{item}/analysis.json", content.of_kind("analysis")),
    Route(
        "POST",
        "/items/{item}/stills",
        content.ask_still,
        {202: Answer(StillOut)},
        StillWanted,
        errors=(400,),
    ),
    Route(
        "POST",
        "/items/{item}/recovery",
        content.ask_recovery,
        {202: Answer(JobOut)},
        RecoveryWanted,
        errors=(400,),
    ),
    _derived("/items/{item}/recovered/playlist.m3u8", content.recovered_playlist, _HLS),
    _bytes("/items/{item}/recovered/playable.mp4", content.of_kind("recovered")),
    _bytes("/items/{item}/stills/{at_us}.png", content.still),
    _bytes("/items/{item}/presentation.json", content.of_kind("presentation")),
    Route(
        "GET",
        "/jobs",
        reading.jobs,
        {200: Answer(JobList)},
        None,
        (Parameter("state", "query"),),
        (400,),
        tag="work",
    ),
    Route(
        "GET",
        "/progress",
        reading.progress,
        {200: Answer(media_type="text/event-stream")},
        parameters=(_header("Last-Event-ID"), Parameter("after", "query")),
        errors=(400,),
        tag="work",
    ),
    Route("GET", "/healthz", upkeep.alive, {200: Answer(Health)}, signed_in=False, tag="upkeep"),
    Route("GET", "/readyz", upkeep.ready, {200: Answer(Health)}, signed_in=False, tag="upkeep"),
    Route(
        "GET",
        "/metrics",
        upkeep.metrics,
        {200: Answer(media_type="text/plain")},
        signed_in=False,
        tag="upkeep",
    ),
    Route("GET", "/", upkeep.page, {200: Answer(media_type="text/html")}, signed_in=False, described=False),
    Route(
        "GET",
        "/static/{name:.+}",
        upkeep.asset,
        {200: Answer(media_type="text/javascript")},
        signed_in=False,
        described=False,
    ),
)
