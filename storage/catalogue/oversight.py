"""Viewings, alarms and the counted noise of strangers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, or_, select, update

from evidence.items import Viewing
from evidence.ports.catalogue import Alarm
from evidence.ranges import ByteRange
from evidence.timekeeping import to_micros
from storage.catalogue import codec
from storage.catalogue.tables import alarms, security_noise, viewings

_GRACE = timedelta(minutes=1)
_HOUR = 3_600_000_000


class SqlViewings:
    """`evidence.ports.catalogue.Viewings` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self, viewing: Viewing) -> None:
        """Insert; in the transaction of the viewing event."""
        self._connection.execute(
            insert(viewings).values(
                id=viewing.id,
                agent_id=viewing.agent_id,
                item_id=viewing.item_id,
                content=viewing.content,
                permitted_from=viewing.permitted[0],
                permitted_to=viewing.permitted[1],
                purpose=viewing.purpose,
                opened_at=to_micros(viewing.opened_at),
                expires_at=to_micros(viewing.expires_at),
                emitter=viewing.emitter,
            )
        )

    def close(self, viewing_id: str, at: datetime, sent: Sequence[ByteRange] | None) -> bool:
        """Mark closed, once."""
        result = self._connection.execute(
            update(viewings)
            .where(viewings.c.id == viewing_id, viewings.c.closed_at.is_(None))
            .values(
                closed_at=to_micros(at),
                sent=None if sent is None else codec.dump({"ranges": [list(piece) for piece in sent]}),
            )
        )
        return bool(result.rowcount)

    def abandoned(self, own_emitter: str, now: datetime, longest: timedelta) -> Sequence[Viewing]:
        """Open viewings of other emitters that ended over a minute ago, by whichever clock."""
        rows = self._connection.execute(
            select(viewings).where(
                viewings.c.closed_at.is_(None),
                viewings.c.emitter != own_emitter,
                or_(
                    viewings.c.expires_at < to_micros(now - _GRACE),
                    viewings.c.expires_at > to_micros(now + longest + _GRACE),
                ),
            )
        ).mappings()
        return [codec.viewing(row) for row in rows]


class SqlOversight:
    """`evidence.ports.catalogue.Oversight` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def raise_alarm(self, alarm: Alarm) -> bool:
        """Insert or raise again; False if it already stands."""
        same = (alarms.c.kind == alarm.kind, alarms.c.subject == alarm.subject)
        row = self._connection.execute(select(alarms.c.cleared_at).where(*same)).first()
        values = {
            "message": alarm.message,
            "raised_at": to_micros(alarm.raised_at),
            "cleared_at": None,
        }
        if row is None:
            self._connection.execute(insert(alarms).values(kind=alarm.kind, subject=alarm.subject, **values))
        elif row.cleared_at is None:
            return False
        else:
            self._connection.execute(update(alarms).where(*same).values(**values))
        return True

    def clear_alarm(self, kind: str, subject: str, at: datetime) -> None:
        """Clear; repeatable."""
        self._connection.execute(
            update(alarms)
            .where(alarms.c.kind == kind, alarms.c.subject == subject, alarms.c.cleared_at.is_(None))
            .values(cleared_at=to_micros(at))
        )

    def alarms(self) -> Sequence[Alarm]:
        """Those that stand, oldest first."""
        rows = self._connection.execute(
            select(alarms).where(alarms.c.cleared_at.is_(None)).order_by(alarms.c.raised_at)
        ).mappings()
        return [codec.alarm(row) for row in rows]

    def count_noise(self, kind: str, at: datetime, count: int) -> None:
        """Add to the hour's count."""
        hour = to_micros(at) // _HOUR * _HOUR
        same = (security_noise.c.kind == kind, security_noise.c.hour == hour)
        result = self._connection.execute(
            update(security_noise).where(*same).values(count=security_noise.c.count + count)
        )
        if not result.rowcount:
            self._connection.execute(insert(security_noise).values(kind=kind, hour=hour, count=count))
