"""Agents and their credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from evidence.agents import Agent, Credential
from evidence.errors import Conflict
from evidence.timekeeping import to_micros
from storage.catalogue import codec
from storage.catalogue.tables import agents, credentials


class SqlAgents:
    """`evidence.ports.catalogue.Agents` over SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, agent: Agent, password_hash: str | None, at: datetime) -> None:
        """Insert; raises Conflict("username-taken")."""
        try:
            self._connection.execute(
                insert(agents).values(
                    id=agent.id,
                    kind=agent.kind.value,
                    username=agent.username,
                    name=agent.name,
                    role=agent.role.value,
                    unit=agent.unit,
                    password_hash=password_hash,
                    disabled=agent.disabled,
                    created_at=to_micros(at),
                )
            )
        except IntegrityError as error:
            raise Conflict(
                "username-taken", f"There is already somebody called {agent.username!r}."
            ) from error

    def get(self, agent_id: str) -> Agent | None:
        """The agent of that pseudonym."""
        row = self._connection.execute(select(agents).where(agents.c.id == agent_id)).mappings().first()
        return None if row is None else codec.agent(row)

    def by_username(self, username: str) -> tuple[Agent, str | None] | None:
        """The agent of that name and the stored password hash."""
        row = self._connection.execute(select(agents).where(agents.c.username == username)).mappings().first()
        return None if row is None else (codec.agent(row), row["password_hash"])

    def add_credential(self, credential: Credential) -> None:
        """Insert a session or token."""
        self._connection.execute(
            insert(credentials).values(
                digest=credential.digest,
                agent_id=credential.agent_id,
                kind=credential.kind,
                label=credential.label,
                created_at=to_micros(credential.created_at),
                expires_at=to_micros(credential.expires_at),
            )
        )

    def by_credential(self, digest: str) -> tuple[Agent, Credential] | None:
        """Who holds that credential, whether or not it has expired."""
        row = (
            self._connection.execute(
                select(
                    agents,
                    *(column.label(f"credentials_{column.name}") for column in credentials.c),
                )
                .join(credentials, credentials.c.agent_id == agents.c.id)
                .where(credentials.c.digest == digest)
            )
            .mappings()
            .first()
        )
        return None if row is None else (codec.agent(row), codec.credential(row))

    def revoke_credential(self, digest: str) -> None:
        """Remove; repeatable."""
        self._connection.execute(credentials.delete().where(credentials.c.digest == digest))

    def get_all(self, ids: Sequence[str]) -> Mapping[str, Agent]:
        """Those that are known."""
        rows = self._connection.execute(select(agents).where(agents.c.id.in_(ids))).mappings()
        return {row["id"]: codec.agent(row) for row in rows}

    def listed(self) -> Sequence[Agent]:
        """Everybody, by unit and user name."""
        rows = self._connection.execute(select(agents).order_by(agents.c.unit, agents.c.username)).mappings()
        return [codec.agent(row) for row in rows]

    def set_disabled(self, agent_id: str, *, disabled: bool) -> bool:
        """Let them in no more, or again; whether that changed anything."""
        changed = self._connection.execute(
            update(agents)
            .where(agents.c.id == agent_id, agents.c.disabled.is_not(disabled))
            .values(disabled=disabled)
        )
        return changed.rowcount > 0

    def names(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Pseudonym to name, for those that are known."""
        rows = self._connection.execute(select(agents.c.id, agents.c.name).where(agents.c.id.in_(ids)))
        return {row.id: row.name for row in rows}
