"""Who may see what: the rows of restrictions, shares and purposes, and one item or case as a resource."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from evidence.access import Share, SubjectKind, strictest
from evidence.agents import Resource, Restriction
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue.case_tables import (
    cases,
    item_restrictions,
    links,
    named_people,
    purposes,
    shares,
)
from storage.catalogue.export_tables import export_items
from storage.catalogue.figures import SqlFigures
from storage.catalogue.marks import SqlMarks
from storage.catalogue.retention_tables import holds
from storage.catalogue.review_tables import clip_sources
from storage.catalogue.search_tables import search_due
from storage.catalogue.sight import SEALED, assigned_to, is_reached_link, named_on, named_to, shared_with
from storage.catalogue.tables import items, parts, recoveries, stills
from storage.catalogue.units import SqlUnits


class SqlAccess:
    """`evidence.ports.cases.AccessRows` over SQL."""

    def __init__(self, connection: Connection, figures: SqlFigures) -> None:
        self._connection = connection
        self._figures = figures

    def item(self, item_id: str, agent_id: str, now: datetime) -> Resource | None:
        """The item as it stands to the agent."""
        return self.items([item_id], agent_id, now).get(item_id)

    def items(self, item_ids: Collection[str], agent_id: str, now: datetime) -> Mapping[str, Resource]:
        """Those of the items that there are, as they stand to the agent."""
        by_case = exists().where(links.c.item_id == items.c.id, is_reached_link(agent_id, now))
        purpose = (
            select(purposes.c.purpose)
            .where(
                purposes.c.item_id == items.c.id,
                purposes.c.agent_id == agent_id,
                purposes.c.until > to_micros(now),
            )
            .scalar_subquery()
        )
        rows = (
            self._connection.execute(
                select(
                    items.c.id,
                    items.c.unit,
                    items.c.owner_id,
                    items.c.restriction,
                    named_on(items, agent_id).label("named"),
                    or_(items.c.id.in_(shared_with(agent_id, now)), by_case).label("shared"),
                    purpose.label("purpose"),
                ).where(items.c.id.in_(item_ids))
            )
            .mappings()
            .all()
        )
        units = SqlUnits(self._connection)
        above = {unit: units.above(unit) for unit in {row["unit"] for row in rows}}
        return {
            row["id"]: Resource(
                row["unit"],
                row["owner_id"],
                above[row["unit"]],
                Restriction(row["restriction"]),
                bool(row["named"]),
                bool(row["shared"]),
                purpose=row["purpose"],
            )
            for row in rows
        }

    def case(self, case_id: str, agent_id: str, now: datetime) -> Resource | None:
        """The case as it stands to the agent."""
        row = (
            self._connection.execute(
                select(
                    cases.c.unit,
                    cases.c.opened_by,
                    cases.c.restriction,
                    cases.c.id.in_(named_to(agent_id)).label("named"),
                    cases.c.id.in_(shared_with(agent_id, now)).label("shared"),
                    cases.c.id.in_(assigned_to(agent_id)).label("assigned"),
                ).where(cases.c.id == case_id)
            )
            .mappings()
            .first()
        )
        if row is None:
            return None
        return Resource(
            row["unit"],
            row["opened_by"],
            SqlUnits(self._connection).above(row["unit"]),
            Restriction(row["restriction"]),
            bool(row["named"]),
            bool(row["shared"]),
            bool(row["assigned"]),
        )

    def hidden(self, subjects: Collection[str], agent_id: str) -> frozenset[str]:
        """Those that are sealed and do not name the agent, or are about such an item."""
        if not subjects:
            return frozenset()
        closed = and_(items.c.restriction == SEALED, not_(named_on(items, agent_id)))
        rows = self._connection.execute(
            select(items.c.id, items.c.upload_id).where(
                or_(items.c.id.in_(subjects), items.c.upload_id.in_(subjects)), closed
            )
        )
        found = {one for row in rows for one in row}
        of_items = (
            (stills.c.id, stills.c.item_id),
            (recoveries.c.id, recoveries.c.item_id),
            (parts.c.id, parts.c.item_id),
            (clip_sources.c.clip_id, clip_sources.c.item_id),
            (export_items.c.export_id, export_items.c.item_id),
        )
        for known_as, of_item in of_items:
            query = select(known_as).join(items, items.c.id == of_item).where(known_as.in_(subjects), closed)
            found.update(self._connection.execute(query).scalars())
        return frozenset(found)

    def restrict(
        self, kind: SubjectKind, subject_id: str, restriction: Restriction, named: Collection[str]
    ) -> None:
        """Replace the subject's own restriction and the people that are named on it."""
        self._connection.execute(delete(named_people).where(named_people.c.subject == subject_id))
        if named:
            self._connection.execute(
                insert(named_people), [{"subject": subject_id, "agent_id": one} for one in sorted(named)]
            )
        if kind is SubjectKind.CASE:
            self._connection.execute(
                update(cases).where(cases.c.id == subject_id).values(restriction=restriction.value)
            )
            touched = self._connection.execute(
                select(links.c.item_id).where(links.c.case_id == subject_id, links.c.withdrawn_at.is_(None))
            ).scalars()
            for item_id in touched.all():
                follow(self._connection, self._figures, item_id)
            return
        self._connection.execute(delete(item_restrictions).where(item_restrictions.c.item_id == subject_id))
        self._connection.execute(
            insert(item_restrictions).values(item_id=subject_id, restriction=restriction.value)
        )
        follow(self._connection, self._figures, subject_id)

    def named(self, subject_id: str) -> Sequence[str]:
        """Who is named on it."""
        return list(
            self._connection.execute(
                select(named_people.c.agent_id)
                .where(named_people.c.subject == subject_id)
                .order_by(named_people.c.agent_id)
            ).scalars()
        )

    def share(self, share: Share) -> None:
        """Note that it is shared."""
        self._connection.execute(
            insert(shares).values(
                id=share.id,
                subject_kind=share.subject_kind.value,
                subject=share.subject_id,
                agent_id=share.agent_id,
                given_by=share.given_by,
                given_at=to_micros(share.given_at),
                until=to_micros(share.until),
                reason=share.reason,
            )
        )

    def get_share(self, share_id: str) -> Share | None:
        """The share, unless it was withdrawn."""
        row = (
            self._connection.execute(
                select(shares).where(shares.c.id == share_id, shares.c.withdrawn_at.is_(None))
            )
            .mappings()
            .first()
        )
        if row is None:
            return None
        return Share(
            row["id"],
            SubjectKind(row["subject_kind"]),
            row["subject"],
            row["agent_id"],
            row["given_by"],
            from_micros(row["given_at"]),
            from_micros(row["until"]),
            row["reason"],
        )

    def withdraw_share(self, share_id: str, at: datetime) -> None:
        """Note that it is no longer shared."""
        self._connection.execute(
            update(shares).where(shares.c.id == share_id).values(withdrawn_at=to_micros(at))
        )

    def state_purpose(self, item_id: str, agent_id: str, purpose: str, until: datetime) -> None:
        """Note what the agent looks for, in place of what they stated before."""
        which = and_(purposes.c.item_id == item_id, purposes.c.agent_id == agent_id)
        self._connection.execute(delete(purposes).where(which))
        self._connection.execute(
            insert(purposes).values(
                item_id=item_id, agent_id=agent_id, purpose=purpose, until=to_micros(until)
            )
        )


def is_held() -> ColumnElement[bool]:
    """Whether a hold is on the item of `items`, or on a case that it is or was linked to.

    What is disposed of is held by nothing any more.
    """
    own = exists().where(holds.c.lifted_at.is_(None), holds.c.subject == items.c.id)
    # One level deep: a select inside a select would not know which item is meant.
    by_case = exists().where(
        holds.c.lifted_at.is_(None), holds.c.subject == links.c.case_id, links.c.item_id == items.c.id
    )
    return and_(items.c.disposed_at.is_(None), or_(own, by_case))


def follow(connection: Connection, figures: SqlFigures, item_id: str) -> None:
    """Bring up to date what an item's row says of its restrictions, links and holds, and its figures."""
    own = connection.execute(
        select(item_restrictions.c.restriction).where(item_restrictions.c.item_id == item_id)
    ).scalars()
    of_cases = connection.execute(
        select(cases.c.restriction)
        .join(links, links.c.case_id == cases.c.id)
        .where(links.c.item_id == item_id, links.c.withdrawn_at.is_(None))
    ).scalars()
    found = [Restriction(one) for one in (*own, *of_cases)]
    live = connection.execute(
        select(func.count()).where(links.c.item_id == item_id, links.c.withdrawn_at.is_(None))
    ).scalar_one()
    before = connection.execute(select(items.c.restriction).where(items.c.id == item_id)).scalar()
    after = strictest(found).value
    connection.execute(
        update(items)
        .where(items.c.id == item_id)
        .values(restriction=after, links=literal(live), held=is_held())
    )
    if (before == SEALED) != (after == SEALED):
        leave_entries(connection, SqlMarks(connection).beside([item_id]))
    figures.recount([item_id])


def leave_entries(connection: Connection, item_ids: Sequence[str]) -> None:
    """Leave these items' entries of the search to be made anew: what their marks say is of the other too."""
    due = set(
        connection.execute(select(search_due.c.item_id).where(search_due.c.item_id.in_(item_ids))).scalars()
    )
    missing = [{"item_id": one} for one in item_ids if one not in due]
    if missing:
        connection.execute(insert(search_due), missing)
