"""The rows of copies in other stores."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, func, insert, select

from evidence.ports.replicas import ReplicaCopy
from evidence.timekeeping import from_micros, to_micros
from storage.catalogue.replica_tables import replica_copies


class SqlReplicas:
    """`evidence.ports.replicas.ReplicaRows` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_item(self, item_id: str) -> Mapping[str, ReplicaCopy]:
        """By the replica's name."""
        query = select(replica_copies).where(replica_copies.c.item_id == item_id)
        return {
            row.replica: ReplicaCopy(
                row.item_id, row.replica, row.version, from_micros(row.proven_at), row.method
            )
            for row in self._connection.execute(query)
        }

    def note(self, copy: ReplicaCopy) -> None:
        """Put it in the place of what was noted before."""
        self.forget(copy.item_id, copy.replica)
        self._connection.execute(
            insert(replica_copies).values(
                item_id=copy.item_id,
                replica=copy.replica,
                version=copy.version,
                proven_at=to_micros(copy.proven_at),
                method=copy.method,
            )
        )

    def forget(self, item_id: str, replica: str) -> None:
        """Drop what was noted."""
        of_it = (replica_copies.c.item_id == item_id, replica_copies.c.replica == replica)
        self._connection.execute(delete(replica_copies).where(*of_it))

    def counts(self) -> Mapping[str, int]:
        """How many items each replica has."""
        query = select(replica_copies.c.replica, func.count()).group_by(replica_copies.c.replica)
        return {row[0]: row[1] for row in self._connection.execute(query)}
