"""Which segments lie on a day, as SQL."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_

from evidence.recordings import LONGEST_US
from storage.catalogue.recording_tables import recording_starts


def within_day(window: tuple[int, int]) -> ColumnElement[bool]:
    """Half-open on both sides, so that what ends at midnight is not of the next day."""
    begins, ends = recording_starts.c.begins_us, recording_starts.c.ends_us
    reaches = or_(ends > window[0], begins >= window[0])
    return and_(begins.between(window[0] - LONGEST_US, window[1] - 1), reaches)
