"""Units, cases, links, and who may see them: the catalogue's repositories for what items belong to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from evidence.access import Share, SubjectKind, Viewer
from evidence.agents import Resource, Restriction
from evidence.cases import Case, CaseDetail, CaseState, Link
from evidence.items import Item


class Units(Protocol):
    """The tree of units. A unit that nobody placed stands by itself."""

    def place(self, unit: str, parent: str | None) -> None:
        """Put `unit` below `parent`, with all that is below it; raises Conflict("unit-below-itself")."""
        ...

    def above(self, unit: str) -> tuple[str, ...]:
        """The units that `unit` belongs to, next one first."""
        ...

    def tree(self) -> Mapping[str, str | None]:
        """Every placed unit with its parent."""
        ...


class Cases(Protocol):
    """Cases and the people assigned to them."""

    def add(self, case: Case) -> None:
        """Raises Conflict("case-exists") if the unit has one of that number."""
        ...

    def get(self, case_id: str) -> Case | None: ...
    def get_all(self, case_ids: Collection[str]) -> Mapping[str, Case]: ...
    def by_number(self, unit: str, number: str) -> Case | None: ...
    def by_numbers(self, named: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Case]:
        """Those that are there, by unit and number."""
        ...

    def page(self, viewer: Viewer, *, before: str | None, limit: int) -> Sequence[Case]:
        """What `viewer` may see, newest first."""
        ...

    def seen_by(self, viewer: Viewer, case_ids: Collection[str]) -> Mapping[str, Case]:
        """Those of the cases that `viewer` may see."""
        ...

    def move(
        self,
        case_id: str,
        state: CaseState,
        *,
        closed_at: datetime | None,
        joined_into: str | None = None,
        transferred_to: str | None = None,
    ) -> None: ...
    def describe(self, case_id: str, detail: CaseDetail) -> None: ...
    def assign(self, case_id: str, agent_id: str, at: datetime) -> bool:
        """Whether they were not assigned before."""
        ...

    def dismiss(self, case_id: str, agent_id: str) -> bool:
        """Whether they were assigned."""
        ...

    def people(self, case_id: str) -> Sequence[str]:
        """The agents assigned, in the order of their assignment."""
        ...


class Links(Protocol):
    """What belongs to what. Withdrawn links stay."""

    def add(self, link: Link) -> None:
        """Raises Conflict("already-linked") while there is a live link of the two."""
        ...

    def get(self, link_id: str) -> Link | None: ...
    def live(self, case_id: str, item_id: str) -> Link | None: ...
    def withdraw(self, link_id: str, *, at: datetime, agent_id: str, reason: str) -> None:
        """Raises Conflict("already-withdrawn")."""
        ...

    def of_case(self, case_id: str) -> Sequence[Link]:
        """Withdrawn ones too, oldest first."""
        ...

    def of_items(self, item_ids: Collection[str]) -> Mapping[str, Sequence[Link]]:
        """Withdrawn ones too, oldest first; items without any left out."""
        ...

    def claimed(self, unit: str, number: str) -> Sequence[Item]:
        """The unit's items whose submitter named that case and that are linked to none, oldest first."""
        ...

    def unlinked(self, viewer: Viewer, *, before: str | None, limit: int) -> Sequence[Item]:
        """Items without a live link that `viewer` may see, newest first."""
        ...


class AccessRows(Protocol):
    """Restrictions, named people, shares and purposes."""

    def item(self, item_id: str, agent_id: str, now: datetime) -> Resource | None:
        """The item as it stands to the agent; None if there is none."""
        ...

    def items(self, item_ids: Collection[str], agent_id: str, now: datetime) -> Mapping[str, Resource]:
        """The same for many, those that are not there left out."""
        ...

    def case(self, case_id: str, agent_id: str, now: datetime) -> Resource | None: ...
    def hidden(self, subjects: Collection[str], agent_id: str) -> frozenset[str]:
        """Those of the subjects of jobs that are sealed to the agent: items, uploads and what is of items."""
        ...

    def restrict(
        self, kind: SubjectKind, subject_id: str, restriction: Restriction, named: Collection[str]
    ) -> None:
        """Replace the subject's own restriction and the people that are named on it."""
        ...

    def named(self, subject_id: str) -> Sequence[str]: ...
    def share(self, share: Share) -> None: ...
    def get_share(self, share_id: str) -> Share | None:
        """The share, unless it was withdrawn."""
        ...

    def withdraw_share(self, share_id: str, at: datetime) -> None: ...
    def state_purpose(self, item_id: str, agent_id: str, purpose: str, until: datetime) -> None: ...
