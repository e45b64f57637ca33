"""What has to be recorded of a case, what covers it, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cases.forms import checklist_of
from evidence.access import Viewer
from evidence.agents import Action, Agent
from evidence.allowed import allowed_case
from evidence.cases import Case, CaseState, checked_reason
from evidence.checklists import Checklist, EntryView, Excuse, standings
from evidence.errors import Conflict, Denied, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.forms import missing
from evidence.items import Item
from evidence.particulars import Particulars
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class CaseStanding:
    """What of a case is there and what is missing, as far as the viewer may see its items.

    `fields` are required fields of the unit's form in which nothing stands; `particulars`, by item, what a
    court would still ask of it.
    """

    checklist: Checklist
    entries: Sequence[EntryView]
    fields: Sequence[str]
    particulars: Mapping[str, Sequence[str]]
    items: Mapping[str, Item]
    names: Mapping[str, str]


class Checklists:
    """The use cases of a case's checklist."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def standing(self, agent: Agent, case_id: str) -> CaseStanding:
        """How the case stands, on record; raises Denied.

        An entry that only something covers which the agent may not see is shown as missing.
        """
        now = self._clock.now()
        scope = self._authority.scope(agent, Action.LIST_ITEMS)

        def look(tx: Transaction) -> CaseStanding:
            case = allowed_case(tx, self._authority, agent, Action.SEE_CASE, case_id, now)
            linked = {one.item_id for one in tx.links.of_case(case.id) if one.withdrawn_at is None}
            seen: Mapping[str, Item] = {}
            if scope is not None:
                seen = tx.items.seen_by(Viewer.of(agent, scope, now), linked)
            checklist = checklist_of(tx, case.unit, case.category)
            covered = {
                code: [item for item in items if item in seen]
                for code, items in tx.dossier.covered(case.id).items()
            }
            excuses = tx.dossier.excuses(case.id)
            form, stated = tx.dossier.form(case.unit), tx.dossier.stated(seen)
            asked = {
                item.id: (stated[item.id].particulars if item.id in stated else Particulars()).missing(
                    item.kind
                )
                for item in seen.values()
            }
            return CaseStanding(
                checklist,
                standings(checklist.entries, covered, excuses),
                () if form is None else missing(form.fields, case.detail.fields),
                {item_id: names for item_id, names in sorted(asked.items()) if names},
                seen,
                tx.agents.names(sorted({one.agent_id for one in excuses.values()})),
            )

        view = await self._catalogue.read(look)
        subjects = (Subject("case", case_id), *(Subject("item", item_id) for item_id in sorted(view.items)))
        await self._catalogue.record(
            EventDraft(EventType.CASE_SHOWN, agent.id, now, subjects, detail={"of": "checklist"})
        )
        return view

    async def cover(self, agent: Agent, case_id: str, code: str, item_ids: Sequence[str]) -> None:
        """Say that these items, linked to the case, are what the entry asks for; durable on return.

        May be repeated. Raises Denied, also for an item that is not linked or not to be seen,
        Invalid("no-such-entry"), Conflict("settled-case").
        """
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            case = self._changed(tx, agent, case_id, now)
            _check_code(tx, case, code)
            for item_id in dict.fromkeys(item_ids):
                self._check_item(tx, agent, case, item_id, now)
                if tx.dossier.cover(case.id, code, item_id, at=now, agent_id=agent.id):
                    tx.events.append(_event(EventType.ENTRY_COVERED, agent, now, case, code, item_id))

        await self._catalogue.write(put)

    async def uncover(self, agent: Agent, case_id: str, code: str, item_ids: Sequence[str]) -> None:
        """Take that back, on record; may be repeated. Raises Denied, Conflict("settled-case")."""
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            case = self._changed(tx, agent, case_id, now)
            for item_id in dict.fromkeys(item_ids):
                self._check_item(tx, agent, case, item_id, now)
                if tx.dossier.uncover(case.id, code, item_id):
                    tx.events.append(_event(EventType.ENTRY_UNCOVERED, agent, now, case, code, item_id))

        await self._catalogue.write(put)

    async def excuse(self, agent: Agent, case_id: str, code: str, reason: str) -> None:
        """Say why an entry is not recorded in this case; durable on return.

        Raises Denied, Invalid("no-such-entry"), Conflict("already-excused"), Conflict("settled-case").
        """
        reason = checked_reason(reason)
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            case = self._changed(tx, agent, case_id, now)
            _check_code(tx, case, code)
            tx.dossier.excuse(case.id, Excuse(code, reason, agent.id, now))
            tx.events.append(_event(EventType.ENTRY_EXCUSED, agent, now, case, code, None, reason))

        await self._catalogue.write(put)

    async def ask(self, agent: Agent, case_id: str, code: str) -> None:
        """Ask for an entry again that was excused, on record; raises Denied, Conflict("not-excused")."""
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            case = self._changed(tx, agent, case_id, now)
            if not tx.dossier.unexcuse(case.id, code):
                raise Conflict("not-excused", "Nobody excused this entry.")
            tx.events.append(_event(EventType.ENTRY_ASKED, agent, now, case, code, None))

        await self._catalogue.write(put)

    def _changed(self, tx: Transaction, agent: Agent, case_id: str, now: datetime) -> Case:
        case = allowed_case(tx, self._authority, agent, Action.CHANGE_CASE, case_id, now)
        if case.state is CaseState.ARCHIVED:
            raise Conflict("settled-case", "This case is archived; nothing of it is changed any more.")
        return case

    def _check_item(self, tx: Transaction, agent: Agent, case: Case, item_id: str, now: datetime) -> None:
        scope = self._authority.scope(agent, Action.LIST_ITEMS)
        if scope is None or tx.links.live(case.id, item_id) is None:
            raise Denied
        if item_id not in tx.items.seen_by(Viewer.of(agent, scope, now), {item_id}):
            raise Denied


def _check_code(tx: Transaction, case: Case, code: str) -> None:
    codes = [entry.code for entry in checklist_of(tx, case.unit, case.category).entries]
    if code not in codes:
        raise Invalid("no-such-entry", f"The list of this case has: {', '.join(codes)}.")


def _event(
    kind: EventType,
    agent: Agent,
    now: datetime,
    case: Case,
    code: str,
    item_id: str | None,
    reason: str | None = None,
) -> EventDraft:
    subjects = [Subject("case", case.id)]
    if item_id is not None:
        subjects.append(Subject("item", item_id))
    detail = {"code": code} if reason is None else {"code": code, "reason": reason}
    return EventDraft(kind, agent.id, now, tuple(subjects), detail=detail)
