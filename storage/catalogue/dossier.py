"""Particulars, notes, forms and checklists."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    Table,
    and_,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from evidence.checklists import Checklist, Entry, Excuse
from evidence.errors import Conflict
from evidence.forms import Field, Form
from evidence.items import Category
from evidence.particulars import Particulars
from evidence.ports.dossier import Note, Stated
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue import codec
from storage.catalogue.case_tables import links, unit_above
from storage.catalogue.dossier_tables import checklists, coverings, excuses, forms, notes, particulars


class SqlDossier:
    """`evidence.ports.dossier.Dossier` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def state(self, item_id: str, stated: Stated) -> None:
        """Replace the item's particulars."""
        self._connection.execute(delete(particulars).where(particulars.c.item_id == item_id))
        self._connection.execute(
            insert(particulars).values(
                item_id=item_id,
                body=codec.dump(stated.particulars.as_json()),
                stated_by=stated.stated_by,
                stated_at=to_micros(stated.stated_at),
            )
        )

    def stated(self, item_ids: Collection[str]) -> Mapping[str, Stated]:
        """The particulars of those of the items that have any."""
        rows = self._connection.execute(
            select(particulars).where(particulars.c.item_id.in_(item_ids))
        ).mappings()
        return {
            row["item_id"]: Stated(
                Particulars.from_json(codec.load(row["body"])),
                row["stated_by"],
                from_micros(row["stated_at"]),
            )
            for row in rows
        }

    def write(self, note: Note) -> None:
        """A new note."""
        self._connection.execute(
            insert(notes).values(
                id=note.id,
                case_id=note.case_id,
                agent_id=note.agent_id,
                text=note.text,
                written_at=to_micros(note.written_at),
            )
        )

    def note(self, note_id: str) -> Note | None:
        """The note of that identifier."""
        row = self._connection.execute(select(notes).where(notes.c.id == note_id)).mappings().first()
        return None if row is None else _note(row)

    def withdraw(self, note_id: str, *, at: datetime, agent_id: str, reason: str) -> None:
        """Note that it holds no longer."""
        note = self.note(note_id)
        if note is None or note.withdrawn_at is not None:
            raise Conflict("already-withdrawn", "This note was withdrawn already.")
        self._connection.execute(
            update(notes)
            .where(notes.c.id == note_id)
            .values(withdrawn_at=to_micros(at), withdrawn_by=agent_id, withdrawn_for=reason)
        )

    def notes(self, case_ids: Collection[str]) -> Sequence[Note]:
        """Withdrawn ones too, oldest first."""
        rows = self._connection.execute(
            select(notes).where(notes.c.case_id.in_(case_ids)).order_by(notes.c.id)
        ).mappings()
        return [_note(row) for row in rows]

    def set_form(self, form: Form) -> None:
        """A new version."""
        self._connection.execute(
            insert(forms).values(
                unit=form.unit,
                version=form.version,
                fields=codec.dump([field.as_json() for field in form.fields]),
                set_by=form.set_by,
                set_at=to_micros(form.set_at),
            )
        )

    def form(self, unit: str) -> Form | None:
        """The newest of the unit, or of the nearest above it that has one."""
        row = self._connection.execute(_nearest(forms, unit)).mappings().first()
        if row is None:
            return None
        fields = tuple(Field.from_json(field) for field in codec.load_list(row["fields"]))
        return Form(row["unit"], row["version"], fields, row["set_by"], from_micros(row["set_at"]))

    def form_version(self, unit: str) -> int:
        """The unit's own newest version."""
        newest = select(func.max(forms.c.version)).where(forms.c.unit == unit)
        return self._connection.execute(newest).scalar() or 0

    def set_checklist(self, checklist: Checklist) -> None:
        """A new version."""
        assert checklist.set_at is not None
        self._connection.execute(
            insert(checklists).values(
                unit=checklist.unit,
                category=checklist.category.value,
                version=checklist.version,
                entries=codec.dump([entry.as_json() for entry in checklist.entries]),
                set_by=checklist.set_by,
                set_at=to_micros(checklist.set_at),
            )
        )

    def checklist(self, unit: str, category: Category) -> Checklist | None:
        """The newest of the unit, or of the nearest above it that has one."""
        query = _nearest(checklists, unit).where(checklists.c.category == category.value)
        row = self._connection.execute(query).mappings().first()
        if row is None:
            return None
        entries = tuple(Entry.from_json(entry) for entry in codec.load_list(row["entries"]))
        return Checklist(
            row["unit"], category, row["version"], entries, row["set_by"], from_micros(row["set_at"])
        )

    def checklist_version(self, unit: str, category: Category) -> int:
        """The unit's own newest version."""
        newest = select(func.max(checklists.c.version)).where(
            checklists.c.unit == unit, checklists.c.category == category.value
        )
        return self._connection.execute(newest).scalar() or 0

    def cover(self, case_id: str, code: str, item_id: str, *, at: datetime, agent_id: str) -> bool:
        """Whether the item did not cover that entry before."""
        if self._connection.execute(select(coverings).where(_covering(case_id, code, item_id))).first():
            return False
        self._connection.execute(
            insert(coverings).values(
                case_id=case_id, code=code, item_id=item_id, agent_id=agent_id, covered_at=to_micros(at)
            )
        )
        return True

    def uncover(self, case_id: str, code: str, item_id: str) -> bool:
        """Whether it did."""
        done = self._connection.execute(delete(coverings).where(_covering(case_id, code, item_id)))
        return bool(done.rowcount)

    def covered(self, case_id: str) -> Mapping[str, Sequence[str]]:
        """By code, the items that cover it and are linked to the case now."""
        live = and_(
            links.c.item_id == coverings.c.item_id,
            links.c.case_id == coverings.c.case_id,
            links.c.withdrawn_at.is_(None),
        )
        rows = self._connection.execute(
            select(coverings.c.code, coverings.c.item_id)
            .join(links, live)
            .where(coverings.c.case_id == case_id)
            .order_by(coverings.c.code, coverings.c.item_id)
        )
        found: dict[str, list[str]] = {}
        for code, item_id in rows:
            found.setdefault(code, []).append(item_id)
        return found

    def excuse(self, case_id: str, excuse: Excuse) -> None:
        """Note why the entry is not recorded."""
        if excuse.code in self.excuses(case_id):
            raise Conflict("already-excused", "It was said already why this is not recorded.")
        self._connection.execute(
            insert(excuses).values(
                case_id=case_id,
                code=excuse.code,
                reason=excuse.reason,
                agent_id=excuse.agent_id,
                excused_at=to_micros(excuse.at),
            )
        )

    def unexcuse(self, case_id: str, code: str) -> bool:
        """Whether it was excused."""
        done = self._connection.execute(
            delete(excuses).where(excuses.c.case_id == case_id, excuses.c.code == code)
        )
        return bool(done.rowcount)

    def excuses(self, case_id: str) -> Mapping[str, Excuse]:
        """By code."""
        rows = self._connection.execute(select(excuses).where(excuses.c.case_id == case_id)).mappings()
        return {
            row["code"]: Excuse(row["code"], row["reason"], row["agent_id"], from_micros(row["excused_at"]))
            for row in rows
        }


def _nearest(table: Table, unit: str) -> Select[Any]:
    """Versions of the unit and of those above it, the nearest unit's newest one first."""
    above = (
        select(unit_above.c.above.label("unit"), unit_above.c.distance)
        .where(unit_above.c.unit == unit)
        .union_all(select(literal(unit), literal(0)))
        .subquery()
    )
    return (
        select(table)
        .join(above, above.c.unit == table.c.unit)
        .order_by(above.c.distance, table.c.version.desc())
        .limit(1)
    )


def _covering(case_id: str, code: str, item_id: str) -> Any:
    return and_(coverings.c.case_id == case_id, coverings.c.code == code, coverings.c.item_id == item_id)


def _note(row: RowMapping) -> Note:
    return Note(
        row["id"],
        row["case_id"],
        row["agent_id"],
        row["text"],
        from_micros(row["written_at"]),
        codec.maybe_time(row["withdrawn_at"]),
        row["withdrawn_by"],
        row["withdrawn_for"],
    )
