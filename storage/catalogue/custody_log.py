"""The rows of the custody log."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, Table, delete, func, insert, or_, select, update

from evidence.leaf import leaf_around
from evidence.ports.log import Body, Logged, LogHead, Queued, Replayed, Sequenced, Witnessed, WitnessState
from evidence.proofs import Stamp
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue.log import insert_many, put_many
from storage.catalogue.log_tables import (
    log_heads,
    log_key_statements,
    log_leaves,
    log_nodes,
    log_self_asserted,
    log_stamps,
    log_subjects,
    log_witnessed,
    log_witnesses,
)
from storage.catalogue.tables import event_bodies, event_queue, event_subjects, events

_ONLY = 1
_HASH_BYTES = 32
_IN_ONE = 500


class SqlCustodyLog:
    """`evidence.ports.log.CustodyLog` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def head(self) -> LogHead | None:
        """None before `begin`."""
        row = self._connection.execute(select(log_heads).where(log_heads.c.id == _ONLY)).first()
        if row is None:
            return None
        peaks = [row.peaks[at : at + _HASH_BYTES] for at in range(0, len(row.peaks), _HASH_BYTES)]
        return LogHead(row.origin, row.size, tuple(peaks), row.published, row.checkpoint)

    def begin(self, origin: str) -> LogHead:
        """The head, made empty if there is none."""
        found = self.head()
        if found is not None:
            return found
        self._connection.execute(
            insert(log_heads).values(id=_ONLY, origin=origin, size=0, peaks=b"", published=0, checkpoint="")
        )
        return LogHead(origin, 0, (), 0, "")

    def queued(self, limit: int) -> Sequence[Queued]:
        """The first that wait."""
        rows = self._connection.execute(
            select(event_queue.c.seq, event_queue.c.event_id, events.c.data)
            .join(events, events.c.id == event_queue.c.event_id)
            .order_by(event_queue.c.seq)
            .limit(limit)
        )
        return [Queued(*row) for row in rows.all()]

    def last_of(self, subjects: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        """Place and hash of the last leaf of each subject."""
        found: dict[str, tuple[int, bytes]] = {}
        asked = sorted(subjects)
        for first in range(0, len(asked), _IN_ONE):
            rows = self._connection.execute(
                select(log_subjects).where(log_subjects.c.subject.in_(asked[first : first + _IN_ONE]))
            )
            found |= {row.subject: (row.seq, row.hash) for row in rows.all()}
        return found

    def append(self, size: int, found: Sequenced) -> bool:
        """Add to a log of `size` leaves."""
        moved = self._connection.execute(
            update(log_heads)
            .where(log_heads.c.id == _ONLY, log_heads.c.size == size)
            .values(size=size + len(found.leaves), peaks=b"".join(found.peaks))
        )
        if moved.rowcount == 0:
            return False
        insert_many(
            self._connection,
            log_leaves,
            ("number", "event_id", "chains", "hash"),
            [(one.number, one.event_id, one.chains, one.hash) for one in found.leaves],
        )
        if found.nodes:
            self._connection.execute(
                insert(log_nodes),
                [{"level": level, "number": number, "hash": made} for level, number, made in found.nodes],
            )
        self._keep_last(found.subjects)
        self._take_from_queue(found.taken)
        return True

    def _take_from_queue(self, taken: Sequence[int]) -> None:
        # From the first to the last only where nothing lies between two that were taken: where several write
        # at once, what was committed late may.
        first, last = min(taken, default=0), max(taken, default=-1)
        if last - first + 1 == len(taken):
            self._connection.execute(delete(event_queue).where(event_queue.c.seq.between(first, last)))
            return
        for first in range(0, len(taken), _IN_ONE):
            some = taken[first : first + _IN_ONE]
            self._connection.execute(delete(event_queue).where(event_queue.c.seq.in_(some)))

    def _keep_last(self, subjects: Mapping[str, tuple[int, bytes]]) -> None:
        put_many(
            self._connection,
            log_subjects,
            ("subject", "seq", "hash"),
            [(one, *subjects[one]) for one in sorted(subjects)],
        )

    def publish(self, published: int, checkpoint: str) -> None:
        """Note what was published last."""
        self._connection.execute(
            update(log_heads)
            .where(log_heads.c.id == _ONLY)
            .values(published=published, checkpoint=checkpoint)
        )

    def add_stamp(self, stamp: Stamp) -> None:
        """Keep it."""
        table = _stamps(self_asserted=stamp.authority is None)
        made: dict[str, object] = {
            "size": stamp.size,
            "at": to_micros(stamp.at),
            "asked_at": to_micros(stamp.asked_at),
            "token": stamp.token,
            "checkpoint": stamp.checkpoint,
        }
        if stamp.authority is None:
            made["time_source"] = stamp.time_source
        else:
            made |= {"authority": stamp.authority, "policy": stamp.policy}
        self._connection.execute(delete(table).where(table.c.size == stamp.size))
        self._connection.execute(insert(table).values(made))

    def add_key_statement(self, seq: int, note: str) -> None:
        """Keep it."""
        self._connection.execute(insert(log_key_statements).values(seq=seq, note=note))

    def key_statements(self) -> Sequence[str]:
        """Oldest first."""
        query = select(log_key_statements.c.note).order_by(log_key_statements.c.seq)
        return self._connection.execute(query).scalars().all()

    def last_stamp(self, *, self_asserted: bool = False) -> Stamp | None:
        """The one of the largest tree."""
        return next(iter(self.stamps(1, self_asserted=self_asserted)), None)

    def stamps(self, limit: int, *, self_asserted: bool = False) -> Sequence[Stamp]:
        """The largest trees first."""
        table = _stamps(self_asserted=self_asserted)
        rows = self._connection.execute(select(table).order_by(table.c.size.desc()).limit(limit)).mappings()
        return [_stamp(row) for row in rows]

    def stamps_after(self, size: int, limit: int, *, self_asserted: bool = False) -> Sequence[Stamp]:
        """The smallest trees first."""
        table = _stamps(self_asserted=self_asserted)
        larger = select(table).where(table.c.size > size).order_by(table.c.size).limit(limit)
        return [_stamp(row) for row in self._connection.execute(larger).mappings()]

    def first_stamp_of(self, number: int, *, self_asserted: bool = False) -> Stamp | None:
        """The stamp of the smallest tree that holds that leaf."""
        return next(iter(self.stamps_after(number, 1, self_asserted=self_asserted)), None)

    def witnesses(self) -> Mapping[str, WitnessState]:
        """Every witness that was ever asked."""
        return {
            row.key: WitnessState(
                row.key, row.size, row.checkpoint, _instant(row.at), _instant(row.silent_since)
            )
            for row in self._connection.execute(select(log_witnesses))
        }

    def keep_witness(self, state: WitnessState) -> None:
        """Put it in the place of what was kept."""
        self._connection.execute(delete(log_witnesses).where(log_witnesses.c.key == state.key))
        self._connection.execute(
            insert(log_witnesses).values(
                key=state.key,
                size=state.size,
                checkpoint=state.checkpoint,
                at=None if state.at is None else to_micros(state.at),
                silent_since=None if state.silent_since is None else to_micros(state.silent_since),
            )
        )

    def witnessed(self) -> Witnessed | None:
        """None before the first."""
        row = self._connection.execute(select(log_witnessed).where(log_witnessed.c.id == _ONLY)).first()
        return None if row is None else Witnessed(row.size, row.checkpoint)

    def keep_witnessed(self, found: Witnessed) -> None:
        """Put it in the place of the one before."""
        self._connection.execute(delete(log_witnessed))
        self._connection.execute(
            insert(log_witnessed).values(id=_ONLY, size=found.size, checkpoint=found.checkpoint)
        )

    def entries(self, begin: int, end: int) -> Sequence[bytes]:
        """The leaves' bytes."""
        rows = self._connection.execute(
            select(events.c.data, log_leaves.c.chains)
            .join(events, events.c.id == log_leaves.c.event_id)
            .where(log_leaves.c.number >= begin, log_leaves.c.number < end)
            .order_by(log_leaves.c.number)
        )
        return [leaf_around(row.data, row.chains) for row in rows.all()]

    def bodies(self, begin: int, end: int) -> Sequence[Body | None]:
        """What the leaves' details commit to."""
        rows = self._connection.execute(
            select(event_bodies.c.salt, event_bodies.c.detail)
            .select_from(log_leaves)
            .join(event_bodies, event_bodies.c.event_id == log_leaves.c.event_id, isouter=True)
            .where(log_leaves.c.number >= begin, log_leaves.c.number < end)
            .order_by(log_leaves.c.number)
        )
        return [None if row.salt is None else Body(row.salt, row.detail) for row in rows.all()]

    def hashes(self, level: int, begin: int, end: int) -> Sequence[bytes]:
        """Hashes of leaves, or roots of full tiles."""
        query = select(log_leaves.c.hash).where(log_leaves.c.number >= begin, log_leaves.c.number < end)
        if level:
            query = select(log_nodes.c.hash).where(
                log_nodes.c.level == level, log_nodes.c.number >= begin, log_nodes.c.number < end
            )
        ordered = query.order_by(log_nodes.c.number if level else log_leaves.c.number)
        return self._connection.execute(ordered).scalars().all()

    def replay(self, rows: Sequence[Replayed]) -> Mapping[str, int]:
        """Put back those events that are not there."""
        named = [row.event_id for row in rows]
        there = set(self._connection.execute(select(events.c.id).where(events.c.id.in_(named))).scalars())
        new = [row for row in rows if row.event_id not in there]
        insert_many(
            self._connection,
            events,
            ("id", "data", "at"),
            [(row.event_id, row.data, to_micros(row.at)) for row in new],
        )
        insert_many(
            self._connection,
            event_bodies,
            ("event_id", "salt", "detail"),
            [(row.event_id, row.body.salt, row.body.detail) for row in new if row.body is not None],
        )
        insert_many(
            self._connection,
            event_subjects,
            ("subject", "event_id"),
            [(subject, row.event_id) for row in new for subject in row.subjects],
        )
        waiting = self._connection.execute(
            select(event_queue.c.event_id, event_queue.c.seq).where(event_queue.c.event_id.in_(named))
        )
        return {row.event_id: row.seq for row in waiting}

    def of_subject(self, subject: str, size: int, limit: int) -> Sequence[Logged]:
        """The latest leaves about the subject, oldest first."""
        rows = self._connection.execute(
            select(
                log_leaves.c.number, log_leaves.c.chains, events.c.data,
                event_bodies.c.salt, event_bodies.c.detail,
            )
            .select_from(event_subjects)
            .join(log_leaves, log_leaves.c.event_id == event_subjects.c.event_id)
            .join(events, events.c.id == event_subjects.c.event_id)
            .join(event_bodies, event_bodies.c.event_id == events.c.id, isouter=True)
            .where(event_subjects.c.subject == subject, log_leaves.c.number < size)
            .order_by(event_subjects.c.seq.desc())
            .limit(limit)
        )  # fmt: skip
        found = [Logged(row.number, leaf_around(row.data, row.chains), row.salt, row.detail) for row in rows]
        return sorted(found, key=lambda one: one.number)

    def waiting(self, subject: str, size: int) -> int:
        """Events about the subject that are not among the first `size` leaves."""
        return self._connection.execute(
            select(func.count())
            .select_from(event_subjects)
            .join(log_leaves, log_leaves.c.event_id == event_subjects.c.event_id, isouter=True)
            .where(
                event_subjects.c.subject == subject,
                or_(log_leaves.c.number.is_(None), log_leaves.c.number >= size),
            )
        ).scalar_one()

    def place_of(self, event_id: str) -> int | None:
        """Its leaf's number."""
        return self._connection.execute(
            select(log_leaves.c.number).where(log_leaves.c.event_id == event_id)
        ).scalar()


def _stamps(*, self_asserted: bool) -> Table:
    return log_self_asserted if self_asserted else log_stamps


def _stamp(row: RowMapping) -> Stamp:
    return Stamp(
        row["size"],
        from_micros(row["at"]),
        from_micros(row["asked_at"]),
        row.get("authority"),
        row["token"],
        row["checkpoint"],
        row.get("time_source", ""),
        row.get("policy"),
    )


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
