"""Searching, counting, suggesting, and lists as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from api.context import agent_of, body_of, respond, services
from api.search_schemas import (
    FacetsOut,
    HitOut,
    SavedList,
    SavedOut,
    SearchPage,
    SearchToSave,
    SearchWanted,
    SuggestionsOut,
)
from evidence.errors import Invalid
from evidence.projection import state_of
from evidence.search import MOST_ON_A_PAGE, PAGE, read_query
from evidence.timekeeping import to_text
from retrieval.reading import ItemView
from retrieval.search import Found

_NOT_CRITERIA = ("cursor", "limit")
_LIMIT = re.compile(r"[0-9]{1,4}", re.ASCII)
#: What a spreadsheet takes for a formula; some also in full width.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_COLUMNS = (
    "item", "filename", "kind", "category", "state", "unit", "case", "officer", "device", "recording",
    "segment", "received", "size", "sha256", "sent_by", "warnings",
)  # fmt: skip


async def search(request: web.Request) -> web.Response:
    """Items that meet every criterion, newest first."""
    agent = await agent_of(request)
    query = read_query(_criteria(request))
    page = await services(request).search.page(agent, query, request.query.get("cursor"), _limit(request))
    return respond(SearchPage(items=[HitOut.found(one) for one in page.found], next=page.following))


async def facets(request: web.Request) -> web.Response:
    """How many items meet every criterion, and how many of them have which values."""
    agent = await agent_of(request)
    query = read_query(_criteria(request))
    return respond(FacetsOut.of(await services(request).search.facets(agent, query)))


async def suggest(request: web.Request) -> web.Response:
    """Officers, devices, units and case numbers that begin with a text."""
    agent = await agent_of(request)
    found = await services(request).search.suggestions(agent, request.query.get("text", ""))
    return respond(SuggestionsOut(**{name: list(values) for name, values in found.items()}))


async def export(request: web.Request) -> web.StreamResponse:
    """All items that meet every criterion, as CSV; on record."""
    agent = await agent_of(request)
    wanted = await body_of(request, SearchWanted)
    found = await services(request).search.export(agent, read_query(wanted.query))
    # What is refused is refused before the answer begins.
    first = await anext(found)
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": 'attachment; filename="custos-items.csv"',
            "Cache-Control": "private, no-store",
        }
    )
    await response.prepare(request)
    # The mark by which spreadsheets know UTF-8.
    await response.write("\ufeff".encode() + csv_lines([_COLUMNS]))
    await response.write(csv_lines([_row(one) for one in first]))
    async for some in found:
        await response.write(csv_lines([_row(one) for one in some]))
    await response.write_eof()
    return response


async def save(request: web.Request) -> web.Response:
    """Keep a search under a name, in place of the one of that name."""
    agent = await agent_of(request)
    wanted = await body_of(request, SearchToSave)
    saved = await services(request).search.save(agent, wanted.name, read_query(wanted.query))
    return respond(SavedOut.of(saved), 201)


async def saved(request: web.Request) -> web.Response:
    """The searches that the agent keeps."""
    agent = await agent_of(request)
    kept = await services(request).search.saved(agent)
    return respond(SavedList(searches=[SavedOut.of(one) for one in kept]))


async def drop(request: web.Request) -> web.Response:
    """Forget a search that the agent keeps."""
    agent = await agent_of(request)
    await services(request).search.drop_saved(agent, request.match_info["search"])
    return web.Response(status=204)


def _criteria(request: web.Request) -> Mapping[str, str]:
    given = {}
    for name, value in request.query.items():
        if name in given:
            raise Invalid("given-twice", f"{name[:40]!r} is given twice.")
        if name not in _NOT_CRITERIA:
            given[name] = value
    return given


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(PAGE))
    if _LIMIT.fullmatch(text) is None or not 0 < int(text) <= MOST_ON_A_PAGE:
        raise Invalid("bad-limit", f"`limit` is a whole number from 1 to {MOST_ON_A_PAGE}.")
    return int(text)


def _row(found: Found) -> list[str]:
    item, said = found.view.item, found.view.item.submission
    warnings: Any = (item.summary or {}).get("warnings", ())
    return [
        item.id, said.filename, item.kind, said.category.value, _state(found.view), item.unit,
        said.case or "", said.officer or "", said.device or "", said.recording or "",
        "" if said.segment is None else str(said.segment), to_text(item.committed_at), str(item.size),
        item.sha256, found.view.names.get(item.agent_id, ""), " / ".join(warnings),
    ]  # fmt: skip


def _state(view: ItemView) -> str:
    is_playable = any(rendition.kind == "playable" for rendition in view.renditions)
    return state_of(is_playable, [job.state for job in view.jobs]).value


def csv_lines(rows: Iterable[Iterable[str]]) -> bytes:
    """The rows as CSV in UTF-8 (RFC 4180), every cell guarded."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def guarded(cell: str) -> str:
    """The cell as a spreadsheet shows it and does not reckon with it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
