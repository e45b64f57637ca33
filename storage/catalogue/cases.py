"""Cases, the people assigned to them, and links to items."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, and_, delete, insert, or_, select, update

from evidence.access import Viewer
from evidence.agents import Restriction
from evidence.cases import Case, CaseDetail, CaseState, Link, Origin
from evidence.errors import Conflict
from evidence.items import Category, Item
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue import codec
from storage.catalogue.access import follow
from storage.catalogue.case_tables import case_people, cases, links
from storage.catalogue.figures import SqlFigures
from storage.catalogue.sight import newest_items, visible_cases
from storage.catalogue.tables import items

#: Unit and number pairs that are asked for in one statement.
_IN_ONE = 300


class SqlCases:
    """`evidence.ports.cases.Cases` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, case: Case) -> None:
        """A new case; its number is free within its unit."""
        if self.by_number(case.unit, case.number) is not None:
            raise Conflict("case-exists", f"There is a case {case.number} in {case.unit} already.")
        self._connection.execute(
            insert(cases).values(
                id=case.id,
                unit=case.unit,
                number=case.number,
                category=case.category.value,
                state=case.state.value,
                opened_by=case.opened_by,
                opened_at=to_micros(case.opened_at),
                detail=codec.dump(case.detail.as_json()),
                restriction=case.restriction.value,
            )
        )

    def get(self, case_id: str) -> Case | None:
        """The case of that identifier."""
        row = self._connection.execute(select(cases).where(cases.c.id == case_id)).mappings().first()
        return None if row is None else case_of(row)

    def by_number(self, unit: str, number: str) -> Case | None:
        """The unit's case of that number."""
        row = (
            self._connection.execute(select(cases).where(cases.c.unit == unit, cases.c.number == number))
            .mappings()
            .first()
        )
        return None if row is None else case_of(row)

    def get_all(self, case_ids: Collection[str]) -> Mapping[str, Case]:
        """Those that are there."""
        rows = self._connection.execute(select(cases).where(cases.c.id.in_(case_ids))).mappings()
        return {row["id"]: case_of(row) for row in rows}

    def by_numbers(self, named: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Case]:
        """Those that are there, by unit and number."""
        found: dict[tuple[str, str], Case] = {}
        asked = sorted(named)
        for start in range(0, len(asked), _IN_ONE):
            rows = self._connection.execute(
                select(cases).where(
                    or_(
                        *(
                            and_(cases.c.unit == unit, cases.c.number == number)
                            for unit, number in asked[start : start + _IN_ONE]
                        )
                    )
                )
            ).mappings()
            found |= {(row["unit"], row["number"]): case_of(row) for row in rows}
        return found

    def page(self, viewer: Viewer, *, before: str | None, limit: int) -> Sequence[Case]:
        """What `viewer` may see, newest first."""
        query = select(cases).where(visible_cases(viewer)).order_by(cases.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(cases.c.id < before)
        return [case_of(row) for row in self._connection.execute(query).mappings()]

    def seen_by(self, viewer: Viewer, case_ids: Collection[str]) -> Mapping[str, Case]:
        """Those of the cases that `viewer` may see."""
        rows = self._connection.execute(
            select(cases).where(cases.c.id.in_(case_ids), visible_cases(viewer))
        ).mappings()
        return {row["id"]: case_of(row) for row in rows}

    def move(
        self,
        case_id: str,
        state: CaseState,
        *,
        closed_at: datetime | None,
        joined_into: str | None = None,
        transferred_to: str | None = None,
    ) -> None:
        """Put the case into another state."""
        self._connection.execute(
            update(cases)
            .where(cases.c.id == case_id)
            .values(
                state=state.value,
                closed_at=None if closed_at is None else to_micros(closed_at),
                joined_into=joined_into,
                transferred_to=transferred_to,
            )
        )

    def describe(self, case_id: str, detail: CaseDetail) -> None:
        """Replace what can be withheld of it."""
        self._connection.execute(
            update(cases).where(cases.c.id == case_id).values(detail=codec.dump(detail.as_json()))
        )

    def assign(self, case_id: str, agent_id: str, at: datetime) -> bool:
        """Whether they were not assigned before."""
        if agent_id in self.people(case_id):
            return False
        self._connection.execute(
            insert(case_people).values(case_id=case_id, agent_id=agent_id, assigned_at=to_micros(at))
        )
        return True

    def dismiss(self, case_id: str, agent_id: str) -> bool:
        """Whether they were assigned."""
        done = self._connection.execute(
            delete(case_people).where(case_people.c.case_id == case_id, case_people.c.agent_id == agent_id)
        )
        return bool(done.rowcount)

    def people(self, case_id: str) -> Sequence[str]:
        """The agents assigned, in the order of their assignment."""
        return list(
            self._connection.execute(
                select(case_people.c.agent_id)
                .where(case_people.c.case_id == case_id)
                .order_by(case_people.c.assigned_at, case_people.c.agent_id)
            ).scalars()
        )


class SqlLinks:
    """`evidence.ports.cases.Links` over SQL."""

    def __init__(self, connection: Connection, figures: SqlFigures) -> None:
        self._connection = connection
        self._figures = figures

    def add(self, link: Link) -> None:
        """A live link of the two."""
        if self.live(link.case_id, link.item_id) is not None:
            raise Conflict("already-linked", "This item is linked to this case already.")
        self._connection.execute(
            insert(links).values(
                id=link.id,
                case_id=link.case_id,
                item_id=link.item_id,
                origin=link.origin.value,
                agent_id=link.agent_id,
                made_at=to_micros(link.made_at),
            )
        )
        follow(self._connection, self._figures, link.item_id)

    def get(self, link_id: str) -> Link | None:
        """The link of that identifier."""
        row = self._connection.execute(select(links).where(links.c.id == link_id)).mappings().first()
        return None if row is None else _link(row)

    def live(self, case_id: str, item_id: str) -> Link | None:
        """The live link of the two."""
        row = (
            self._connection.execute(
                select(links).where(
                    links.c.item_id == item_id,
                    links.c.case_id == case_id,
                    links.c.withdrawn_at.is_(None),
                )
            )
            .mappings()
            .first()
        )
        return None if row is None else _link(row)

    def withdraw(self, link_id: str, *, at: datetime, agent_id: str, reason: str) -> None:
        """Note that the two do not belong together."""
        link = self.get(link_id)
        if link is None or link.withdrawn_at is not None:
            raise Conflict("already-withdrawn", "This link was withdrawn already.")
        self._connection.execute(
            update(links)
            .where(links.c.id == link_id)
            .values(withdrawn_at=to_micros(at), withdrawn_by=agent_id, withdrawn_for=reason)
        )
        follow(self._connection, self._figures, link.item_id)

    def of_case(self, case_id: str) -> Sequence[Link]:
        """Withdrawn ones too, oldest first."""
        rows = self._connection.execute(
            select(links).where(links.c.case_id == case_id).order_by(links.c.id)
        ).mappings()
        return [_link(row) for row in rows]

    def of_items(self, item_ids: Collection[str]) -> Mapping[str, Sequence[Link]]:
        """Withdrawn ones too, oldest first; items without any left out."""
        rows = self._connection.execute(
            select(links).where(links.c.item_id.in_(item_ids)).order_by(links.c.id)
        ).mappings()
        found: dict[str, list[Link]] = {}
        for row in rows:
            found.setdefault(row["item_id"], []).append(_link(row))
        return found

    def claimed(self, unit: str, number: str) -> Sequence[Item]:
        """The unit's items whose submitter named that case and that are linked to none."""
        rows = self._connection.execute(
            select(items)
            .where(items.c.unit == unit, items.c.case_number == number, items.c.links == 0)
            .where(items.c.disposed_at.is_(None))
            .order_by(items.c.id)
        ).mappings()
        return [codec.item(row) for row in rows]

    def unlinked(self, viewer: Viewer, *, before: str | None, limit: int) -> Sequence[Item]:
        """Items without a live link that `viewer` may see, newest first."""
        return newest_items(self._connection, viewer, items.c.links == 0, before=before, limit=limit)


def case_of(row: RowMapping) -> Case:
    """A row of `cases`."""
    return Case(
        id=row["id"],
        unit=row["unit"],
        number=row["number"],
        category=Category(row["category"]),
        state=CaseState(row["state"]),
        opened_by=row["opened_by"],
        opened_at=from_micros(row["opened_at"]),
        detail=CaseDetail.from_json(codec.load(row["detail"])),
        restriction=Restriction(row["restriction"]),
        closed_at=codec.maybe_time(row["closed_at"]),
        joined_into=row["joined_into"],
        transferred_to=row["transferred_to"],
    )


def _link(row: RowMapping) -> Link:
    return Link(
        id=row["id"],
        case_id=row["case_id"],
        item_id=row["item_id"],
        origin=Origin(row["origin"]),
        agent_id=row["agent_id"],
        made_at=from_micros(row["made_at"]),
        withdrawn_at=codec.maybe_time(row["withdrawn_at"]),
        withdrawn_by=row["withdrawn_by"],
        withdrawn_for=row["withdrawn_for"],
    )
