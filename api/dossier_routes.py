"""The routes of particulars, notes, forms and checklists."""

from __future__ import annotations

from pydantic import BaseModel

from api import dossier
from api.case_schemas import Reason
from api.dossier_schemas import (
    CaseStandingOut,
    ChecklistOut,
    ChecklistWanted,
    Covering,
    FormOut,
    FormWanted,
    NoteList,
    NoteOut,
    NoteWanted,
    ParticularsBody,
    ParticularsOut,
)
from api.routing import EMPTY, Answer, Handler, Parameter, Route

_UNIT = (Parameter("unit", "query"),)


def _changes(method: str, path: str, handler: Handler, body: type[BaseModel] | None) -> Route:
    return Route(method, path, handler, {204: EMPTY}, body, errors=(400, 409), tag="cases")


def _set(path: str, handler: Handler, body: type[BaseModel], answer: type[BaseModel]) -> Route:
    return Route("PUT", path, handler, {200: Answer(answer)}, body, _UNIT, (400,), tag="cases")


def _read(path: str, handler: Handler, answer: type[BaseModel]) -> Route:
    return Route("GET", path, handler, {200: Answer(answer)}, tag="cases")


DOSSIER_ROUTES: tuple[Route, ...] = (
    Route(
        "PUT",
        "/items/{item}/particulars",
        dossier.state_particulars,
        {200: Answer(ParticularsOut)},
        ParticularsBody,
        errors=(400,),
        tag="cases",
    ),
    _read("/items/{item}/particulars", dossier.particulars, ParticularsOut),
    Route(
        "POST",
        "/cases/{case}/notes",
        dossier.write_note,
        {201: Answer(NoteOut)},
        NoteWanted,
        errors=(400, 409),
        tag="cases",
    ),
    _read("/cases/{case}/notes", dossier.notes, NoteList),
    _changes("POST", "/notes/{note}/withdrawal", dossier.withdraw_note, Reason),
    _read("/cases/{case}/checklist", dossier.standing, CaseStandingOut),
    _changes("POST", "/cases/{case}/checklist/{code}/covering", dossier.cover, Covering),
    _changes("POST", "/cases/{case}/checklist/{code}/uncovering", dossier.uncover, Covering),
    _changes("POST", "/cases/{case}/checklist/{code}/excuse", dossier.excuse, Reason),
    _changes("DELETE", "/cases/{case}/checklist/{code}/excuse", dossier.ask, None),
    _set("/form", dossier.set_form, FormWanted, FormOut),
    Route("GET", "/form", dossier.form, {200: Answer(FormOut)}, None, _UNIT, tag="cases"),
    _set("/checklists/{category}", dossier.set_checklist, ChecklistWanted, ChecklistOut),
    Route(
        "GET",
        "/checklists/{category}",
        dossier.checklist,
        {200: Answer(ChecklistOut)},
        None,
        _UNIT,
        (400,),
        tag="cases",
    ),
)
