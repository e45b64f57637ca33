"""What has to be recorded of a case: the recording-item list 音像记录事项清单, and what of it is there. Pure.

Invariants: an entry is covered only by what is linked to the case now; what was excused says why; an entry
that a newer list no longer has is still shown where something covers it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from evidence.canonical import Json
from evidence.errors import Invalid
from evidence.items import Category

MOST_ENTRIES = 100
_LONGEST_CODE = 64
_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to record. `code` names it for ever; the rest is what people read."""

    code: str
    stage: str
    item: str
    required: bool
    starts: str = ""
    ends: str = ""

    def as_json(self) -> dict[str, Json]:
        """The form in event details and the catalogue."""
        return {
            "code": self.code,
            "stage": self.stage,
            "item": self.item,
            "required": self.required,
            "starts": self.starts,
            "ends": self.ends,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Entry:
        """The inverse of `as_json`."""
        return cls(
            str(value["code"]),
            str(value["stage"]),
            str(value["item"]),
            value["required"] is True,
            str(value["starts"]),
            str(value["ends"]),
        )


@dataclass(frozen=True, slots=True)
class Checklist:
    """A version of a unit's list for a category. `unit` "", version 0: the one that comes with Custos."""

    unit: str
    category: Category
    version: int
    entries: tuple[Entry, ...]
    set_by: str | None = None
    set_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why an entry is not recorded in this case."""

    code: str
    reason: str
    agent_id: str
    at: datetime


class Standing(StrEnum):
    """How an entry stands in a case. `advised`: not there, and it need not be."""

    COVERED = "covered"
    EXCUSED = "excused"
    MISSING = "missing"
    ADVISED = "advised"


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry with what covers it; `listed` is False where the list no longer has it."""

    entry: Entry
    standing: Standing
    items: tuple[str, ...]
    excuse: Excuse | None
    listed: bool = True


def checked_entries(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries of a list; raises Invalid("bad-checklist") that says what is wrong."""
    if not 1 <= len(entries) <= MOST_ENTRIES:
        raise Invalid("bad-checklist", f"A list has 1 to {MOST_ENTRIES} entries.")
    codes = [entry.code for entry in entries]
    if len(set(codes)) != len(codes):
        raise Invalid("bad-checklist", "Two entries have the same code.")
    for entry in entries:
        if not entry.code.replace("-", "_").isidentifier() or len(entry.code) > _LONGEST_CODE:
            raise Invalid(
                "bad-checklist", f"{entry.code!r} is no code: letters, digits, _ and -, at most 64."
            )
        if not entry.stage.strip() or not entry.item.strip():
            raise Invalid("bad-checklist", f"The entry {entry.code} needs a stage and what is recorded.")
        if any(len(text) > _LONGEST_TEXT for text in (entry.stage, entry.item, entry.starts, entry.ends)):
            raise Invalid("bad-checklist", f"The entry {entry.code}: a text has at most 500 characters.")
    return tuple(entries)


def standings(
    entries: Sequence[Entry], covered: Mapping[str, Collection[str]], excuses: Mapping[str, Excuse]
) -> tuple[EntryView, ...]:
    """How each entry stands, in the order of the list; codes that it does not have come last.

    `covered`: by code, the items that cover it and are linked now.
    """
    views = [_view(entry, covered, excuses, listed=True) for entry in entries]
    codes = {entry.code for entry in entries}
    for code in sorted({code for code, items in covered.items() if items} - codes):
        views.append(_view(Entry(code, "", code, required=False), covered, excuses, listed=False))
    return tuple(views)


def _view(
    entry: Entry, covered: Mapping[str, Collection[str]], excuses: Mapping[str, Excuse], *, listed: bool
) -> EntryView:
    items, excuse = tuple(sorted(covered.get(entry.code, ()))), excuses.get(entry.code)
    if items:
        standing = Standing.COVERED
    elif excuse is not None:
        standing = Standing.EXCUSED
    else:
        standing = Standing.MISSING if entry.required else Standing.ADVISED
    return EntryView(entry, standing, items, excuse, listed)
