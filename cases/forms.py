"""The forms and checklists that a unit sets for its cases, and those below it follow."""

from __future__ import annotations

from collections.abc import Sequence

from evidence.agents import Action, Agent, Resource
from evidence.canonical import Json
from evidence.checklists import Checklist, Entry, checked_entries
from evidence.default_checklists import DEFAULTS
from evidence.errors import Denied, Invalid
from evidence.events import EventDraft, EventType
from evidence.forms import Field, Form, checked_fields
from evidence.items import Category
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock

_LONGEST_UNIT = 128


class Forms:
    """The use cases of what units ask of their cases."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def set_form(self, agent: Agent, unit: str, fields: Sequence[Field]) -> Form:
        """A new version of the unit's form, for it and all below that have none of their own.

        Durable on return. Cases that are there keep what stands in them. Raises Denied, Invalid.
        """
        found = checked_fields(fields)
        now = self._clock.now()

        def put(tx: Transaction) -> Form:
            self._authorize(tx, agent, unit)
            form = Form(unit, tx.dossier.form_version(unit) + 1, found, agent.id, now)
            tx.dossier.set_form(form)
            said: list[Json] = [field.as_json() for field in found]
            detail: dict[str, Json] = {"unit": unit, "version": form.version, "fields": said}
            tx.events.append(EventDraft(EventType.FORM_SET, agent.id, now, detail=detail))
            return form

        return await self._catalogue.write(put)

    async def form(self, agent: Agent, unit: str) -> Form | None:
        """The form that holds for the unit; None: there is none. Raises Denied."""
        return await self._catalogue.read(lambda tx: tx.dossier.form(self._seen(tx, agent, unit)))

    async def set_checklist(
        self, agent: Agent, unit: str, category: Category, entries: Sequence[Entry]
    ) -> Checklist:
        """A new version of the unit's list for a category, for it and all below that have none of their own.

        Durable on return. Raises Denied, Invalid("bad-checklist").
        """
        found = checked_entries(entries)
        now = self._clock.now()

        def put(tx: Transaction) -> Checklist:
            self._authorize(tx, agent, unit)
            version = tx.dossier.checklist_version(unit, category) + 1
            made = Checklist(unit, category, version, found, agent.id, now)
            tx.dossier.set_checklist(made)
            said: list[Json] = [entry.as_json() for entry in found]
            detail: dict[str, Json] = {
                "unit": unit,
                "category": category.value,
                "version": version,
                "entries": said,
            }
            tx.events.append(EventDraft(EventType.CHECKLIST_SET, agent.id, now, detail=detail))
            return made

        return await self._catalogue.write(put)

    async def checklist(self, agent: Agent, unit: str, category: Category) -> Checklist:
        """The list that holds for the unit; raises Denied."""
        return await self._catalogue.read(lambda tx: checklist_of(tx, self._seen(tx, agent, unit), category))

    def _authorize(self, tx: Transaction, agent: Agent, unit: str) -> None:
        if not unit.strip() or unit != unit.strip() or len(unit) > _LONGEST_UNIT:
            raise Invalid("bad-unit", "A unit's name has 1 to 128 characters and no space at its ends.")
        self._authority.authorize(agent, Action.SET_FORMS, Resource(unit, above=tx.units.above(unit)))

    def _seen(self, tx: Transaction, agent: Agent, unit: str) -> str:
        """Whoever works on cases, or sets forms, sees those of their own unit and of those below it."""
        if unit == agent.unit and self._authority.scope(agent, Action.SEE_CASE) is not None:
            return unit
        for action in (Action.SEE_CASE, Action.SET_FORMS):
            try:
                self._authority.authorize(agent, action, Resource(unit, above=tx.units.above(unit)))
            except Denied:
                continue
            return unit
        raise Denied


def checklist_of(tx: Transaction, unit: str, category: Category) -> Checklist:
    """The list that holds for the unit's cases of that category."""
    return tx.dossier.checklist(unit, category) or DEFAULTS[category]
