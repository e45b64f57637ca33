"""The tree of units, kept closed: every unit with each one above it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select

from evidence.errors import Conflict
from storage.catalogue.case_tables import unit_above, units


def is_below(unit: ColumnElement[str], top: str) -> ColumnElement[bool]:
    """Whether the column names `top` or a unit below it."""
    return or_(unit == top, unit.in_(select(unit_above.c.unit).where(unit_above.c.above == top)))


class SqlUnits:
    """`evidence.ports.cases.Units` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def place(self, unit: str, parent: str | None) -> None:
        """Put `unit` below `parent`, with all that is below it."""
        if parent is not None and (parent == unit or unit in self.above(parent)):
            raise Conflict("unit-below-itself", f"{parent} lies below {unit} already.")
        self._connection.execute(delete(units).where(units.c.unit == unit))
        self._connection.execute(insert(units).values(unit=unit, parent=parent))
        self._close()

    def above(self, unit: str) -> tuple[str, ...]:
        """The units that `unit` belongs to, next one first."""
        return tuple(
            self._connection.execute(
                select(unit_above.c.above).where(unit_above.c.unit == unit).order_by(unit_above.c.distance)
            ).scalars()
        )

    def tree(self) -> Mapping[str, str | None]:
        """Every placed unit with its parent."""
        rows = self._connection.execute(select(units).order_by(units.c.unit)).mappings()
        return {row["unit"]: row["parent"] for row in rows}

    def _close(self) -> None:
        tree = self.tree()
        rows = []
        for unit in tree:
            above, distance = tree[unit], 1
            while above is not None:
                rows.append({"unit": unit, "above": above, "distance": distance})
                above, distance = tree.get(above), distance + 1
        self._connection.execute(delete(unit_above))
        if rows:
            self._connection.execute(insert(unit_above), rows)
