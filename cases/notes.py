"""Notes in a case file: written, withdrawn, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cases.files import find_again
from evidence.agents import Action, Agent
from evidence.allowed import allowed_case
from evidence.cases import CaseState, checked_reason, checked_text
from evidence.errors import Conflict, Denied
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import is_id, new_id
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.dossier import Note


@dataclass(frozen=True, slots=True)
class NotesView:
    """The notes of a case with the names of those who wrote and withdrew them."""

    notes: Sequence[Note]
    names: Mapping[str, str]


class CaseNotes:
    """The use cases of notes."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def write(self, agent: Agent, case_id: str, text: str) -> Note:
        """A note in the case file, on record; durable on return.

        Raises Denied, Invalid("nothing-written"), Conflict("settled-case").
        """
        text = checked_text(text, "nothing-written", "Write the note")
        now = self._clock.now()

        def put(tx: Transaction) -> Note:
            case = allowed_case(tx, self._authority, agent, Action.WRITE_NOTE, case_id, now)
            if case.state is CaseState.ARCHIVED:
                raise Conflict("settled-case", "This case is archived; nothing is written in it any more.")
            note = Note(new_id(now), case.id, agent.id, text, now)
            tx.dossier.write(note)
            subjects = (Subject("case", case.id), Subject("note", note.id))
            detail = {"text": text}
            tx.events.append(EventDraft(EventType.NOTE_WRITTEN, agent.id, now, subjects, detail=detail))
            find_again(tx, case.id)
            return note

        return await self._catalogue.write(put)

    async def withdraw(self, agent: Agent, note_id: str, reason: str) -> None:
        """Withdraw one's own note, with a reason; it stays in sight. Durable on return.

        Raises Denied, also for somebody else's, Invalid, Conflict("already-withdrawn").
        """
        reason = checked_reason(reason)
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            note = tx.dossier.note(note_id) if is_id(note_id) else None
            if note is None or note.agent_id != agent.id:
                raise Denied
            allowed_case(tx, self._authority, agent, Action.WRITE_NOTE, note.case_id, now)
            tx.dossier.withdraw(note.id, at=now, agent_id=agent.id, reason=reason)
            subjects = (Subject("case", note.case_id), Subject("note", note.id))
            detail = {"reason": reason}
            tx.events.append(EventDraft(EventType.NOTE_WITHDRAWN, agent.id, now, subjects, detail=detail))
            find_again(tx, note.case_id)

        await self._catalogue.write(put)

    async def of(self, agent: Agent, case_id: str) -> NotesView:
        """Every note of the case, oldest first, withdrawn ones too; on record. Raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> NotesView:
            case = allowed_case(tx, self._authority, agent, Action.SEE_CASE, case_id, now)
            notes = tx.dossier.notes([case.id])
            people = {one for note in notes for one in (note.agent_id, note.withdrawn_by) if one is not None}
            return NotesView(notes, tx.agents.names(sorted(people)))

        view = await self._catalogue.read(look)
        subjects = (Subject("case", case_id),)
        await self._catalogue.record(
            EventDraft(EventType.CASE_SHOWN, agent.id, now, subjects, detail={"of": "notes"})
        )
        return view
