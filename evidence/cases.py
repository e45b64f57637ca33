"""Cases and what is linked to them. Pure.

Invariants: a case only moves along `NEXT`; an item and a case have at most one live link; a link that was
withdrawn stays, with its reason; nothing here knows names of people except as detail, which can be withheld.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from evidence.agents import Restriction
from evidence.canonical import Json
from evidence.errors import Conflict, Invalid
from evidence.items import Category

LONGEST_NUMBER = 128
LONGEST_TEXT = 4000


class CaseState(StrEnum):
    """open → filed 立案 → closed → archived 归档; or joined 并案 into another, or transferred 移送."""

    OPEN = "open"
    FILED = "filed"
    JOINED = "joined"
    TRANSFERRED = "transferred"
    CLOSED = "closed"
    ARCHIVED = "archived"


#: Where a case can go from where it is. A closed one is filed again when it is taken up again.
NEXT: Mapping[CaseState, frozenset[CaseState]] = {
    CaseState.OPEN: frozenset({CaseState.FILED, CaseState.JOINED, CaseState.TRANSFERRED, CaseState.CLOSED}),
    CaseState.FILED: frozenset({CaseState.JOINED, CaseState.TRANSFERRED, CaseState.CLOSED}),
    CaseState.CLOSED: frozenset({CaseState.FILED, CaseState.ARCHIVED}),
    CaseState.JOINED: frozenset(),
    CaseState.TRANSFERRED: frozenset(),
    CaseState.ARCHIVED: frozenset(),
}
#: What nothing more is linked to.
SETTLED = frozenset({CaseState.JOINED, CaseState.ARCHIVED})


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """What can be withheld of a case: its title, the parties, the place, and the unit's own fields."""

    title: str = ""
    parties: tuple[str, ...] = ()
    place: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """The form in event details and the catalogue."""
        return {
            "title": self.title,
            "parties": list(self.parties),
            "place": self.place,
            "fields": dict(self.fields),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> CaseDetail:
        """The inverse of `as_json`."""
        parties, fields = value["parties"], value["fields"]
        assert isinstance(parties, list)
        assert isinstance(fields, Mapping)
        return cls(
            str(value["title"]),
            tuple(map(str, parties)),
            str(value["place"]),
            {name: str(text) for name, text in fields.items()},
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One enforcement matter 案件/执法事项. Its number is unique within its unit."""

    id: str
    unit: str
    number: str
    category: Category
    state: CaseState
    opened_by: str
    opened_at: datetime
    detail: CaseDetail = CaseDetail()
    restriction: Restriction = Restriction.NONE
    closed_at: datetime | None = None
    #: The case that this one was joined into.
    joined_into: str | None = None
    #: To whom it was transferred, in words.
    transferred_to: str | None = None


class Origin(StrEnum):
    """How a link came to be."""

    HAND = "hand"
    UPLOAD = "upload"
    RULE = "rule"
    JOINED = "joined"


@dataclass(frozen=True, slots=True)
class Link:
    """An item belongs to a case; `agent_id` None: Custos itself, by a rule."""

    id: str
    case_id: str
    item_id: str
    origin: Origin
    agent_id: str | None
    made_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_for: str | None = None


def checked_number(number: str) -> str:
    """A case's number as it is kept; raises Invalid("bad-case-number")."""
    number = number.strip()
    if not number or len(number) > LONGEST_NUMBER or not number.isprintable():
        raise Invalid(
            "bad-case-number", f"A case number has 1 to {LONGEST_NUMBER} characters that can be printed."
        )
    return number


def checked_reason(text: str) -> str:
    """Why somebody does something, as it goes on record; raises Invalid("reason-needed")."""
    return checked_text(text, "reason-needed", "Say why")


def checked_text(text: str, code: str, words: str) -> str:
    """What somebody has to say, without space at its ends; raises Invalid with that code."""
    text = text.strip()
    if not text or len(text) > LONGEST_TEXT:
        raise Invalid(code, f"{words}, in 1 to {LONGEST_TEXT} characters: it goes on record.")
    return text


def moved(case: Case, to: CaseState) -> CaseState:
    """`to`, if the case can go there; raises Conflict("no-such-step") that says where it can go."""
    if to not in NEXT[case.state]:
        ways = ", ".join(sorted(NEXT[case.state])) or "nowhere: that is its last state"
        raise Conflict("no-such-step", f"This case is {case.state.value} and can become: {ways}.")
    return to


def checked_join(case: Case, into: Case) -> None:
    """Raise unless `case` can be joined into `into`: Invalid("joined-to-itself"), Conflict."""
    if case.id == into.id:
        raise Invalid("joined-to-itself", "A case cannot be joined into itself.")
    if into.state in SETTLED or into.state is CaseState.TRANSFERRED:
        raise Conflict("settled-case", f"Nothing can be joined into a case that is {into.state.value}.")
    moved(case, CaseState.JOINED)


def checked_link(case: Case) -> None:
    """Raise Conflict("settled-case") if nothing more is linked to the case."""
    if case.state in SETTLED:
        words = {
            CaseState.JOINED: "This case was joined into another; link to that one.",
            CaseState.ARCHIVED: "This case is archived; nothing more is linked to it.",
        }
        raise Conflict("settled-case", words[case.state])
