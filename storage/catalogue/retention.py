"""Schedules, what they come to for each item, and holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    RowMapping,
    Select,
    cast,
    func,
    insert,
    or_,
    select,
    update,
)

from evidence.access import Viewer
from evidence.cases import Case
from evidence.errors import Conflict
from evidence.items import Item
from evidence.ports.retention import Month
from evidence.schedules import Hold, Keep, Rule, Schedule
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue import codec
from storage.catalogue.access import is_held
from storage.catalogue.case_tables import cases, links
from storage.catalogue.cases import case_of
from storage.catalogue.figures import SqlFigures
from storage.catalogue.retention_tables import holds, schedules
from storage.catalogue.sight import listed_items, sighted
from storage.catalogue.tables import items

_DAY_US = 86_400_000_000


class SqlRetention:
    """`evidence.ports.retention.Retention` over SQL."""

    def __init__(self, connection: Connection, figures: SqlFigures) -> None:
        self._connection = connection
        self._figures = figures

    def propose(self, schedule: Schedule) -> None:
        """A new version."""
        self._connection.execute(
            insert(schedules).values(
                version=schedule.version,
                rules=codec.dump([rule.as_json() for rule in schedule.rules]),
                proposed_by=schedule.proposed_by,
                proposed_at=to_micros(schedule.proposed_at),
                reason=schedule.reason,
                approved_by=codec.dump(list(schedule.approved_by)),
            )
        )

    def get(self, version: int) -> Schedule | None:
        """The schedule of that version."""
        row = (
            self._connection.execute(select(schedules).where(schedules.c.version == version))
            .mappings()
            .first()
        )
        return None if row is None else _schedule(row)

    def listed(self) -> Sequence[Schedule]:
        """Newest first."""
        rows = self._connection.execute(select(schedules).order_by(schedules.c.version.desc())).mappings()
        return [_schedule(row) for row in rows]

    def in_force(self) -> Schedule | None:
        """The newest one that two people approved."""
        row = (
            self._connection.execute(
                select(schedules)
                .where(schedules.c.in_force_at.is_not(None))
                .order_by(schedules.c.version.desc())
                .limit(1)
            )
            .mappings()
            .first()
        )
        return None if row is None else _schedule(row)

    def approve(self, version: int, approved_by: Sequence[str], in_force_at: datetime | None) -> None:
        """Note who approved it by now, and since when it holds."""
        self._connection.execute(
            update(schedules)
            .where(schedules.c.version == version)
            .values(
                approved_by=codec.dump(list(approved_by)),
                in_force_at=None if in_force_at is None else to_micros(in_force_at),
            )
        )

    def cases_ever(self, item_ids: Collection[str]) -> Mapping[str, Sequence[Case]]:
        """The cases that each item is or was linked to."""
        rows = self._connection.execute(
            select(links.c.item_id, cases)
            .join(cases, cases.c.id == links.c.case_id)
            .where(links.c.item_id.in_(item_ids))
            .order_by(links.c.id)
        ).mappings()
        found: dict[str, list[Case]] = {}
        for row in rows:
            found.setdefault(row["item_id"], []).append(case_of(row))
        return found

    def keep(self, item_id: str, keep: Keep, version: int) -> None:
        """Note until when the item is kept."""
        self._connection.execute(
            update(items)
            .where(items.c.id == item_id)
            .values(
                keep_until=None if keep.until is None else to_micros(keep.until),
                keep_basis=keep.basis,
                schedule_version=version,
            )
        )

    def behind(self, version: int, limit: int) -> Sequence[Item]:
        """Items whose keeping was last reckoned by an older version."""
        return self._items(
            select(items)
            .where(items.c.schedule_version < version, items.c.disposed_at.is_(None))
            .order_by(items.c.schedule_version, items.c.id)
            .limit(limit)
        )

    def page(self, after: str, limit: int) -> Sequence[Item]:
        """Every item after that identifier."""
        return self._items(
            select(items)
            .where(items.c.id > after, items.c.disposed_at.is_(None))
            .order_by(items.c.id)
            .limit(limit)
        )

    def to_renew(self, before: datetime, limit: int) -> Sequence[Item]:
        """Items fully locked whose lock ends before `before` and before they may go."""
        return self._items(
            select(items)
            .where(
                items.c.fully_locked,
                items.c.disposed_at.is_(None),
                items.c.locked_until < to_micros(before),
                or_(
                    items.c.keep_until.is_(None),
                    items.c.keep_until > items.c.locked_until,
                ),
            )
            .order_by(items.c.locked_until)
            .limit(limit)
        )

    def forecast(self, viewer: Viewer, until: datetime) -> Sequence[Month]:
        """What is kept until a day before `until`, month by month."""
        day = cast(items.c.keep_until / _DAY_US, Integer).label("day")
        rows = self._connection.execute(
            select(day, func.count(), func.sum(cast(items.c.held, Integer)))
            .where(listed_items(sighted(self._connection, viewer)), items.c.keep_until < to_micros(until))
            .group_by(day)
        )
        months: dict[str, tuple[int, int]] = {}
        for found, count, held in rows:
            month = from_micros(found * _DAY_US).strftime("%Y-%m")
            before = months.get(month, (0, 0))
            months[month] = (before[0] + count, before[1] + held)
        return [Month(month, *counts) for month, counts in sorted(months.items())]

    def hold(self, hold: Hold) -> None:
        """Place it."""
        self._connection.execute(
            insert(holds).values(
                id=hold.id,
                subject_kind=hold.subject_kind,
                subject=hold.subject_id,
                reason=hold.reason,
                authority=hold.authority,
                placed_by=hold.placed_by,
                placed_at=to_micros(hold.placed_at),
            )
        )
        self._follow(hold.subject_id)

    def get_hold(self, hold_id: str) -> Hold | None:
        """The hold of that identifier."""
        row = self._connection.execute(select(holds).where(holds.c.id == hold_id)).mappings().first()
        return None if row is None else _hold(row)

    def lift(self, hold_id: str, *, at: datetime, agent_id: str, reason: str) -> None:
        """Note that it holds no longer."""
        hold = self.get_hold(hold_id)
        if hold is None or hold.lifted_at is not None:
            raise Conflict("already-lifted", "This hold was lifted already.")
        self._connection.execute(
            update(holds)
            .where(holds.c.id == hold_id)
            .values(lifted_at=to_micros(at), lifted_by=agent_id, lifted_for=reason)
        )
        self._follow(hold.subject_id)

    def untold_holds(self, limit: int) -> Sequence[Item]:
        """Items of which the store was told otherwise than whether they are held."""
        return self._items(
            select(items).where(items.c.held != items.c.store_held).order_by(items.c.id).limit(limit)
        )

    def told_hold(self, item_id: str, held: bool) -> None:
        """Note what the store was told."""
        self._connection.execute(update(items).where(items.c.id == item_id).values(store_held=held))

    def holds_on(self, subjects: Collection[str]) -> Sequence[Hold]:
        """On any of these items and cases, lifted ones too."""
        rows = self._connection.execute(
            select(holds).where(holds.c.subject.in_(subjects)).order_by(holds.c.id)
        ).mappings()
        return [_hold(row) for row in rows]

    def _follow(self, subject: str) -> None:
        touched = or_(
            items.c.id == subject,
            items.c.id.in_(select(links.c.item_id).where(links.c.case_id == subject)),
        )
        self._connection.execute(update(items).where(touched).values(held=is_held()))
        self._figures.recount(self._connection.execute(select(items.c.id).where(touched)).scalars().all())

    def _items(self, query: Select[Any]) -> Sequence[Item]:
        return [codec.item(row) for row in self._connection.execute(query).mappings()]


def _schedule(row: RowMapping) -> Schedule:
    return Schedule(
        row["version"],
        tuple(Rule.from_json(rule) for rule in codec.load_list(row["rules"])),
        row["proposed_by"],
        from_micros(row["proposed_at"]),
        row["reason"],
        tuple(map(str, codec.load_list(row["approved_by"]))),
        codec.maybe_time(row["in_force_at"]),
    )


def _hold(row: RowMapping) -> Hold:
    return Hold(
        row["id"],
        row["subject_kind"],
        row["subject"],
        row["reason"],
        row["authority"],
        row["placed_by"],
        from_micros(row["placed_at"]),
        codec.maybe_time(row["lifted_at"]),
        row["lifted_by"],
        row["lifted_for"],
    )
