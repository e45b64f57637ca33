"""The one map from errors to HTTP answers (RFC 9457 problem details)."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from api.schemas import Problem
from evidence.errors import (
    Conflict,
    CustosError,
    Denied,
    Disposed,
    Invalid,
    NoSpace,
    PurposeNeeded,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from retrieval.ranges import Unsatisfiable

MEDIA_TYPE = "application/problem+json"

_BY_CODE = {
    "checksum-mismatch": 460,
    "digest-mismatch": 422,
    "staging-mismatch": 422,
    "upload-busy": 423,
    "upload-ended": 410,
    "unsupported-tus": 412,
    "bad-upload-type": 415,
    "forbidden-origin": 403,
    "not-yet": 404,
}
_BY_KIND: tuple[tuple[type[CustosError], int, str], ...] = (
    (Unauthenticated, 401, "Sign in first"),
    (Denied, 404, "Not found"),
    (Disposed, 410, "Disposed of"),
    (PurposeNeeded, 403, "Purpose needed"),
    (Unsatisfiable, 416, "Range not satisfiable"),
    (Conflict, 409, "Conflict"),
    (TooLarge, 413, "Too large"),
    (NoSpace, 507, "No space"),
    (Unavailable, 503, "Unavailable"),
    (Invalid, 400, "Invalid request"),
)


def status_of(error: CustosError) -> int:
    """The HTTP status of an error; 500 for one that no edge should see."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    return next((status for kind, status, _ in _BY_KIND if isinstance(error, kind)), 500)


def problem(error: CustosError, status: int | None = None) -> web.Response:
    """The answer to a request that ended in `error`, with the error's own status if none is given."""
    if status is None:
        status = status_of(error)
        title = next((title for kind, _, title in _BY_KIND if isinstance(error, kind)), "Error")
    else:
        title = HTTPStatus(status).phrase.capitalize()
    body = Problem(
        type=f"urn:custos:error:{error.code}",
        title=title,
        status=status,
        code=error.code,
        detail=error.message,
    )
    response = web.Response(
        status=status,
        text=body.model_dump_json(),
        content_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store"},
    )
    if status == 503:
        response.headers["Retry-After"] = "2"
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
