"""How long things are kept: schedules as data, the longest rule wins. Pure.

Invariants: what no rule speaks of is kept without end; a link that was withdrawn counts as if it stood, so
that withdrawing shortens nothing; dates count from when Custos received an item, because a camera's clock can
be wrong by years, or from when a case was closed, and without end while it is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from evidence.canonical import Json
from evidence.cases import Case, CaseState
from evidence.errors import Invalid
from evidence.items import Category
from evidence.retention import ROLLING_LOCK, first_lock

LONGEST_DAYS = 36_500
MOST_RULES = 100
_LONGEST_BASIS = 500


class CountsFrom(StrEnum):
    """What the days of a rule are counted from."""

    RECEIVED = "received"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Rule:
    """Items of a category, or linked to a case of it, are kept so many days; None: without end.

    `category` None: everything. `basis` is what the rule rests on, in the law's words.
    """

    category: Category | None
    days: int | None
    counts_from: CountsFrom
    basis: str

    def as_json(self) -> dict[str, Json]:
        """The form in event details and the catalogue."""
        return {
            "category": None if self.category is None else self.category.value,
            "days": self.days,
            "counts_from": self.counts_from.value,
            "basis": self.basis,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Rule:
        """The inverse of `as_json`."""
        category, days = value["category"], value["days"]
        assert days is None or isinstance(days, int)
        return cls(
            None if category is None else Category(str(category)),
            days,
            CountsFrom(str(value["counts_from"])),
            str(value["basis"]),
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """A numbered set of rules. Two people who did not propose it approve it before it holds."""

    version: int
    rules: tuple[Rule, ...]
    proposed_by: str
    proposed_at: datetime
    reason: str
    approved_by: tuple[str, ...] = ()
    in_force_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """Until when something is kept (None: without end), and what that rests on."""

    until: datetime | None
    basis: str


#: Where no schedule is in force, or none of its rules speaks of an item.
NO_RULE = Keep(None, "No rule speaks of this; it is kept without end.")
APPROVERS = 2


def checked(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules; raises Invalid("bad-schedule") that says which one is wrong."""
    if not rules or len(rules) > MOST_RULES:
        raise Invalid("bad-schedule", f"A schedule has 1 to {MOST_RULES} rules.")
    seen = set()
    for number, rule in enumerate(rules, 1):
        if rule.days is not None and not 1 <= rule.days <= LONGEST_DAYS:
            raise Invalid(
                "bad-schedule", f"Rule {number}: 1 to {LONGEST_DAYS} days, or none for without end."
            )
        if not rule.basis.strip() or len(rule.basis) > _LONGEST_BASIS:
            raise Invalid("bad-schedule", f"Rule {number}: name what it rests on.")
        if (rule.category, rule.counts_from) in seen:
            raise Invalid("bad-schedule", f"Rule {number}: there is a rule for that already.")
        seen.add((rule.category, rule.counts_from))
    return tuple(rules)


def keep(schedule: Schedule | None, category: Category, received_at: datetime, cases: Iterable[Case]) -> Keep:
    """Until when an item is kept that was received then and was ever linked to these cases."""
    if schedule is None:
        return NO_RULE
    linked = list(cases)
    found = [one for rule in schedule.rules for one in _kept(rule, category, received_at, linked)]
    return max(found, key=_length, default=NO_RULE)


def _kept(rule: Rule, category: Category, received_at: datetime, cases: Sequence[Case]) -> Iterable[Keep]:
    def speaks_of(kind: Category) -> bool:
        return rule.category in (None, kind)

    if rule.days is None:
        if speaks_of(category) or any(speaks_of(case.category) for case in cases):
            yield Keep(None, rule.basis)
        return
    days = timedelta(days=rule.days)
    if rule.counts_from is CountsFrom.RECEIVED:
        if speaks_of(category) or any(speaks_of(case.category) for case in cases):
            yield Keep(received_at + days, rule.basis)
        return
    for case in cases:
        if speaks_of(case.category):
            is_open = case.state in (CaseState.OPEN, CaseState.FILED)
            closed_at = None if is_open else case.closed_at
            yield Keep(None if closed_at is None else closed_at + days, rule.basis)


def _length(found: Keep) -> float:
    return float("inf") if found.until is None else found.until.timestamp()


def lock_for(now: datetime, until: datetime | None) -> datetime:
    """The lock that the store is asked for: as long as it is kept, at most a rolling lock at once."""
    rolling = now + ROLLING_LOCK
    return rolling if until is None else max(first_lock(now), min(rolling, until))


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing of an item or a case is disposed of until this is lifted. `authority`: on whose order."""

    id: str
    subject_kind: str
    subject_id: str
    reason: str
    authority: str
    placed_by: str
    placed_at: datetime
    lifted_at: datetime | None = None
    lifted_by: str | None = None
    lifted_for: str | None = None
