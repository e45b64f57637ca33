"""Schedules and holds over the wire."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, Field

from api.schemas import Body
from cases.retention import Trial
from evidence.cases import LONGEST_TEXT
from evidence.items import Category
from evidence.ports.retention import Month
from evidence.schedules import LONGEST_DAYS, MOST_RULES, CountsFrom, Hold, Rule, Schedule
from evidence.timekeeping import to_text


class RuleBody(Body):
    """How long a category is kept; no category: everything, no days: without end."""

    category: Category | None = None
    days: int | None = Field(None, ge=1, le=LONGEST_DAYS)
    counts_from: CountsFrom = CountsFrom.RECEIVED
    basis: str = Field(min_length=1, max_length=500)

    def rule(self) -> Rule:
        """For the domain."""
        return Rule(self.category, self.days, self.counts_from, self.basis)


class ScheduleWanted(Body):
    """Rules, and why they are to hold."""

    rules: list[RuleBody] = Field(min_length=1, max_length=MOST_RULES)
    reason: str = Field(min_length=1, max_length=LONGEST_TEXT)


class RuleOut(BaseModel):
    """How long a category is kept."""

    category: str | None
    days: int | None
    counts_from: str
    basis: str


class ScheduleOut(BaseModel):
    """One version of the schedule."""

    version: int
    in_force: bool
    in_force_at: str | None
    proposed_by: str | None
    proposed_at: str
    reason: str
    approvals: int
    rules: list[RuleOut]

    @classmethod
    def of(cls, schedule: Schedule, *, in_force: bool, names: Mapping[str, str]) -> ScheduleOut:
        """From the domain."""
        return cls(
            version=schedule.version,
            in_force=in_force,
            in_force_at=None if schedule.in_force_at is None else to_text(schedule.in_force_at),
            proposed_by=names.get(schedule.proposed_by),
            proposed_at=to_text(schedule.proposed_at),
            reason=schedule.reason,
            approvals=len(schedule.approved_by),
            rules=[
                RuleOut(
                    category=rule.category,
                    days=rule.days,
                    counts_from=rule.counts_from,
                    basis=rule.basis,
                )
                for rule in schedule.rules
            ],
        )


class ScheduleList(BaseModel):
    """Every version, newest first."""

    schedules: list[ScheduleOut]


class TrialOut(BaseModel):
    """What a schedule would do; `soon` of the items would be kept for no more than thirty days."""

    version: int
    items: int
    longer: int
    shorter: int
    soon: int

    @classmethod
    def of(cls, trial: Trial) -> TrialOut:
        """From the domain."""
        return cls(
            version=trial.version,
            items=trial.items,
            longer=trial.longer,
            shorter=trial.shorter,
            soon=trial.soon,
        )


class MonthOut(BaseModel):
    """How many items are kept until a month, and how many of them are held."""

    month: str
    items: int
    held: int

    @classmethod
    def of(cls, month: Month) -> MonthOut:
        """From the domain."""
        return cls(month=month.month, items=month.items, held=month.held)


class Forecast(BaseModel):
    """What goes within a year."""

    months: list[MonthOut]


class HoldWanted(Body):
    """Why, and on whose order."""

    reason: str = Field(min_length=1, max_length=LONGEST_TEXT)
    authority: str = Field(min_length=1, max_length=LONGEST_TEXT)


class HoldOut(BaseModel):
    """A hold; one that was lifted says when and why."""

    id: str
    reason: str
    authority: str
    placed_at: str
    lifted_at: str | None
    lifted_for: str | None

    @classmethod
    def of(cls, hold: Hold) -> HoldOut:
        """From the domain."""
        return cls(
            id=hold.id,
            reason=hold.reason,
            authority=hold.authority,
            placed_at=to_text(hold.placed_at),
            lifted_at=None if hold.lifted_at is None else to_text(hold.lifted_at),
            lifted_for=hold.lifted_for,
        )


class HoldList(BaseModel):
    """Every hold on one thing, oldest first."""

    holds: list[HoldOut]
