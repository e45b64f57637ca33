"""Particulars, notes, forms and checklists over the wire."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, Field

from api.schemas import Body
from cases.checklists import CaseStanding
from cases.notes import NotesView
from cases.particulars import ParticularsView
from evidence import checklists, forms
from evidence.cases import LONGEST_TEXT
from evidence.checklists import Checklist, EntryView
from evidence.forms import FieldKind, Form
from evidence.particulars import LONGEST, LONGEST_TRANSCRIPT, Particulars
from evidence.ports.dossier import Note
from evidence.timekeeping import to_text


class ParticularsBody(Body):
    """What a court asks of an item, in the words of whoever states it."""

    maker: str = Field("", max_length=LONGEST)
    made_at: str = Field("", max_length=LONGEST)
    made_where: str = Field("", max_length=LONGEST)
    method: str = Field("", max_length=LONGEST)
    proves: str = Field("", max_length=LONGEST)
    transcript: str = Field("", max_length=LONGEST_TRANSCRIPT)

    def particulars(self) -> Particulars:
        """For the domain."""
        return Particulars(**self.model_dump())


class ParticularsOut(BaseModel):
    """What was stated last, and what is still missing."""

    maker: str
    made_at: str
    made_where: str
    method: str
    proves: str
    transcript: str
    stated_by: str | None
    stated_at: str | None
    missing: list[str]

    @classmethod
    def of(cls, view: ParticularsView) -> ParticularsOut:
        """From the domain."""
        stated = view.stated
        said = Particulars() if stated is None else stated.particulars
        return cls(
            maker=said.maker,
            made_at=said.made_at,
            made_where=said.made_where,
            method=said.method,
            proves=said.proves,
            transcript=said.transcript,
            stated_by=view.by,
            stated_at=None if stated is None else to_text(stated.stated_at),
            missing=list(view.missing),
        )


class NoteWanted(Body):
    """What is written."""

    text: str = Field(min_length=1, max_length=LONGEST_TEXT)


class NoteOut(BaseModel):
    """A note; one that was withdrawn says when, by whom and why."""

    id: str
    text: str
    written_by: str | None
    written_at: str
    withdrawn_at: str | None
    withdrawn_by: str | None
    withdrawn_for: str | None

    @classmethod
    def of(cls, note: Note, names: Mapping[str, str]) -> NoteOut:
        """From the domain."""
        return cls(
            id=note.id,
            text=note.text,
            written_by=names.get(note.agent_id),
            written_at=to_text(note.written_at),
            withdrawn_at=None if note.withdrawn_at is None else to_text(note.withdrawn_at),
            withdrawn_by=None if note.withdrawn_by is None else names.get(note.withdrawn_by),
            withdrawn_for=note.withdrawn_for,
        )


class NoteList(BaseModel):
    """The notes of a case, oldest first."""

    notes: list[NoteOut]

    @classmethod
    def of(cls, view: NotesView) -> NoteList:
        """From the domain."""
        return cls(notes=[NoteOut.of(note, view.names) for note in view.notes])


class FieldBody(Body):
    """One field of a unit's form."""

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    choices: list[str] = Field(default_factory=list)
    required: bool = False

    def field(self) -> forms.Field:
        """For the domain."""
        return forms.Field(self.name, self.label, self.kind, tuple(self.choices), self.required)


class FormWanted(Body):
    """The fields that the unit's cases have."""

    fields: list[FieldBody] = Field(max_length=forms.MOST_FIELDS)


class FieldOut(BaseModel):
    """One field of a unit's form."""

    name: str
    label: str
    kind: str
    choices: list[str]
    required: bool


class FormOut(BaseModel):
    """The form that holds; `unit` is the one that set it, null where none did and any field may be given."""

    unit: str | None
    version: int
    fields: list[FieldOut]

    @classmethod
    def of(cls, form: Form | None) -> FormOut:
        """From the domain."""
        if form is None:
            return cls(unit=None, version=0, fields=[])
        fields = [
            FieldOut(
                name=one.name,
                label=one.label,
                kind=one.kind,
                choices=list(one.choices),
                required=one.required,
            )
            for one in form.fields
        ]
        return cls(unit=form.unit, version=form.version, fields=fields)


class EntryBody(Body):
    """One thing to record."""

    code: str
    stage: str
    item: str
    required: bool
    starts: str = ""
    ends: str = ""

    def entry(self) -> checklists.Entry:
        """For the domain."""
        return checklists.Entry(self.code, self.stage, self.item, self.required, self.starts, self.ends)


class ChecklistWanted(Body):
    """What has to be recorded."""

    entries: list[EntryBody] = Field(min_length=1, max_length=checklists.MOST_ENTRIES)


class EntryOut(BaseModel):
    """One thing to record, with what starts and what ends it."""

    code: str
    stage: str
    item: str
    required: bool
    starts: str
    ends: str


class ChecklistOut(BaseModel):
    """The list that holds; `unit` is the one that set it, null for the one that comes with Custos."""

    unit: str | None
    category: str
    version: int
    entries: list[EntryOut]

    @classmethod
    def of(cls, checklist: Checklist) -> ChecklistOut:
        """From the domain."""
        return cls(
            unit=checklist.unit or None,
            category=checklist.category,
            version=checklist.version,
            entries=[_entry(entry) for entry in checklist.entries],
        )


class EntryStandingOut(EntryOut):
    """How an entry stands in a case; `listed` is false where the list no longer has it."""

    standing: str
    items: list[str]
    excused_for: str | None
    excused_by: str | None
    listed: bool

    @classmethod
    def of(cls, view: EntryView, names: Mapping[str, str]) -> EntryStandingOut:
        """From the domain."""
        excuse = view.excuse
        return cls(
            **_entry(view.entry).model_dump(),
            standing=view.standing,
            items=list(view.items),
            excused_for=None if excuse is None else excuse.reason,
            excused_by=None if excuse is None else names.get(excuse.agent_id),
            listed=view.listed,
        )


class AskedOf(BaseModel):
    """What a court would still ask of an item."""

    item: str
    filename: str
    missing: list[str]


class CaseStandingOut(BaseModel):
    """What of a case is there and what is missing."""

    version: int
    entries: list[EntryStandingOut]
    missing: list[str]
    fields_missing: list[str]
    particulars_missing: list[AskedOf]

    @classmethod
    def of(cls, view: CaseStanding) -> CaseStandingOut:
        """From the domain."""
        return cls(
            version=view.checklist.version,
            entries=[EntryStandingOut.of(one, view.names) for one in view.entries],
            missing=[one.entry.code for one in view.entries if one.standing is checklists.Standing.MISSING],
            fields_missing=list(view.fields),
            particulars_missing=[
                AskedOf(item=item, filename=view.items[item].submission.filename, missing=list(names))
                for item, names in view.particulars.items()
            ],
        )


class Covering(Body):
    """Items that are what an entry asks for."""

    items: list[str] = Field(min_length=1, max_length=100)


def _entry(entry: checklists.Entry) -> EntryOut:
    return EntryOut(
        code=entry.code,
        stage=entry.stage,
        item=entry.item,
        required=entry.required,
        starts=entry.starts,
        ends=entry.ends,
    )
