"""The routes of cases, links and rights."""

from __future__ import annotations

from pydantic import BaseModel

from api import cases
from api.case_schemas import (
    CaseDetailBody,
    CaseFileOut,
    CaseOut,
    CasePage,
    CaseWanted,
    Inbox,
    JoinWanted,
    LinksOut,
    LinksWanted,
    MoveWanted,
    PersonWanted,
    PurposeOut,
    PurposeWanted,
    Reason,
    RestrictionWanted,
    ShareOut,
    ShareWanted,
)
from api.routing import EMPTY, Answer, Handler, Parameter, Route
from evidence.access import SubjectKind

_BEFORE = (Parameter("before", "query"),)


def _asked(
    method: str,
    path: str,
    handler: Handler,
    body: type[BaseModel],
    answer: Answer = EMPTY,
    status: int = 204,
) -> Route:
    return Route(method, path, handler, {status: answer}, body, errors=(400, 409), tag="cases")


CASE_ROUTES: tuple[Route, ...] = (
    _asked("POST", "/cases", cases.open_case, CaseWanted, Answer(CaseOut), 201),
    Route("GET", "/cases", cases.cases, {200: Answer(CasePage)}, None, _BEFORE, (400,), tag="cases"),
    Route("GET", "/cases/{case}", cases.case, {200: Answer(CaseFileOut)}, tag="cases"),
    _asked("PUT", "/cases/{case}/detail", cases.describe, CaseDetailBody, Answer(CaseOut), 200),
    _asked("POST", "/cases/{case}/state", cases.move, MoveWanted, Answer(CaseOut), 200),
    _asked("POST", "/cases/{case}/join", cases.join, JoinWanted, Answer(CaseOut), 200),
    _asked("POST", "/cases/{case}/people", cases.assign, PersonWanted),
    Route(
        "DELETE",
        "/cases/{case}/people/{username}",
        cases.dismiss,
        {204: EMPTY},
        errors=(400,),
        tag="cases",
    ),
    _asked("POST", "/cases/{case}/links", cases.link, LinksWanted, Answer(LinksOut), 200),
    _asked("POST", "/cases/{case}/restriction", cases.restrict(SubjectKind.CASE), RestrictionWanted),
    _asked("POST", "/cases/{case}/shares", cases.share(SubjectKind.CASE), ShareWanted, Answer(ShareOut), 201),
    _asked("POST", "/items/{item}/restriction", cases.restrict(SubjectKind.ITEM), RestrictionWanted),
    _asked("POST", "/items/{item}/shares", cases.share(SubjectKind.ITEM), ShareWanted, Answer(ShareOut), 201),
    _asked("POST", "/items/{item}/purpose", cases.state_purpose, PurposeWanted, Answer(PurposeOut), 201),
    Route("DELETE", "/shares/{share}", cases.withdraw_share, {204: EMPTY}, tag="cases"),
    _asked("POST", "/links/{link}/withdrawal", cases.withdraw_link, Reason),
    Route("GET", "/inbox", cases.inbox, {200: Answer(Inbox)}, None, _BEFORE, (400,), tag="cases"),
)
