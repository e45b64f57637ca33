"""Proposals of disposal, and what is left of what was disposed of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, func, insert, select, true, update

from evidence.access import Viewer
from evidence.canonical import Json
from evidence.disposal import (
    Approval,
    Fate,
    Notice,
    Outcome,
    Proposal,
    ProposalState,
    Tombstone,
    TrustedTime,
)
from evidence.items import Item
from evidence.jobs import ASIDE, JobState
from evidence.timekeeping import from_micros, from_text, to_micros, to_text
from storage.catalogue import burial, codec
from storage.catalogue.disposal_tables import disposal_items, disposal_notices, disposal_times, disposals
from storage.catalogue.export_tables import export_items
from storage.catalogue.figures import SqlFigures
from storage.catalogue.review_tables import clip_sources
from storage.catalogue.sight import newest_items, sighted
from storage.catalogue.tables import items, jobs, parts, recoveries, stills, viewings

_LIVE = (ProposalState.PROPOSED.value, ProposalState.APPROVED.value)
_ASIDE = tuple(stage.value for stage in ASIDE)
_AT_WORK = (JobState.QUEUED.value, JobState.RUNNING.value, JobState.WAITING.value)
#: SQLite would sooner read every item in the order that is asked for than the few that are due.
_BY_DATE = "INDEXED BY ix_items_keep_until"


class SqlDisposals:
    """`evidence.ports.disposal.Disposals` over SQL."""

    def __init__(self, connection: Connection, figures: SqlFigures) -> None:
        self._connection = connection
        self._figures = figures

    def propose(self, proposal: Proposal) -> None:
        """A new proposal, and a row for each of its items."""
        self._connection.execute(
            insert(disposals).values(
                id=proposal.id,
                unit=proposal.unit,
                reason=proposal.reason,
                salt=proposal.salt,
                proposed_by=proposal.proposed_by,
                proposed_at=to_micros(proposal.proposed_at),
                state=proposal.state.value,
                approvals="[]",
            )
        )
        self._connection.execute(
            insert(disposal_items),
            [{"proposal_id": proposal.id, "item_id": item_id} for item_id in proposal.items],
        )

    def get(self, proposal_id: str) -> Proposal | None:
        """The proposal of that identifier."""
        return next(iter(self._proposals(disposals.c.id == proposal_id)), None)

    def page(self, viewer: Viewer, *, before: str | None, limit: int) -> Sequence[Proposal]:
        """Newest first."""
        older = true() if before is None else disposals.c.id < before
        return self._proposals(self._of_units(disposals, viewer) & older, newest=limit)

    def settle(self, proposal: Proposal) -> None:
        """Note what has become of it."""
        self._connection.execute(
            update(disposals)
            .where(disposals.c.id == proposal.id)
            .values(
                state=proposal.state.value,
                approvals=codec.dump(
                    [{"agent": one.agent_id, "at": to_text(one.at)} for one in proposal.approvals]
                ),
                refused_by=proposal.refused_by,
                refused_at=None if proposal.refused_at is None else to_micros(proposal.refused_at),
                refused_for=proposal.refused_for,
                finished_at=None if proposal.finished_at is None else to_micros(proposal.finished_at),
                certificate=proposal.certificate,
            )
        )

    def open(self) -> Sequence[Proposal]:
        """Approved and not carried out, oldest first."""
        return self._proposals(disposals.c.state == ProposalState.APPROVED.value)

    def due(self, viewer: Viewer, now: datetime, *, before: str | None, limit: int) -> Sequence[Item]:
        """What is kept no longer than until `now`, newest first."""
        its = items.alias("its")
        over = (
            select(its.c.id)
            .where(its.c.keep_until <= to_micros(now), its.c.disposed_at.is_(None))
            .with_hint(its, _BY_DATE, "sqlite")
        )
        return newest_items(self._connection, viewer, items.c.id.in_(over), before=before, limit=limit)

    def proposed(self, item_ids: Collection[str]) -> frozenset[str]:
        """Those in a live proposal."""
        return frozenset(
            self._connection.execute(
                select(disposal_items.c.item_id)
                .join(disposals, disposals.c.id == disposal_items.c.proposal_id)
                .where(disposal_items.c.item_id.in_(item_ids), disposals.c.state.in_(_LIVE))
                .where(disposal_items.c.spared.is_(None), disposal_items.c.tombstone.is_(None))
            ).scalars()
        )

    def busy(self, item_ids: Collection[str]) -> frozenset[str]:
        """Those at which work goes on or waits, not fully locked, or viewed; see the port."""
        # From the few jobs that are at work: their subjects may be an item's stills, parts or recoveries.
        subject = func.coalesce(stills.c.item_id, parts.c.item_id, recoveries.c.item_id, jobs.c.subject)
        worked_at = (
            select(subject)
            .select_from(jobs)
            .outerjoin(stills, stills.c.id == jobs.c.subject)
            .outerjoin(parts, parts.c.id == jobs.c.subject)
            .outerjoin(recoveries, recoveries.c.id == jobs.c.subject)
            .where(jobs.c.state.in_(_AT_WORK), jobs.c.stage.not_in(_ASIDE), subject.in_(item_ids))
        )
        viewed = select(viewings.c.item_id).where(
            viewings.c.closed_at.is_(None), viewings.c.item_id.in_(item_ids)
        )
        # A viewing of an export's archive names one of its items, and is one of all that are in it.
        taken_away = (
            select(export_items.c.item_id)
            .join(viewings, viewings.c.content == export_items.c.export_id)
            .where(viewings.c.closed_at.is_(None), export_items.c.item_id.in_(item_ids))
        )
        # What an export in the making has read of an item would outlive it.
        exported = (
            select(export_items.c.item_id)
            .join(jobs, jobs.c.subject == export_items.c.export_id)
            .where(jobs.c.state.in_(_AT_WORK), export_items.c.item_id.in_(item_ids))
        )
        unlocked = select(items.c.id).where(items.c.id.in_(item_ids), items.c.fully_locked.is_(False))
        found: set[str] = set()
        cut = (
            select(clip_sources.c.item_id)
            .join(jobs, jobs.c.subject == clip_sources.c.clip_id)
            .where(jobs.c.state.in_(_AT_WORK), clip_sources.c.item_id.in_(item_ids))
        )
        for query in (worked_at, viewed, taken_away, exported, unlocked, cut):
            found.update(self._connection.execute(query).scalars())
        return frozenset(found)

    def outcomes(self, proposal_id: str) -> Sequence[Outcome]:
        """Of every item of the proposal, in the order of their identifiers."""
        rows = self._connection.execute(
            select(disposal_items)
            .where(disposal_items.c.proposal_id == proposal_id)
            .order_by(disposal_items.c.item_id)
        ).mappings()
        return [
            Outcome(
                row["item_id"],
                None
                if row["tombstone"] is None
                else _tombstone(row["item_id"], codec.load(row["tombstone"])),
                None if row["spared"] is None else Fate(row["spared"]),
            )
            for row in rows
        ]

    def add_time(self, proposal_id: str, time: TrustedTime) -> None:
        """Keep the token under which items go."""
        self._connection.execute(
            insert(disposal_times).values(
                id=time.id,
                proposal_id=proposal_id,
                token=time.token,
                authority=time.authority,
                at=to_micros(time.at),
            )
        )

    def times(self, proposal_id: str) -> Sequence[TrustedTime]:
        """Oldest first."""
        rows = self._connection.execute(
            select(disposal_times)
            .where(disposal_times.c.proposal_id == proposal_id)
            .order_by(disposal_times.c.id)
        ).mappings()
        return [
            TrustedTime(row["id"], row["token"], row["authority"], from_micros(row["at"])) for row in rows
        ]

    def bury(self, proposal_id: str, tombstone: Tombstone) -> None:
        """Mark the item as disposed of, and drop all that was made or said of it."""
        self._connection.execute(
            update(disposal_items)
            .where(_outcome_of(proposal_id, tombstone.item_id))
            .values(
                tombstone=codec.dump(
                    {
                        "sha256": tombstone.sha256,
                        "size": tombstone.size,
                        "schedule": tombstone.schedule,
                        "keys": list(tombstone.keys),
                        "at": to_text(tombstone.at),
                        "time": tombstone.time_id,
                        "event": tombstone.event_id,
                        "event_digest": tombstone.event_digest,
                    }
                )
            )
        )
        burial.bury(self._connection, proposal_id, tombstone)
        self._figures.recount([tombstone.item_id])

    def spare(self, proposal_id: str, item_id: str, fate: Fate) -> None:
        """Note that the item does not go by this proposal."""
        self._connection.execute(
            update(disposal_items).where(_outcome_of(proposal_id, item_id)).values(spared=fate.value)
        )

    def units_due(self, until: datetime) -> Sequence[str]:
        """Units with something that falls due by then."""
        query = select(items.c.unit).where(_falls_due(until)).distinct()
        return self._connection.execute(query.with_hint(items, _BY_DATE, "sqlite")).scalars().all()

    def falling_due(self, unit: str, until: datetime, limit: int) -> Sequence[str]:
        """What of this unit falls due by then, the earliest first."""
        return (
            self._connection.execute(
                select(items.c.id)
                .where(items.c.unit == unit, _falls_due(until))
                .with_hint(items, _BY_DATE, "sqlite")
                .order_by(items.c.keep_until, items.c.id)
                .limit(limit)
            )
            .scalars()
            .all()
        )

    def add_notice(self, notice: Notice) -> None:
        """Keep it."""
        self._connection.execute(
            insert(disposal_notices).values(
                id=notice.id,
                unit=notice.unit,
                at=to_micros(notice.at),
                until=to_micros(notice.until),
                items=codec.dump(list(notice.items)),
            )
        )

    def last_notice(self, unit: str) -> Notice | None:
        """The unit's newest one."""
        return next(iter(self._notices(disposal_notices.c.unit == unit, 1)), None)

    def notices(self, viewer: Viewer, limit: int) -> Sequence[Notice]:
        """Newest first."""
        return self._notices(self._of_units(disposal_notices, viewer), limit)

    def _notices(self, which: ColumnElement[bool], limit: int) -> Sequence[Notice]:
        rows = self._connection.execute(
            select(disposal_notices).where(which).order_by(disposal_notices.c.id.desc()).limit(limit)
        ).mappings()
        return [
            Notice(
                row["id"],
                row["unit"],
                from_micros(row["at"]),
                from_micros(row["until"]),
                tuple(map(str, codec.load_list(row["items"]))),
            )
            for row in rows
        ]

    def _of_units(self, table: Table, viewer: Viewer) -> ColumnElement[bool]:
        """What is of the units that the viewer reaches."""
        sight = sighted(self._connection, viewer).sight
        if sight is None or sight.units is None:
            return true()
        return table.c.unit.in_(sight.units)

    def _proposals(self, which: ColumnElement[bool], newest: int | None = None) -> Sequence[Proposal]:
        query = select(disposals).where(which)
        query = (
            query.order_by(disposals.c.id)
            if newest is None
            else query.order_by(disposals.c.id.desc()).limit(newest)
        )
        rows = self._connection.execute(query).mappings().all()
        named: dict[str, list[str]] = {}
        for proposal_id, item_id in self._connection.execute(
            select(disposal_items.c.proposal_id, disposal_items.c.item_id)
            .where(disposal_items.c.proposal_id.in_([row["id"] for row in rows]))
            .order_by(disposal_items.c.item_id)
        ):
            named.setdefault(proposal_id, []).append(item_id)
        return [_proposal(row, named.get(row["id"], [])) for row in rows]


def _falls_due(until: datetime) -> ColumnElement[bool]:
    return (items.c.keep_until <= to_micros(until)) & items.c.disposed_at.is_(None) & items.c.held.is_(False)


def _outcome_of(proposal_id: str, item_id: str) -> ColumnElement[bool]:
    return (disposal_items.c.proposal_id == proposal_id) & (disposal_items.c.item_id == item_id)


def _proposal(row: RowMapping, item_ids: Sequence[str]) -> Proposal:
    return Proposal(
        row["id"],
        row["unit"],
        row["reason"],
        row["proposed_by"],
        from_micros(row["proposed_at"]),
        tuple(item_ids),
        row["salt"],
        ProposalState(row["state"]),
        tuple(Approval(one["agent"], from_text(one["at"])) for one in codec.load_list(row["approvals"])),
        row["refused_by"],
        codec.maybe_time(row["refused_at"]),
        row["refused_for"],
        codec.maybe_time(row["finished_at"]),
        row["certificate"],
    )


def _tombstone(item_id: str, said: Mapping[str, Json] | None) -> Tombstone | None:
    if said is None:
        return None
    size, schedule, keys = said["size"], said["schedule"], said["keys"]
    assert isinstance(size, int)
    assert isinstance(schedule, int)
    assert isinstance(keys, list)
    return Tombstone(
        item_id,
        str(said["sha256"]),
        size,
        schedule,
        tuple(map(str, keys)),
        from_text(str(said["at"])),
        str(said["time"]),
        str(said["event"]),
        str(said["event_digest"]),
    )
