"""Disposal 销毁: what may go, who agrees to it, and what becomes of it. Pure.

Invariants: nothing goes that is held, kept for longer, locked, or at which work is still done; a proposal is
approved by two people, each another one than its proposer and than each other; a refusal ends it; what a
proposal was approved for is judged anew, by trusted time, before anything of it goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from evidence.canonical import Json, canonical
from evidence.errors import Conflict, Invalid
from evidence.revocation import ListSource
from evidence.schedules import Keep

#: Items of one proposal: so many a person can still look at.
MOST_ITEMS = 500
APPROVERS = 2
#: An approved proposal that is not carried out for so long raises an alarm.
CARRIED_OUT_WITHIN = timedelta(days=7)
#: Once in so long a unit is told what falls due, and how far ahead that looks.
NOTICE_EVERY = timedelta(days=7)
NOTICE_AHEAD = timedelta(days=30)
#: How far the machine's clock may be from trusted time.
CLOCKS_AGREE = timedelta(minutes=5)
#: A certificate holds nothing that must ever be erased, and is locked for as long as anybody may ask for it.
CERTIFICATE_LOCK = timedelta(days=36_500)
TIME_STATEMENT_VERSION = "custos/disposal-time/1"


class Fate(StrEnum):
    """What may become of an item now."""

    DUE = "due"
    HELD = "held"
    KEPT_LONGER = "kept-longer"
    KEPT_WITHOUT_END = "kept-without-end"
    LOCKED = "locked"
    #: Work on it is not done, or somebody is looking at it.
    BUSY = "busy"
    PROPOSED = "proposed-already"
    DISPOSED = "disposed"
    NOT_FOUND = "not-found"


#: What is over in minutes: an approved item waits for it. Anything else takes a new proposal, so that no
#: certificate waits for a lock of a year.
PASSING = frozenset({Fate.BUSY})


@dataclass(frozen=True, slots=True)
class Standing:
    """All that decides about an item. `kept` is reckoned by the schedule in force, not remembered."""

    kept: Keep
    held: bool
    locked_until: datetime
    busy: bool = False
    proposed: bool = False
    disposed: bool = False


def fate(standing: Standing, now: datetime) -> Fate:
    """What may become of an item at that instant; DUE: it may be disposed of."""
    if standing.disposed:
        return Fate.DISPOSED
    if standing.held:
        return Fate.HELD
    if standing.kept.until is None:
        return Fate.KEPT_WITHOUT_END
    if standing.kept.until > now:
        return Fate.KEPT_LONGER
    if standing.proposed:
        return Fate.PROPOSED
    if standing.locked_until > now:
        return Fate.LOCKED
    return Fate.BUSY if standing.busy else Fate.DUE


class ProposalState(StrEnum):
    """proposed → approved → carried-out; or refused, while nothing of it is gone."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    CARRIED_OUT = "carried-out"


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's word."""

    agent_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """Items that somebody wants disposed of. `salt` hides unit and reason in what is written for ever."""

    id: str
    unit: str
    reason: str
    proposed_by: str
    proposed_at: datetime
    items: tuple[str, ...]
    salt: bytes
    state: ProposalState = ProposalState.PROPOSED
    approvals: tuple[Approval, ...] = ()
    refused_by: str | None = None
    refused_at: datetime | None = None
    refused_for: str | None = None
    finished_at: datetime | None = None
    #: The signed certificate, once it is fixed.
    certificate: str | None = None

    @property
    def detail(self) -> dict[str, Json]:
        """What can be withheld; the certificate commits to SHA-256(salt ‖ JCS(detail))."""
        return {"unit": self.unit, "reason": self.reason}


def checked_items(item_ids: Sequence[str]) -> tuple[str, ...]:
    """The items, each once; raises Invalid("too-many")."""
    found = tuple(dict.fromkeys(item_ids))
    if not found or len(found) > MOST_ITEMS:
        raise Invalid("too-many", f"A proposal names 1 to {MOST_ITEMS} items.")
    return found


def approved(proposal: Proposal, agent_id: str, now: datetime, fates: Mapping[str, Fate]) -> Proposal:
    """The proposal with one more approval; with the second it is approved. `fates`: of each of its items.

    Raises Conflict("not-open"), Conflict("own-proposal"), Conflict("approved-already"), and
    Conflict("not-due") that counts what may not go any more.
    """
    if proposal.state is not ProposalState.PROPOSED:
        raise Conflict("not-open", f"This proposal is {proposal.state.value}; nobody approves it any more.")
    if agent_id == proposal.proposed_by:
        raise Conflict("own-proposal", "Somebody else has to approve what you proposed.")
    if any(one.agent_id == agent_id for one in proposal.approvals):
        raise Conflict("approved-already", "You approved it already; it takes another person.")
    not_due = sorted({fates.get(one, Fate.NOT_FOUND) for one in proposal.items} - {Fate.DUE} - PASSING)
    if not_due:
        raise Conflict(
            "not-due",
            f"Not all of it may go any more ({', '.join(not_due)}). Refuse it, and propose what still is.",
        )
    approvals = (*proposal.approvals, Approval(agent_id, now))
    state = ProposalState.APPROVED if len(approvals) >= APPROVERS else ProposalState.PROPOSED
    return replace(proposal, approvals=approvals, state=state)


def refused(proposal: Proposal, agent_id: str, now: datetime, reason: str, *, begun: bool) -> Proposal:
    """The proposal, ended. `begun`: something of it is gone already.

    Raises Conflict("not-open"), Conflict("begun").
    """
    if proposal.state not in (ProposalState.PROPOSED, ProposalState.APPROVED):
        raise Conflict("not-open", f"This proposal is {proposal.state.value} already.")
    if begun:
        raise Conflict(
            "begun", "Some of it is disposed of already. Place a hold on what has to stay: that still wins."
        )
    return replace(
        proposal, state=ProposalState.REFUSED, refused_by=agent_id, refused_at=now, refused_for=reason
    )


@dataclass(frozen=True, slots=True)
class TrustedTime:
    """An instant that an authority signed: its token (DER of the RFC 3161 response) over a statement."""

    id: str
    token: bytes
    authority: str
    at: datetime
    #: The request (DER) that the token answers.
    request: bytes = b""
    #: Where the revocation of its authority's certificates would be listed.
    lists: tuple[ListSource, ...] = ()
    #: The policy (object identifier) that it was bound to; None for any of its own.
    policy: str | None = None


def time_statement(proposal_id: str, item_ids: Iterable[str]) -> bytes:
    """What an authority signs the time of: which items of which proposal are about to be disposed of."""
    return canonical({"v": TIME_STATEMENT_VERSION, "proposal": proposal_id, "items": [*sorted(item_ids)]})


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of an item: what it was, what it was kept by, where it lay, by which time it went."""

    item_id: str
    sha256: str
    size: int
    schedule: int
    keys: tuple[str, ...]
    at: datetime
    time_id: str
    event_id: str
    event_digest: str


@dataclass(frozen=True, slots=True)
class CopyOut:
    """Something that left and that no disposal reaches.

    `kind`: "original" or "clip" (bytes of it were sent), or "list" (a row about it in an exported list).
    `bytes` None: not known, or none were sent.
    """

    event: str
    agent: str | None
    kind: str
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of one item of a proposal; both None: nothing yet."""

    item_id: str
    tombstone: Tombstone | None = None
    spared: Fate | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What of a unit falls due before `until` 销毁预告."""

    id: str
    unit: str
    at: datetime
    until: datetime
    items: tuple[str, ...]
