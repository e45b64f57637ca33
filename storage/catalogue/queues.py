"""What waits for a worker or is held up, for whoever only looks: nothing is migrated or put on record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from evidence.waiting import HeldUp, Waiting
from storage.catalogue.engine import NEWEST, Where, begin_reading, connected, revision_of
from storage.catalogue.work import SqlJobs


def standing_in(where: Where, now: datetime) -> Sequence[Waiting | HeldUp]:
    """Work of the catalogue there that nobody takes up, or that is held up; nothing of one that is not
    there, or has to be migrated.

    Raises Invalid, Unavailable("catalogue-unreachable").
    """
    if isinstance(where, Path) and not where.exists():
        return ()
    with connected(where) as connection:
        if revision_of(connection) != NEWEST:
            return ()
        begin_reading(connection)
        try:
            work = SqlJobs(connection)
            held_up = work.held_up()
            return [*work.unanswered(now), *([held_up] if held_up else [])]
        finally:
            connection.exec_driver_sql("ROLLBACK")
