"""Particulars, notes, forms and checklists."""

from __future__ import annotations

from aiohttp import web

from api.case_schemas import Reason
from api.context import agent_of, body_of, respond, services
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
from evidence.errors import Invalid
from evidence.items import Category

#: A written record of 200,000 characters, escaped.
_LARGEST_PARTICULARS = 2 << 20


async def state_particulars(request: web.Request) -> web.Response:
    """State what a court asks of an item, in place of what was stated before."""
    agent = await agent_of(request)
    wanted = await body_of(request, ParticularsBody, _LARGEST_PARTICULARS)
    item = request.match_info["item"]
    view = await services(request).particulars.state(agent, item, wanted.particulars())
    return respond(ParticularsOut.of(view))


async def particulars(request: web.Request) -> web.Response:
    """What was stated of an item, and what is still missing."""
    agent = await agent_of(request)
    view = await services(request).particulars.of(agent, request.match_info["item"])
    return respond(ParticularsOut.of(view))


async def write_note(request: web.Request) -> web.Response:
    """Write a note in a case file."""
    agent = await agent_of(request)
    wanted = await body_of(request, NoteWanted)
    note = await services(request).notes.write(agent, request.match_info["case"], wanted.text)
    return respond(NoteOut.of(note, {agent.id: agent.name}), 201)


async def notes(request: web.Request) -> web.Response:
    """The notes of a case, withdrawn ones too."""
    agent = await agent_of(request)
    return respond(NoteList.of(await services(request).notes.of(agent, request.match_info["case"])))


async def withdraw_note(request: web.Request) -> web.Response:
    """Withdraw one's own note; it stays in sight."""
    agent = await agent_of(request)
    wanted = await body_of(request, Reason)
    await services(request).notes.withdraw(agent, request.match_info["note"], wanted.reason)
    return web.Response(status=204)


async def set_form(request: web.Request) -> web.Response:
    """Set the fields that a unit's cases have."""
    agent = await agent_of(request)
    wanted = await body_of(request, FormWanted)
    fields = [field.field() for field in wanted.fields]
    unit = request.query.get("unit", agent.unit)
    return respond(FormOut.of(await services(request).forms.set_form(agent, unit, fields)))


async def form(request: web.Request) -> web.Response:
    """The form that holds for a unit's cases."""
    agent = await agent_of(request)
    unit = request.query.get("unit", agent.unit)
    return respond(FormOut.of(await services(request).forms.form(agent, unit)))


async def set_checklist(request: web.Request) -> web.Response:
    """Set what has to be recorded of a unit's cases of a category."""
    agent = await agent_of(request)
    wanted = await body_of(request, ChecklistWanted)
    entries = [entry.entry() for entry in wanted.entries]
    unit = request.query.get("unit", agent.unit)
    made = await services(request).forms.set_checklist(agent, unit, _category(request), entries)
    return respond(ChecklistOut.of(made))


async def checklist(request: web.Request) -> web.Response:
    """What has to be recorded of a unit's cases of a category."""
    agent = await agent_of(request)
    unit = request.query.get("unit", agent.unit)
    return respond(ChecklistOut.of(await services(request).forms.checklist(agent, unit, _category(request))))


async def standing(request: web.Request) -> web.Response:
    """What of a case is there and what is missing."""
    agent = await agent_of(request)
    view = await services(request).checklists.standing(agent, request.match_info["case"])
    return respond(CaseStandingOut.of(view))


async def cover(request: web.Request) -> web.Response:
    """Say that items are what an entry of the checklist asks for."""
    agent = await agent_of(request)
    wanted = await body_of(request, Covering)
    case, code = request.match_info["case"], request.match_info["code"]
    await services(request).checklists.cover(agent, case, code, wanted.items)
    return web.Response(status=204)


async def uncover(request: web.Request) -> web.Response:
    """Take that back."""
    agent = await agent_of(request)
    wanted = await body_of(request, Covering)
    case, code = request.match_info["case"], request.match_info["code"]
    await services(request).checklists.uncover(agent, case, code, wanted.items)
    return web.Response(status=204)


async def excuse(request: web.Request) -> web.Response:
    """Say why an entry is not recorded in this case."""
    agent = await agent_of(request)
    wanted = await body_of(request, Reason)
    case, code = request.match_info["case"], request.match_info["code"]
    await services(request).checklists.excuse(agent, case, code, wanted.reason)
    return web.Response(status=204)


async def ask(request: web.Request) -> web.Response:
    """Ask for an entry again that was excused."""
    agent = await agent_of(request)
    await services(request).checklists.ask(agent, request.match_info["case"], request.match_info["code"])
    return web.Response(status=204)


def _category(request: web.Request) -> Category:
    name = request.match_info["category"]
    try:
        return Category(name)
    except ValueError as error:
        known = ", ".join(Category)
        raise Invalid("bad-category", f"The categories are: {known}.") from error
