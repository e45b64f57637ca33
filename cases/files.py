"""Case files: opened, described, moved from state to state, joined; shown to whoever may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evidence.access import Viewer
from evidence.agents import Action, Agent, Resource
from evidence.allowed import allowed_case
from evidence.canonical import Json
from evidence.cases import (
    LONGEST_TEXT,
    Case,
    CaseDetail,
    CaseState,
    Link,
    Origin,
    checked_join,
    checked_number,
    checked_reason,
    moved,
)
from evidence.errors import Conflict, Denied, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.forms import check
from evidence.ids import new_id
from evidence.items import Category, Item
from evidence.keeping import reckon
from evidence.linking import link
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.projection import refresh

PAGE = 50


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link with the item that it leads to."""

    link: Link
    item: Item


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with the people assigned to it and what of it the viewer may see."""

    case: Case
    people: Sequence[str]
    links: Sequence[LinkView]
    names: Mapping[str, str]
    joined_into: str | None = None


class CaseFiles:
    """The use cases of a case file."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def open(
        self, agent: Agent, number: str, category: Category, detail: CaseDetail, unit: str | None = None
    ) -> Case:
        """A new case of the agent's unit, or of one below it; items that named it are linked at once.

        Whoever opens it is assigned to it. Durable on return. Raises Denied, Invalid,
        Conflict("case-exists").
        """
        number, detail = checked_number(number), _checked(detail)
        unit = agent.unit if unit is None else unit
        now = self._clock.now()
        case = Case(new_id(now), unit, number, category, CaseState.OPEN, agent.id, now, detail)

        def put(tx: Transaction) -> Case:
            self._authority.authorize(agent, Action.OPEN_CASE, Resource(unit, agent.id, tx.units.above(unit)))
            _check_fields(tx, unit, detail)
            tx.cases.add(case)
            tx.cases.assign(case.id, agent.id, now)
            tx.events.append(
                _event(
                    EventType.CASE_OPENED,
                    agent,
                    now,
                    case,
                    {
                        "number": number,
                        "unit": unit,
                        "category": category.value,
                        "detail": detail.as_json(),
                    },
                )
            )
            for item in tx.links.claimed(unit, number):
                link(tx, case, item, Origin.UPLOAD, item.agent_id, now)
            return case

        return await self._catalogue.write(put)

    async def describe(self, agent: Agent, case_id: str, detail: CaseDetail) -> Case:
        """Replace what can be withheld of the case, on record; raises Denied, Invalid, Conflict."""
        detail = _checked(detail)
        now = self._clock.now()

        def put(tx: Transaction) -> Case:
            case = allowed_case(tx, self._authority, agent, Action.CHANGE_CASE, case_id, now)
            if case.state is CaseState.ARCHIVED:
                raise Conflict("settled-case", "This case is archived; nothing of it is changed any more.")
            _check_fields(tx, case.unit, detail)
            tx.cases.describe(case.id, detail)
            find_again(tx, case.id)
            said: dict[str, Json] = {"was": case.detail.as_json(), "is": detail.as_json()}
            tx.events.append(_event(EventType.CASE_DESCRIBED, agent, now, case, said))
            return replace(case, detail=detail)

        return await self._catalogue.write(put)

    async def move(self, agent: Agent, case_id: str, to: CaseState, about: str) -> Case:
        """Put the case into another state, on record; `about`: a reason, or to whom it is transferred.

        Joining is `join`. Raises Denied, Invalid, Conflict("no-such-step").
        """
        about = checked_reason(about)
        if to is CaseState.JOINED:
            raise Invalid("joined-into-what", "Say which case it is joined into.")
        action = Action.ARCHIVE_CASE if to is CaseState.ARCHIVED else Action.CHANGE_CASE
        now = self._clock.now()

        def put(tx: Transaction) -> Case:
            case = allowed_case(tx, self._authority, agent, action, case_id, now)
            state = moved(case, to)
            closed_at = None if state is CaseState.FILED else case.closed_at or now
            transferred_to = about if state is CaseState.TRANSFERRED else None
            tx.cases.move(case.id, state, closed_at=closed_at, transferred_to=transferred_to)
            said: dict[str, Json] = {"from": case.state.value, "to": state.value, "about": about}
            tx.events.append(_event(EventType.CASE_MOVED, agent, now, case, said))
            _reckon(tx, case, now)
            return replace(case, state=state, closed_at=closed_at, transferred_to=transferred_to)

        return await self._catalogue.write(put)

    async def join(self, agent: Agent, case_id: str, into_id: str, reason: str) -> Case:
        """Join 并案 the case into another: what is linked to it is linked there too, and stays linked here.

        Raises Denied, Invalid("joined-to-itself"), Conflict.
        """
        reason = checked_reason(reason)
        now = self._clock.now()

        def put(tx: Transaction) -> Case:
            case, into = (
                allowed_case(tx, self._authority, agent, Action.CHANGE_CASE, one, now)
                for one in (case_id, into_id)
            )
            checked_join(case, into)
            closed_at = case.closed_at or now
            tx.cases.move(case.id, CaseState.JOINED, closed_at=closed_at, joined_into=into.id)
            said: dict[str, Json] = {
                "from": case.state.value,
                "to": CaseState.JOINED.value,
                "into": into.number,
                "about": reason,
            }
            event = _event(EventType.CASE_MOVED, agent, now, case, said)
            tx.events.append(replace(event, subjects=(*event.subjects, Subject("case", into.id))))
            for made in tx.links.of_case(case.id):
                item = tx.items.get(made.item_id)
                if made.withdrawn_at is None and item and not tx.links.live(into.id, item.id):
                    link(tx, into, item, Origin.JOINED, agent.id, now)
            _reckon(tx, case, now)
            return replace(case, state=CaseState.JOINED, closed_at=closed_at, joined_into=into.id)

        return await self._catalogue.write(put)

    async def assign(self, agent: Agent, case_id: str, username: str) -> None:
        """Let a person work on the case, whatever their unit, on record; raises Denied, Invalid."""
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            case = allowed_case(tx, self._authority, agent, Action.ASSIGN, case_id, now)
            person = person_called(tx, username)
            if tx.cases.assign(case.id, person.id, now):
                tx.events.append(_about_person(EventType.PERSON_ASSIGNED, agent, now, case, person))

        await self._catalogue.write(put)

    async def dismiss(self, agent: Agent, case_id: str, username: str) -> None:
        """End that, on record; raises Denied, Invalid."""
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            case = allowed_case(tx, self._authority, agent, Action.ASSIGN, case_id, now)
            person = person_called(tx, username)
            if tx.cases.dismiss(case.id, person.id):
                tx.events.append(_about_person(EventType.PERSON_DISMISSED, agent, now, case, person))

        await self._catalogue.write(put)

    async def page(self, agent: Agent, before: str | None) -> Sequence[Case]:
        """A page of at most 50 cases, newest first; one event names every case shown."""
        scope = self._authority.scope(agent, Action.SEE_CASE)
        if scope is None:
            raise Denied
        now = self._clock.now()
        viewer = Viewer.of(agent, scope, now)
        page = await self._catalogue.read(lambda tx: tx.cases.page(viewer, before=before, limit=PAGE))
        subjects = tuple(Subject("case", case.id) for case in page)
        await self._catalogue.record(
            EventDraft(EventType.LIST_SHOWN, agent.id, now, subjects, detail={"of": "cases"})
        )
        return page

    async def show(self, agent: Agent, case_id: str) -> CaseView:
        """The case with what of it the agent may see, on record; raises Denied."""
        now = self._clock.now()
        scope = self._authority.scope(agent, Action.LIST_ITEMS)

        def look(tx: Transaction) -> CaseView:
            case = allowed_case(tx, self._authority, agent, Action.SEE_CASE, case_id, now)
            links = tx.links.of_case(case.id)
            seen: Mapping[str, Item] = {}
            if scope is not None:
                seen = tx.items.seen_by(Viewer.of(agent, scope, now), {made.item_id for made in links})
            people = tx.cases.people(case.id)
            into = None if case.joined_into is None else tx.cases.get(case.joined_into)
            names = tx.agents.names(sorted({*people, case.opened_by}))
            views = [LinkView(made, seen[made.item_id]) for made in links if made.item_id in seen]
            return CaseView(case, people, views, names, None if into is None else into.number)

        view = await self._catalogue.read(look)
        shown = sorted({one.item.id for one in view.links})
        subjects = (Subject("case", case_id), *(Subject("item", item_id) for item_id in shown))
        await self._catalogue.record(EventDraft(EventType.CASE_SHOWN, agent.id, now, subjects))
        return view


def find_again(tx: Transaction, case_id: str) -> None:
    """What is linked to the case is found by what it says now."""
    for made in tx.links.of_case(case_id):
        if made.withdrawn_at is None:
            refresh(tx, made.item_id)


def _reckon(tx: Transaction, case: Case, now: datetime) -> None:
    """What is or was linked to the case is kept as long as its new state says."""
    linked = {made.item_id: tx.items.get(made.item_id) for made in tx.links.of_case(case.id)}
    reckon(tx, [item for item in linked.values() if item is not None], now)


def person_called(tx: Transaction, username: str) -> Agent:
    """The account of that name; raises Invalid("no-such-user")."""
    found = tx.agents.by_username(username)
    if found is None:
        raise Invalid("no-such-user", f"There is nobody called {username!r}.")
    return found[0]


def _checked(detail: CaseDetail) -> CaseDetail:
    texts = (detail.title, detail.place, *detail.parties, *detail.fields, *detail.fields.values())
    if any(len(text) > LONGEST_TEXT for text in texts) or len(texts) > 200:
        raise Invalid("too-much-detail", f"A text has at most {LONGEST_TEXT} characters, a case 200 of them.")
    return detail


def _check_fields(tx: Transaction, unit: str, detail: CaseDetail) -> None:
    form = tx.dossier.form(unit)
    if form is not None:
        check(form.fields, detail.fields)


def _event(
    kind: EventType, agent: Agent, now: datetime, case: Case, detail: Mapping[str, Json]
) -> EventDraft:
    return EventDraft(kind, agent.id, now, (Subject("case", case.id),), detail=detail)


def _about_person(kind: EventType, agent: Agent, now: datetime, case: Case, person: Agent) -> EventDraft:
    subjects = (Subject("case", case.id), Subject("agent", person.id))
    return EventDraft(kind, agent.id, now, subjects, detail={"username": person.username})
