"""The rows of revocation lists."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    RowMapping,
    case,
    delete,
    insert,
    or_,
    select,
    update,
)

from evidence.revocation import FETCHED_EVERY, TRIED_EVERY, KeptList, ListSource, WantedList
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue.revocation_tables import revocation_lists, revocation_wanted


class SqlRevocation:
    """`evidence.ports.revocation.Revocation` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def want(self, sources: Collection[ListSource], at: datetime) -> None:
        """Tokens of that time need these."""
        micros, table = to_micros(at), revocation_wanted
        for source in sources:
            row = table.c.id == _id(source)
            there = self._connection.execute(select(table).where(row)).mappings().first()
            if there is None:
                self._connection.execute(
                    insert(table).values(
                        id=_id(source),
                        url=source.url,
                        issuer=source.issuer,
                        wanted_at=micros,
                        wanted_since=micros,
                    )
                )
                continue
            since = micros if there["wanted_since"] is None else there["wanted_since"]
            latest = max(micros, there["wanted_at"])
            self._connection.execute(update(table).where(row).values(wanted_at=latest, wanted_since=since))

    def due(self, now: datetime) -> Sequence[WantedList]:
        """Those to fetch now."""
        table = revocation_wanted.c
        rows = self._connection.execute(
            select(revocation_wanted).where(
                table.wanted_since.is_not(None),
                _rested(table.fetched_at, now, FETCHED_EVERY),
                _rested(table.tried_at, now, TRIED_EVERY),
            )
        ).mappings()
        return [
            WantedList(ListSource(row["url"], row["issuer"]), from_micros(row["wanted_since"]))
            for row in rows
        ]

    def tried(self, source: ListSource, at: datetime) -> None:
        """Note that it was asked for."""
        self._connection.execute(
            update(revocation_wanted)
            .where(revocation_wanted.c.id == _id(source))
            .values(tried_at=to_micros(at))
        )

    def keep(self, source: ListSource, found: KeptList) -> None:
        """Note that it was fetched and lies in the store."""
        micros = to_micros(found.fetched_at)
        wanted = revocation_wanted.c
        # A token that was made while it was fetched needs a younger one.
        since = case((wanted.wanted_at > micros, wanted.wanted_at), else_=None)
        self._connection.execute(
            update(revocation_wanted)
            .where(wanted.id == _id(source))
            .values(fetched_at=micros, wanted_since=since)
        )
        row = (
            revocation_lists.c.url_digest == _digest(found.url),
            revocation_lists.c.fetched_at == micros,
        )
        self._connection.execute(delete(revocation_lists).where(*row))
        self._connection.execute(
            insert(revocation_lists).values(
                url_digest=_digest(found.url), fetched_at=micros, url=found.url, digest=found.digest
            )
        )

    def around(self, urls: Collection[str], at: datetime) -> Sequence[KeptList]:
        """Of each address the last one until then, and the first one after."""
        micros, table = to_micros(at), revocation_lists.c
        found: dict[str, KeptList] = {}
        for url in sorted(set(urls)):
            of_it = select(revocation_lists).where(table.url_digest == _digest(url))
            for query in (
                of_it.where(table.fetched_at <= micros).order_by(table.fetched_at.desc()),
                of_it.where(table.fetched_at > micros).order_by(table.fetched_at),
            ):
                row = self._connection.execute(query.limit(1)).mappings().first()
                if row is not None:
                    found.setdefault(row["digest"], _list(row))
        return list(found.values())


def _rested(column: Column[Any], now: datetime, rest: timedelta) -> ColumnElement[bool]:
    """Whether it is that long ago; what lies in the future was noted by a clock that was set back since."""
    return or_(column.is_(None), column <= to_micros(now - rest), column > to_micros(now))


def _id(source: ListSource) -> str:
    return hashlib.sha256(source.url.encode() + b"\n" + source.issuer).hexdigest()


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _list(row: RowMapping) -> KeptList:
    return KeptList(row["url"], row["digest"], from_micros(row["fetched_at"]))
