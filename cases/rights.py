"""Who may see an item or a case beside what their role says; each decision is on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from cases.files import find_again, person_called
from evidence.access import LONGEST_SHARE, PURPOSE_LASTS, Share, SubjectKind
from evidence.agents import Action, Agent, AgentKind, Resource, Restriction
from evidence.allowed import allowed_case, allowed_item
from evidence.cases import checked_reason, checked_text
from evidence.errors import Conflict, Denied, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import is_id, new_id
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock


class Rights:
    """Restrictions, shares, purposes, and the tree of units."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def restrict(
        self,
        agent: Agent,
        kind: SubjectKind,
        subject_id: str,
        restriction: Restriction,
        usernames: Sequence[str],
        reason: str,
    ) -> None:
        """Restrict an item or a case, or open it again; what is sealed is for the people named, at once.

        Whoever opens it again is one of them. Raises Denied, Invalid("nobody-named"), Invalid.
        """
        reason = checked_reason(reason)
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            self._find(tx, agent, Action.RESTRICT, kind, subject_id, now)
            people = _people(tx, usernames)
            if restriction is Restriction.SEALED and not people:
                raise Invalid("nobody-named", "Name whoever may still see it.")
            if restriction is not Restriction.SEALED and people:
                raise Invalid("needless-names", "People are only named where something is sealed.")
            tx.access.restrict(kind, subject_id, restriction, [person.id for person in people])
            if kind is SubjectKind.CASE:
                find_again(tx, subject_id)
            tx.events.append(_restriction_set(agent.id, now, kind, subject_id, restriction, people, reason))

        await self._catalogue.write(put)

    async def share(
        self,
        agent: Agent,
        kind: SubjectKind,
        subject_id: str,
        username: str,
        until: datetime,
        reason: str,
    ) -> Share:
        """Let a person see an item or a case until then, whatever their unit; what is sealed stays so.

        Raises Denied, Invalid("bad-until"), Invalid.
        """
        reason = checked_reason(reason)
        now = self._clock.now()
        if not now < until <= now + LONGEST_SHARE:
            raise Invalid("bad-until", "Something is shared until a day within the next 366 days.")

        def put(tx: Transaction) -> Share:
            self._find(tx, agent, Action.SHARE, kind, subject_id, now)
            person = person_called(tx, username)
            share = Share(new_id(now), kind, subject_id, person.id, agent.id, now, until, reason)
            tx.access.share(share)
            tx.events.append(
                EventDraft(
                    EventType.SHARE_GIVEN,
                    agent.id,
                    now,
                    (
                        Subject(kind.value, subject_id),
                        Subject("agent", person.id),
                        Subject("share", share.id),
                    ),
                    detail={"username": username, "until": until.isoformat(), "reason": reason},
                )
            )
            return share

        return await self._catalogue.write(put)

    async def withdraw_share(self, agent: Agent, share_id: str) -> None:
        """End a share before its time, at once; raises Denied."""
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            share = tx.access.get_share(share_id) if is_id(share_id) else None
            if share is None:
                raise Denied
            self._find(tx, agent, Action.SHARE, share.subject_kind, share.subject_id, now)
            tx.access.withdraw_share(share.id, now)
            tx.events.append(
                EventDraft(
                    EventType.SHARE_WITHDRAWN,
                    agent.id,
                    now,
                    (Subject(share.subject_kind.value, share.subject_id), Subject("share", share.id)),
                )
            )

        await self._catalogue.write(put)

    async def state_purpose(self, agent: Agent, item_id: str, purpose: str) -> datetime:
        """Say what one looks for in an item, for an hour; until when. Raises Denied, Invalid."""
        purpose = checked_text(purpose, "purpose-needed", "Say what you look for")
        now = self._clock.now()
        until = now + PURPOSE_LASTS

        def put(tx: Transaction) -> None:
            item = allowed_item(tx, self._authority, agent, Action.PLAY, item_id, now, purpose)
            tx.access.state_purpose(item.id, agent.id, purpose, until)
            tx.events.append(
                EventDraft(
                    EventType.PURPOSE_STATED,
                    agent.id,
                    now,
                    (Subject("item", item.id),),
                    detail={"purpose": purpose},
                )
            )

        await self._catalogue.write(put)
        return until

    async def place_unit(self, agent: Agent | None, unit: str, parent: str | None) -> None:
        """Put a unit below another, with all that is below it; `agent` None: somebody at the server.

        Raises Denied, Invalid("bad-unit"), Conflict("unit-below-itself").
        """
        now = self._clock.now()
        if agent is not None:
            self._authority.authorize(agent, Action.MANAGE_UNITS, Resource())
        for name in filter(None, (unit, parent)):
            if name != name.strip() or len(name) > 128:
                raise Invalid("bad-unit", "A unit's name has 1 to 128 characters and no space at its ends.")
        if not unit:
            raise Invalid("bad-unit", "Name the unit.")

        def put(tx: Transaction) -> None:
            tx.units.place(unit, parent)
            tx.events.append(
                EventDraft(
                    EventType.UNIT_PLACED,
                    None if agent is None else agent.id,
                    now,
                    (),
                    detail={"unit": unit, "parent": parent},
                )
            )

        await self._catalogue.write(put)

    async def name_anew(
        self, kind: SubjectKind, subject_id: str, usernames: Sequence[str], reason: str
    ) -> None:
        """Name other people on what is sealed, once nobody who is named can sign in any more.

        For somebody at the server, who sees nothing of it by that; on record. Raises
        Invalid("no-such-seal"), Conflict("still-named"), Invalid("nobody-named"), Invalid.
        """
        reason = checked_reason(reason)
        now = self._clock.now()

        def put(tx: Transaction) -> None:
            named = tx.access.named(subject_id) if is_id(subject_id) else ()
            if not named:
                raise Invalid("no-such-seal", f"Nobody is named on a {kind} of that identifier.")
            able = [one for one in tx.agents.get_all(named).values() if not one.disabled]
            if able:
                who = ", ".join(sorted(one.username for one in able))
                raise Conflict("still-named", f"Named on it and able to sign in: {who}. Ask them.")
            people = _people(tx, usernames)
            if not people:
                raise Invalid("nobody-named", "Name whoever may see it from now on.")
            tx.access.restrict(kind, subject_id, Restriction.SEALED, [person.id for person in people])
            if kind is SubjectKind.CASE:
                find_again(tx, subject_id)
            tx.events.append(
                _restriction_set(None, now, kind, subject_id, Restriction.SEALED, people, reason)
            )

        await self._catalogue.write(put)

    async def units(self) -> Mapping[str, str | None]:
        """Every placed unit with its parent, for somebody at the server."""
        return await self._catalogue.read(lambda tx: tx.units.tree())

    def _find(
        self,
        tx: Transaction,
        agent: Agent,
        action: Action,
        kind: SubjectKind,
        subject_id: str,
        now: datetime,
    ) -> None:
        if kind is SubjectKind.ITEM:
            allowed_item(tx, self._authority, agent, action, subject_id, now)
        else:
            allowed_case(tx, self._authority, agent, action, subject_id, now)


def _people(tx: Transaction, usernames: Sequence[str]) -> Sequence[Agent]:
    people = [person_called(tx, username) for username in dict.fromkeys(usernames)]
    if any(person.kind is not AgentKind.PERSON for person in people):
        raise Invalid("not-a-person", "Only people can be named.")
    return people


def _restriction_set(
    agent_id: str | None,
    now: datetime,
    kind: SubjectKind,
    subject_id: str,
    restriction: Restriction,
    people: Sequence[Agent],
    reason: str,
) -> EventDraft:
    return EventDraft(
        EventType.RESTRICTION_SET,
        agent_id,
        now,
        (Subject(kind.value, subject_id), *(Subject("agent", one.id) for one in people)),
        detail={
            "restriction": restriction.value,
            "named": [person.username for person in people],
            "reason": reason,
        },
    )
