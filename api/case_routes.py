"""The routes of cases, links and rights."""

from __future__ import annotations

from pydantic import BaseModel

from api import cases, retention
from api.case_schemas import (
    CaseDetailBody,
    CaseFileOut,
    CaseOut,
    CasePage,
    CaseWanted,
    Inbox,
    JoinWanted,
    LateList,
    LinksOut,
    LinksWanted,
    ListReport,
    MoveWanted,
    PersonWanted,
    PurposeOut,
    PurposeWanted,
    Reason,
    RestrictionWanted,
    ShareOut,
    ShareWanted,
    SilentList,
)
from api.retention_schemas import (
    Forecast,
    HoldList,
    HoldOut,
    HoldWanted,
    ScheduleList,
    ScheduleOut,
    ScheduleWanted,
    TrialOut,
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


def _shown(path: str, handler: Handler, answer: type[BaseModel]) -> Route:
    return Route("GET", path, handler, {200: Answer(answer)}, tag="retention")


def _late(path: str, handler: Handler, answer: type[BaseModel]) -> Route:
    hours = (Parameter("hours", "query"),)
    return Route("GET", path, handler, {200: Answer(answer)}, None, hours, (400,), tag="cases")


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
    Route(
        "POST",
        "/lists",
        cases.take_in_list,
        {200: Answer(ListReport)},
        "text/csv",
        (Parameter("zone", "query"), Parameter("unit", "query"), Parameter("dry_run", "query")),
        (400, 413),
        tag="cases",
    ),
    _late("/overdue/uploads", cases.late_uploads, LateList),
    _late("/overdue/devices", cases.silent_devices, SilentList),
    Route("GET", "/inbox", cases.inbox, {200: Answer(Inbox)}, None, _BEFORE, (400,), tag="cases"),
    _asked("POST", "/schedules", retention.propose, ScheduleWanted, Answer(ScheduleOut), 201),
    _shown("/schedules", retention.schedules, ScheduleList),
    _shown("/schedules/{version}/trial", retention.trial, TrialOut),
    Route(
        "POST",
        "/schedules/{version}/approval",
        retention.approve,
        {200: Answer(ScheduleOut)},
        errors=(409,),
        tag="retention",
    ),
    _shown("/forecast", retention.forecast, Forecast),
    _asked("POST", "/items/{item}/holds", retention.hold(SubjectKind.ITEM), HoldWanted, Answer(HoldOut), 201),
    _asked("POST", "/cases/{case}/holds", retention.hold(SubjectKind.CASE), HoldWanted, Answer(HoldOut), 201),
    _shown("/items/{item}/holds", retention.holds(SubjectKind.ITEM), HoldList),
    _shown("/cases/{case}/holds", retention.holds(SubjectKind.CASE), HoldList),
    _asked("POST", "/holds/{hold}/lifting", retention.lift, Reason),
)
