"""What stands in a case file beside its links: particulars of items, notes, forms and checklists."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from evidence.checklists import Checklist, Excuse
from evidence.forms import Form
from evidence.items import Category
from evidence.particulars import Particulars


@dataclass(frozen=True, slots=True)
class Stated:
    """Particulars with who stated them last, and when."""

    particulars: Particulars
    stated_by: str
    stated_at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote in a case file. Never changed: withdrawn, and written anew."""

    id: str
    case_id: str
    agent_id: str
    text: str
    written_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_for: str | None = None


class Dossier(Protocol):
    """Forms and checklists are numbered from 1 within their unit.

    One asks for a unit's and is given the newest of the nearest unit, itself or above it, that has one.
    """

    def state(self, item_id: str, stated: Stated) -> None:
        """Replace the item's particulars."""
        ...

    def stated(self, item_ids: Collection[str]) -> Mapping[str, Stated]:
        """The particulars of those of the items that have any."""
        ...

    def write(self, note: Note) -> None: ...
    def note(self, note_id: str) -> Note | None: ...
    def withdraw(self, note_id: str, *, at: datetime, agent_id: str, reason: str) -> None:
        """Raises Conflict("already-withdrawn")."""
        ...

    def notes(self, case_ids: Collection[str]) -> Sequence[Note]:
        """Withdrawn ones too, oldest first."""
        ...

    def set_form(self, form: Form) -> None: ...
    def form(self, unit: str) -> Form | None: ...
    def form_version(self, unit: str) -> int:
        """The unit's own newest version; 0: it has none."""
        ...

    def set_checklist(self, checklist: Checklist) -> None: ...
    def checklist(self, unit: str, category: Category) -> Checklist | None: ...
    def checklist_version(self, unit: str, category: Category) -> int:
        """The unit's own newest version; 0: it has none."""
        ...

    def cover(self, case_id: str, code: str, item_id: str, *, at: datetime, agent_id: str) -> bool:
        """Whether the item did not cover that entry before."""
        ...

    def uncover(self, case_id: str, code: str, item_id: str) -> bool:
        """Whether it did."""
        ...

    def covered(self, case_id: str) -> Mapping[str, Sequence[str]]:
        """By code, the items that cover it and are linked to the case now."""
        ...

    def excuse(self, case_id: str, excuse: Excuse) -> None:
        """Raises Conflict("already-excused")."""
        ...

    def unexcuse(self, case_id: str, code: str) -> bool:
        """Whether it was excused."""
        ...

    def excuses(self, case_id: str) -> Mapping[str, Excuse]:
        """By code."""
        ...
