"""The rows of revocation lists."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, and_, delete, insert, or_, select, update

from evidence.revocation import FETCHED_EVERY, TRIED_EVERY, KeptList, ListSource, WantedList
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue.revocation_tables import revocation_lists, revocation_wanted


class SqlRevocation:
    """`evidence.ports.revocation.Revocation` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def want(self, sources: Collection[ListSource], at: datetime) -> None:
        """Tokens of that time need these."""
        for source in sources:
            row = revocation_wanted.c.id == _id(source)
            micros = to_micros(at)
            there = self._connection.execute(
                select(revocation_wanted.c.wanted_at).where(row)
            ).scalar_one_or_none()
            if there is None:
                self._connection.execute(
                    insert(revocation_wanted).values(
                        id=_id(source), url=source.url, issuer=source.issuer, wanted_at=micros
                    )
                )
            elif there < micros:
                self._connection.execute(update(revocation_wanted).where(row).values(wanted_at=micros))

    def due(self, now: datetime) -> Sequence[WantedList]:
        """Those to fetch now."""
        table = revocation_wanted.c
        newer = or_(
            table.fetched_at.is_(None),
            and_(table.fetched_at < table.wanted_at, table.fetched_at <= to_micros(now - FETCHED_EVERY)),
        )
        rested = or_(table.tried_at.is_(None), table.tried_at <= to_micros(now - TRIED_EVERY))
        rows = self._connection.execute(select(revocation_wanted).where(newer, rested)).mappings()
        return [
            WantedList(
                ListSource(row["url"], row["issuer"]),
                from_micros(row["wanted_at"]),
                None if row["fetched_at"] is None else from_micros(row["fetched_at"]),
            )
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
        self._connection.execute(
            update(revocation_wanted).where(revocation_wanted.c.id == _id(source)).values(fetched_at=micros)
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


def _id(source: ListSource) -> str:
    return hashlib.sha256(source.url.encode() + b"\n" + source.issuer).hexdigest()


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _list(row: RowMapping) -> KeptList:
    return KeptList(row["url"], row["digest"], from_micros(row["fetched_at"]))
