"""How long an original is locked. `keep_until` is policy, `locked_until` is the store's."""

from __future__ import annotations

from datetime import datetime, timedelta

#: The lock with which bytes enter the store, before the catalogue knows of them: long enough for an
#: interrupted commit to be finished, short enough that an orphan can be disposed of.
FIRST_LOCK = timedelta(days=7)
#: "Permanent" and "as the case file" are this lock, renewed monthly.
ROLLING_LOCK = timedelta(days=400)
#: A lock is renewed when so much of a rolling one is over.
RENEWED = timedelta(days=30)
#: A committed item still under its first lock after this long raises an alarm.
EXTEND_WITHIN = timedelta(days=1)


def first_lock(now: datetime) -> datetime:
    """The lock of a newly stored original."""
    return now + FIRST_LOCK
