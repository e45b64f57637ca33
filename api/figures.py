"""Figures over the wire."""

from __future__ import annotations

from datetime import date

from aiohttp import web
from pydantic import BaseModel

from api.context import agent_of, respond, services
from api.routing import Answer, Parameter, Route
from evidence.errors import Invalid
from evidence.figures import Dimension, FigureQuery, FigureRow, FigureTable

_TEXTS = ("unit", "officer", "device", "category", "kind")


class FigureRowOut(BaseModel):
    """What was counted for one value. `holes` and `missing_numbers` are null where they cannot be told."""

    value: str
    items: int
    recordings: int
    duration_ms: int
    bytes: int
    tagged: int
    timed: int
    late: int
    held: int
    reviewed: int
    holes: int | None
    missing_numbers: int | None

    @classmethod
    def of(cls, row: FigureRow) -> FigureRowOut:
        """From the domain."""
        sums, gaps = row.sums, row.gaps
        return cls(
            value=row.value,
            items=sums.items,
            recordings=sums.recordings,
            duration_ms=sums.duration_ms,
            bytes=sums.bytes,
            tagged=sums.tagged,
            timed=sums.timed,
            late=sums.late,
            held=sums.held,
            reviewed=sums.reviewed,
            holes=None if gaps is None else gaps.holes,
            missing_numbers=None if gaps is None else gaps.missing,
        )


class FigureTableOut(BaseModel):
    """One row for each value, and the total over all of them; `more`: there are more rows than these."""

    by: Dimension
    rows: list[FigureRowOut]
    total: FigureRowOut
    more: bool

    @classmethod
    def of(cls, by: Dimension, table: FigureTable) -> FigureTableOut:
        """From the domain."""
        rows = [FigureRowOut.of(row) for row in table.rows]
        return cls(by=by, rows=rows, total=FigureRowOut.of(table.total), more=table.more)


async def figures(request: web.Request) -> web.Response:
    """What was counted, by unit, officer, device, category, kind, day or month."""
    agent = await agent_of(request)
    asked = request.query
    try:
        by = Dimension(asked.get("by", "unit"))
    except ValueError as error:
        raise Invalid("bad-dimension", f"`by` is one of: {', '.join(Dimension)}.") from error
    query = FigureQuery(by, _day(asked.get("since")), _day(asked.get("until")), *map(asked.get, _TEXTS))
    return respond(FigureTableOut.of(by, await services(request).figures.table(agent, query)))


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("bad-day", "A day is written as 2026-11-25.") from error


FIGURE_ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/figures",
        figures,
        {200: Answer(FigureTableOut)},
        None,
        tuple(Parameter(name, "query") for name in ("by", "since", "until", *_TEXTS)),
        (400,),
        tag="cases",
    ),
)
