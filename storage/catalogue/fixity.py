"""When what is kept was last read again (`evidence.fixity` holds the rules)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from evidence.fixity import AGAIN_AFTER, Audit, Finding, Tally, allot, in_order, is_due
from evidence.jobs import Job, JobState, Stage
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue import codec
from storage.catalogue.fixity_tables import audit_pace, audits
from storage.catalogue.review_tables import clip_sources
from storage.catalogue.tables import items, jobs, parts, recoveries, renditions, stills

_AT_WORK = (JobState.QUEUED.value, JobState.RUNNING.value, JobState.WAITING.value)
_FAILING = audits.c.outcome != Finding.INTACT.value


class SqlFixity:
    """`evidence.ports.fixity.Fixity` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, item_id: str, at: datetime) -> None:
        """The row of a new item."""
        micros = to_micros(at)
        self._connection.execute(insert(audits).values(item_id=item_id, seen_at=micros, proven_at=micros))

    def get(self, item_id: str) -> Audit | None:
        """Where the item stands."""
        row = self._connection.execute(select(audits).where(audits.c.item_id == item_id)).mappings().first()
        return None if row is None else _audit(row)

    def due(self, now: datetime, every: timedelta | None, limit: int) -> Sequence[Audit]:
        """By the index of each reason to be due; the rule itself has the last word."""
        since = self._since()
        free = and_(
            audits.c.item_id.not_in(_worked_at()),
            exists().where(items.c.id == audits.c.item_id, items.c.fully_locked),
        )
        found: dict[str, Audit] = {}
        for reason in _reasons(now, every, since):
            rows = self._connection.execute(
                select(audits).where(reason, free).order_by(audits.c.seen_at, audits.c.item_id).limit(limit)
            ).mappings()
            found.update((row["item_id"], _audit(row)) for row in rows)
        return in_order(one for one in found.values() if is_due(one, now, every, since))[:limit]

    def latest(self, limit: int) -> Sequence[Audit]:
        """Newest first."""
        query = select(audits).where(audits.c.audited_at.is_not(None))
        rows = self._connection.execute(query.order_by(audits.c.audited_at.desc()).limit(limit)).mappings()
        return [_audit(row) for row in rows]

    def at_work(self) -> int:
        """How many audits are queued or running."""
        return self._connection.execute(
            select(func.count())
            .select_from(jobs)
            .where(jobs.c.stage == Stage.FIXITY.value, jobs.c.state.in_(_AT_WORK))
        ).scalar_one()

    def settle(self, audit: Audit) -> None:
        """Note what an audit found."""
        self._connection.execute(
            update(audits)
            .where(audits.c.item_id == audit.item_id)
            .values(
                seen_at=to_micros(audit.seen_at),
                proven_at=to_micros(audit.proven_at),
                audited_at=None if audit.audited_at is None else to_micros(audit.audited_at),
                method=audit.method,
                outcome=None if audit.outcome is None else audit.outcome.value,
                failing=codec.dump(list(audit.failing)),
                asked_at=None if audit.asked_at is None else to_micros(audit.asked_at),
            )
        )

    def proven(self, item_id: str, at: datetime) -> None:
        """Note a read-back."""
        micros = to_micros(at)
        self._connection.execute(
            update(audits)
            .where(audits.c.item_id == item_id, audits.c.audited_at.is_(None))
            .values(seen_at=micros, proven_at=micros)
        )

    def ask(self, item_ids: Sequence[str], at: datetime) -> Sequence[str]:
        """Ask for audits of these; those that are there."""
        there = select(audits.c.item_id).where(audits.c.item_id.in_(item_ids)).order_by(audits.c.item_id)
        found = list(self._connection.execute(there).scalars())
        self._connection.execute(
            update(audits)
            .where(audits.c.item_id.in_(found), audits.c.asked_at.is_(None))
            .values(asked_at=to_micros(at))
        )
        return found

    def ask_all(self, at: datetime) -> int:
        """Ask for a whole round."""
        self._set_pace(since=to_micros(at))
        return self._count(audits.c.seen_at < to_micros(at))

    def allot(self, amount: int, rate: int, now: datetime) -> datetime:
        """When a reading may begin with `amount` bytes."""
        free_at = codec.maybe_time(self._connection.execute(select(audit_pace.c.free_at)).scalar())
        begins, following = allot(free_at, now, amount, rate)
        self._set_pace(free_at=to_micros(following))
        return begins

    def makers(self, item_id: str) -> Sequence[Job]:
        """Every job that works on the item or on what was asked of it."""
        asked = [
            select(table.c.id).where(table.c.item_id == item_id) for table in (stills, recoveries, parts)
        ]
        cut = select(clip_sources.c.clip_id).where(clip_sources.c.item_id == item_id)
        rows = self._connection.execute(
            select(jobs).where(
                or_(jobs.c.subject == item_id, *(jobs.c.subject.in_(one) for one in (*asked, cut)))
            )
        ).mappings()
        return [codec.job(row) for row in rows]

    def tally(self, now: datetime, every: timedelta | None) -> Tally:
        """Reads every row."""
        kept, oldest, audited, since = self._connection.execute(
            select(
                func.count(),
                func.min(audits.c.seen_at),
                func.count(audits.c.audited_at),
                func.min(audits.c.audited_at),
            ).select_from(audits)
        ).one()
        originals = self._connection.execute(
            select(func.coalesce(func.sum(items.c.size), 0)).where(items.c.disposed_at.is_(None))
        ).scalar_one()
        made, of_made = self._connection.execute(
            select(func.count(), func.coalesce(func.sum(renditions.c.size), 0)).select_from(renditions)
        ).one()
        due, failing = self.counts(now, every)
        return Tally(
            kept,
            2 * kept + made,
            originals + of_made,
            audited,
            due,
            failing,
            codec.maybe_time(oldest),
            codec.maybe_time(since),
        )

    def counts(self, now: datetime, every: timedelta | None) -> tuple[int, int]:
        """How many are due and how many are failing."""
        return self._count(or_(*_reasons(now, every, self._since()))), self._count(_FAILING)

    def _count(self, which: ColumnElement[bool]) -> int:
        return self._connection.execute(select(func.count()).select_from(audits).where(which)).scalar_one()

    def _since(self) -> datetime | None:
        return codec.maybe_time(self._connection.execute(select(audit_pace.c.since)).scalar())

    def _set_pace(self, **values: int) -> None:
        if not self._connection.execute(update(audit_pace).values(**values)).rowcount:
            self._connection.execute(insert(audit_pace).values(id=1, **values))


def _worked_at() -> Select[tuple[str]]:
    """Items at which work goes on, or at what was asked of them: from the few jobs that are at work."""
    asked = (stills, parts, recoveries)
    query = select(
        func.coalesce(*(table.c.item_id for table in asked), clip_sources.c.item_id, jobs.c.subject)
    )
    query = query.select_from(jobs)
    for table in asked:
        query = query.outerjoin(table, table.c.id == jobs.c.subject)
    return query.outerjoin(clip_sources, clip_sources.c.clip_id == jobs.c.subject).where(
        jobs.c.state.in_(_AT_WORK)
    )


def _reasons(now: datetime, every: timedelta | None, since: datetime | None) -> list[ColumnElement[bool]]:
    """Each reason to be due, as a condition that an index answers."""
    at = to_micros(now)
    reasons: list[ColumnElement[bool]] = [audits.c.asked_at.is_not(None)]
    if since is not None:
        reasons.append(audits.c.seen_at < to_micros(since))
    if every is not None:
        reasons += [
            audits.c.seen_at <= to_micros(now - every),
            audits.c.seen_at > at,
            and_(_FAILING, audits.c.seen_at <= to_micros(now - min(every, AGAIN_AFTER))),
        ]
    return reasons


def _audit(row: RowMapping) -> Audit:
    return Audit(
        row["item_id"],
        from_micros(row["seen_at"]),
        from_micros(row["proven_at"]),
        codec.maybe_time(row["audited_at"]),
        row["method"],
        None if row["outcome"] is None else Finding(row["outcome"]),
        tuple(map(str, codec.load_list(row["failing"]))),
        codec.maybe_time(row["asked_at"]),
    )
