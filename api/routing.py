"""What a route is, for aiohttp and OpenAPI alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web
from pydantic import BaseModel

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


def header(name: str, pattern: str | None = None, *, required: bool = False) -> Parameter:
    """A header that a route reads."""
    return Parameter(name, "header", required, pattern)


TUS = header("Tus-Resumable", "^1\\.0\\.0$", required=True)
NUMBER = "^[0-9]{1,18}$"
_BYTES = {
    200: Answer(media_type="*/*"),
    206: Answer(media_type="*/*"),
}
_RANGE = (header("Range"), header("If-Range"), header("X-Purpose"))
OCTETS = "application/offset+octet-stream"
HLS = "application/vnd.apple.mpegurl"
EMPTY = Answer()


def served(path: str, handler: Handler) -> Route:
    """Bytes of an item, whole or by ranges."""
    return Route("GET", path, handler, _BYTES, parameters=_RANGE, errors=(400, 403, 416))


def derived(path: str, handler: Handler, media_type: str) -> Route:
    """A text that is put together from what was made of the item."""
    answers = {200: Answer(media_type=media_type)}
    return Route("GET", path, handler, answers, parameters=(header("X-Purpose"),), errors=(400, 403))
