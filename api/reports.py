"""Custody reports over the wire: of an item or of a case, as a page or as a PDF."""

from __future__ import annotations

from aiohttp import web

from api.context import agent_of, services
from api.routing import Answer, Handler, Parameter, Route
from evidence.errors import Invalid
from evidence.report import Language
from retrieval.reports import Format

_LANGUAGE = Parameter("lang", "query", False, f"^({'|'.join(Language)})$")
_TYPES = {Format.HTML: "text/html", Format.PDF: "application/pdf"}


async def item_page(request: web.Request) -> web.Response:
    """The custody report of an item, as a page."""
    return await _item(request, Format.HTML)


async def item_pdf(request: web.Request) -> web.Response:
    """The custody report of an item, as a PDF."""
    return await _item(request, Format.PDF)


async def case_page(request: web.Request) -> web.Response:
    """The custody report of a case and its items, as a page."""
    return await _case(request, Format.HTML)


async def case_pdf(request: web.Request) -> web.Response:
    """The custody report of a case and its items, as a PDF."""
    return await _case(request, Format.PDF)


async def _item(request: web.Request, wanted: Format) -> web.Response:
    agent, item = await agent_of(request), request.match_info["item"]
    data = await services(request).reports.of_item(agent, item, _language(request), wanted)
    return _answer(data, item, wanted)


async def _case(request: web.Request, wanted: Format) -> web.Response:
    agent, case = await agent_of(request), request.match_info["case"]
    data = await services(request).reports.of_case(agent, case, _language(request), wanted)
    return _answer(data, case, wanted)


def _language(request: web.Request) -> Language:
    """Raises Invalid("bad-language")."""
    named = request.query.get("lang", Language.CHINESE.value)
    try:
        return Language(named)
    except ValueError as error:
        raise Invalid("bad-language", f"`lang` is {' or '.join(Language)}.") from error


def _answer(data: bytes, subject: str, wanted: Format) -> web.Response:
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Disposition": f'inline; filename="custody-report-{subject}.{wanted.value}"',
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    if wanted is Format.HTML:
        # Of a PDF not: browsers show none in a sandbox.
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    charset = "utf-8" if wanted is Format.HTML else None
    return web.Response(body=data, content_type=_TYPES[wanted], charset=charset, headers=headers)


def _route(path: str, handler: Handler, wanted: Format, *errors: int) -> Route:
    answers = {200: Answer(media_type=_TYPES[wanted])}
    return Route("GET", f"{path}.{wanted.value}", handler, answers, None, (_LANGUAGE,), errors, tag="report")


REPORT_ROUTES: tuple[Route, ...] = (
    _route("/items/{item}/report", item_page, Format.HTML, 400),
    _route("/items/{item}/report", item_pdf, Format.PDF, 400),
    _route("/cases/{case}/report", case_page, Format.HTML, 400),
    _route("/cases/{case}/report", case_pdf, Format.PDF, 400),
)
