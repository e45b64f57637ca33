"""Which items somebody may see, as a condition that every list, count and search carries."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, true

from evidence.access import Viewer
from storage.catalogue.tables import items


def visible_items(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `items` for what `viewer` may see."""
    conditions: list[ColumnElement[bool]] = []
    if viewer.unit is not None:
        conditions.append(items.c.unit == viewer.unit)
    if viewer.own:
        conditions.append(items.c.agent_id == viewer.agent_id)
    return and_(true(), *conditions)
