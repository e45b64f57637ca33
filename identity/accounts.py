"""Local accounts, sessions and bearer tokens.

Passwords are Argon2id. Sessions and tokens are 256 random bits of which only the SHA-256 is stored: a
stolen catalogue signs nobody in. Every sign-in, refusal and issue is an event; the name that was tried is
detail.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from evidence.agents import Agent, AgentKind, Credential, Role
from evidence.cases import checked_reason
from evidence.errors import Conflict, Invalid, Unauthenticated
from evidence.events import EventDraft, EventType, Outcome, Subject
from evidence.ids import new_pseudonym
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.staff import Entrant
from evidence.timekeeping import CLOCKS_APART, is_live

SESSION_LASTS = timedelta(hours=12)
TOKEN_LASTS = timedelta(days=365)
_SHORTEST_PASSWORD = 12
#: Verified against when there is no such account, so that time tells nothing.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$dGhpcyBpcyBub3QgYSByZWFsIGhhc2ggYXQgYWxs"


class Enrolment(StrEnum):
    """What became of a line of a staff list; `differs`: somebody of another role or unit has that name."""

    NEW = "new"
    KNOWN = "known"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A line of a staff list; `secret` is a new person's first password, or a new station's token."""

    entrant: Entrant
    fate: Enrolment
    secret: str | None = None


class Accounts:
    """The use cases of signing in and being somebody."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._hasher = PasswordHasher()
        # Argon2 takes 64 MiB a time: two at once, however many knock.
        self._hashing = asyncio.Semaphore(2)

    async def add(self, username: str, name: str, role: Role, unit: str, password: str | None) -> Agent:
        """A new person (or a station, which has tokens only); raises Invalid, Conflict."""
        if not username or username != username.strip() or len(username) > 128:
            raise Invalid("bad-username", "A user name has 1 to 128 characters and no space at its ends.")
        hashed = None
        if password is not None:
            if len(password) < _SHORTEST_PASSWORD:
                raise Invalid("weak-password", f"A password has at least {_SHORTEST_PASSWORD} characters.")
            hashed = await asyncio.to_thread(self._hasher.hash, password)
        kind = AgentKind.DEVICE if role is Role.STATION else AgentKind.PERSON
        agent = Agent(new_pseudonym(), kind, username, name or username, role, unit)
        now = self._clock.now()

        def insert(tx: Transaction) -> None:
            tx.agents.add(agent, hashed, now)
            tx.events.append(
                EventDraft(
                    EventType.AGENT_REGISTERED,
                    None,
                    now,
                    (Subject("agent", agent.id),),
                    detail={"username": username, "name": agent.name, "role": role.value, "unit": unit},
                )
            )

        await self._catalogue.write(insert)
        return agent

    async def enrol(self, entrant: Entrant, *, dry_run: bool = False) -> Enrolled:
        """Register somebody whom a staff list names, if nobody has that user name; repeatable.

        The secret is made here and told this once. Whoever is registered already stays as they are. With
        `dry_run` nothing changes. Durable on return. Raises Invalid, Conflict.
        """
        found = await self._catalogue.read(lambda tx: tx.agents.by_username(entrant.username))
        if found is not None:
            same = (found[0].role, found[0].unit) == (entrant.role, entrant.unit)
            return Enrolled(entrant, Enrolment.KNOWN if same else Enrolment.DIFFERS)
        if dry_run:
            return Enrolled(entrant, Enrolment.NEW)
        password = None if entrant.role is Role.STATION else secrets.token_urlsafe(12)
        await self.add(entrant.username, entrant.name, entrant.role, entrant.unit, password)
        if password is None:
            return Enrolled(entrant, Enrolment.NEW, await self.create_token(entrant.username, "staff list"))
        return Enrolled(entrant, Enrolment.NEW, password)

    async def set_disabled(self, username: str, *, disabled: bool, reason: str) -> Agent:
        """Let somebody in no more, in no session and by no token, or let them in again; on record.

        Nothing of theirs changes hands, and what they did stays theirs. Durable on return. Raises
        Invalid("no-such-user"), Conflict("as-before").
        """
        reason = checked_reason(reason)
        now = self._clock.now()

        def put(tx: Transaction) -> Agent:
            found = tx.agents.by_username(username)
            if found is None:
                raise _nobody(username)
            agent = found[0]
            if not tx.agents.set_disabled(agent.id, disabled=disabled):
                state = "disabled" if disabled else "enabled"
                raise Conflict("as-before", f"{username!r} is {state} already.")
            kind = EventType.AGENT_DISABLED if disabled else EventType.AGENT_ENABLED
            tx.events.append(
                EventDraft(kind, None, now, (Subject("agent", agent.id),), detail={"reason": reason})
            )
            return agent

        return await self._catalogue.write(put)

    async def listed(self) -> Sequence[Agent]:
        """Everybody, by unit and user name, for somebody at the server."""
        return await self._catalogue.read(lambda tx: tx.agents.listed())

    async def sign_in(self, username: str, password: str) -> tuple[Agent, str]:
        """The agent and a session secret; raises Unauthenticated, which does not say what was wrong."""
        found = await self._catalogue.read(lambda tx: tx.agents.by_username(username))
        agent, hashed = (None, None) if found is None else found
        async with self._hashing:
            matches = await asyncio.to_thread(self._matches, hashed or _NOBODY, password)
        if agent is None or not matches or agent.disabled:
            await self._refuse(username, agent)
            raise Unauthenticated("wrong-sign-in", "User name or password is wrong.")
        secret = await self._issue(agent, "session", "", SESSION_LASTS, EventType.SESSION_OPENED)
        return agent, secret

    async def create_token(self, username: str, label: str) -> str:
        """A bearer token for an account, shown once; raises Invalid("no-such-user")."""
        found = await self._catalogue.read(lambda tx: tx.agents.by_username(username))
        if found is None:
            raise _nobody(username)
        return await self._issue(found[0], "token", label, TOKEN_LASTS, EventType.TOKEN_ISSUED)

    async def recognise(self, secret: str) -> Agent:
        """Whose session or token this is; raises Unauthenticated."""
        digest = _digest(secret)
        found = await self._catalogue.read(lambda tx: tx.agents.by_credential(digest))
        if found is not None:
            agent, credential = found
            longest = SESSION_LASTS if credential.kind == "session" else TOKEN_LASTS
            if (
                is_live(credential.expires_at, self._clock.now(), longest + CLOCKS_APART)
                and not agent.disabled
            ):
                return agent
        raise Unauthenticated("sign-in-needed", "Sign in first.")

    async def sign_out(self, agent: Agent, secret: str) -> None:
        """End a session; repeatable."""
        digest = _digest(secret)
        now = self._clock.now()

        def revoke(tx: Transaction) -> None:
            tx.agents.revoke_credential(digest)
            tx.events.append(
                EventDraft(EventType.SESSION_CLOSED, agent.id, now, (Subject("agent", agent.id),))
            )

        await self._catalogue.write(revoke)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _issue(self, agent: Agent, kind: str, label: str, lasts: timedelta, event: EventType) -> str:
        secret = secrets.token_urlsafe(32)
        now = self._clock.now()
        credential = Credential(_digest(secret), agent.id, kind, label, now, now + lasts)

        def insert(tx: Transaction) -> None:
            tx.agents.add_credential(credential)
            tx.events.append(
                EventDraft(event, agent.id, now, (Subject("agent", agent.id),), detail={"label": label})
            )

        await self._catalogue.write(insert)
        return secret

    async def _refuse(self, username: str, agent: Agent | None) -> None:
        await self._catalogue.record(
            EventDraft(
                EventType.SESSION_REFUSED,
                None,
                self._clock.now(),
                () if agent is None else (Subject("agent", agent.id),),
                Outcome.DENIED,
                detail={"username": username[:128]},
            )
        )


def _nobody(username: str) -> Invalid:
    return Invalid("no-such-user", f"There is nobody called {username!r}.")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
