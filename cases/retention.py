"""Schedules: proposed, tried out, approved by two people; what they come to, month by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from evidence.access import Viewer
from evidence.agents import Action, Agent, Resource
from evidence.canonical import Json
from evidence.cases import checked_reason
from evidence.errors import Conflict, Denied
from evidence.events import EventDraft, EventType
from evidence.items import Item
from evidence.keeping import reckon
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.retention import Month
from evidence.schedules import APPROVERS, Keep, Rule, Schedule, checked, keep

#: How far the forecast looks.
FORECAST = timedelta(days=366)
#: How soon something goes that a trial warns of.
SOON = timedelta(days=30)
#: Items that are looked at, and that are reckoned anew, in one transaction.
_AT_ONCE = 500
_RECKONED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Trial:
    """What a schedule would do to every item there is. `soon`: kept no longer than for thirty more days."""

    version: int
    items: int
    longer: int
    shorter: int
    soon: int


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule with the names of those who proposed and approved it."""

    schedule: Schedule
    in_force: bool
    names: Mapping[str, str]


class Schedules:
    """The use cases of retention."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def propose(self, agent: Agent, rules: Sequence[Rule], reason: str) -> Schedule:
        """A new version, which does nothing yet; durable on return. Raises Denied, Invalid."""
        self._authority.authorize(agent, Action.CHANGE_SCHEDULE, Resource())
        found, reason = checked(rules), checked_reason(reason)
        now = self._clock.now()

        def put(tx: Transaction) -> Schedule:
            listed = tx.retention.listed()
            version = listed[0].version + 1 if listed else 1
            schedule = Schedule(version, found, agent.id, now, reason)
            tx.retention.propose(schedule)
            told: list[Json] = [rule.as_json() for rule in found]
            detail: dict[str, Json] = {"version": version, "rules": told, "reason": reason}
            tx.events.append(EventDraft(EventType.SCHEDULE_PROPOSED, agent.id, now, detail=detail))
            return schedule

        return await self._catalogue.write(put)

    async def approve(self, agent: Agent, version: int) -> Schedule:
        """Approve a proposed schedule; with the second approval it is in force. Durable on return.

        Raises Denied, Conflict("own-proposal"), Conflict("approved-already"), Conflict("overtaken").
        """
        self._authority.authorize(agent, Action.CHANGE_SCHEDULE, Resource())
        now = self._clock.now()

        def put(tx: Transaction) -> Schedule:
            schedule = tx.retention.get(version)
            if schedule is None:
                raise Denied
            in_force = tx.retention.in_force()
            if in_force is not None and in_force.version >= version:
                raise Conflict("overtaken", f"Schedule {in_force.version} is in force; propose a new one.")
            if schedule.proposed_by == agent.id:
                raise Conflict("own-proposal", "Somebody else has to approve what you proposed.")
            if agent.id in schedule.approved_by:
                raise Conflict("approved-already", "You approved it already; it takes another person.")
            approved_by = (*schedule.approved_by, agent.id)
            since = now if len(approved_by) >= APPROVERS else None
            tx.retention.approve(version, approved_by, since)
            detail: dict[str, Json] = {"version": version, "in_force": since is not None}
            tx.events.append(EventDraft(EventType.SCHEDULE_APPROVED, agent.id, now, detail=detail))
            return replace(schedule, approved_by=approved_by, in_force_at=since)

        return await self._catalogue.write(put)

    async def listed(self, agent: Agent) -> Sequence[ScheduleView]:
        """Every version, newest first; raises Denied."""
        self._authority.authorize(agent, Action.SEE_SCHEDULES, Resource())

        def look(tx: Transaction) -> Sequence[ScheduleView]:
            found = tx.retention.listed()
            in_force = tx.retention.in_force()
            people = {person for one in found for person in (one.proposed_by, *one.approved_by)}
            names = tx.agents.names(sorted(people))
            return [
                ScheduleView(one, in_force is not None and one.version == in_force.version, names)
                for one in found
            ]

        return await self._catalogue.read(look)

    async def trial(self, agent: Agent, version: int) -> Trial:
        """What a schedule would do, changing nothing; raises Denied."""
        self._authority.authorize(agent, Action.SEE_SCHEDULES, Resource())
        schedule = await self._catalogue.read(lambda tx: tx.retention.get(version))
        if schedule is None:
            raise Denied
        now = self._clock.now()
        found = Trial(version, 0, 0, 0, 0)
        after = ""
        while True:
            pairs = await self._catalogue.read(partial(_tried, schedule=schedule, after=after))
            if not pairs:
                return found
            found = _counted(found, [(item, kept) for item, kept in pairs], now)
            after = pairs[-1][0].id

    async def forecast(self, agent: Agent) -> Sequence[Month]:
        """What of that which the agent may see goes within a year, month by month; raises Denied."""
        self._authority.authorize(agent, Action.SEE_SCHEDULES, Resource())
        scope = self._authority.scope(agent, Action.LIST_ITEMS)
        if scope is None:
            raise Denied
        now = self._clock.now()
        viewer = Viewer.of(agent, scope, now)
        return await self._catalogue.read(lambda tx: tx.retention.forecast(viewer, now + FORECAST))

    async def catch_up(self) -> int:
        """Reckon anew what an older schedule kept, in steps; how many were looked at. Repeatable."""
        now = self._clock.now()

        def some(tx: Transaction) -> int:
            schedule = tx.retention.in_force()
            items = [] if schedule is None else tx.retention.behind(schedule.version, _RECKONED_AT_ONCE)
            reckon(tx, items, now)
            return len(items)

        done = 0
        while found := await self._catalogue.write(some):
            done += found
        return done


def _tried(tx: Transaction, schedule: Schedule, after: str) -> Sequence[tuple[Item, Keep]]:
    items = tx.retention.page(after, _AT_ONCE)
    cases = tx.retention.cases_ever({item.id for item in items})
    return [
        (item, keep(schedule, item.submission.category, item.committed_at, cases.get(item.id, ())))
        for item in items
    ]


def _counted(found: Trial, pairs: Sequence[tuple[Item, Keep]], now: datetime) -> Trial:
    longer = shorter = soon = 0
    for item, kept in pairs:
        if kept.until != item.keep_until:
            if kept.until is None or (item.keep_until is not None and kept.until > item.keep_until):
                longer += 1
            else:
                shorter += 1
        soon += kept.until is not None and kept.until <= now + SOON
    return replace(
        found,
        items=found.items + len(pairs),
        longer=found.longer + longer,
        shorter=found.shorter + shorter,
        soon=found.soon + soon,
    )
