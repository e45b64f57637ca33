"""What waits for a worker, for whoever only looks: nothing is opened, migrated or put on record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from evidence.waiting import Waiting
from storage.catalogue.engine import NEWEST, Where, begin_reading, connected, revision_of
from storage.catalogue.work import SqlJobs


def unanswered_in(where: Where, now: datetime) -> Sequence[Waiting]:
    """Work of the catalogue there that nobody takes up; nothing where there is none, or one to be migrated.

    Raises Invalid, Unavailable("catalogue-unreachable").
    """
    if isinstance(where, Path) and not where.exists():
        return ()
    with connected(where) as connection:
        if revision_of(connection) != NEWEST:
            return ()
        begin_reading(connection)
        try:
            return SqlJobs(connection).unanswered(now)
        finally:
            connection.exec_driver_sql("ROLLBACK")
