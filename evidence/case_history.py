"""A case's own history, as far as somebody may see what it names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from evidence.access import Viewer
from evidence.agents import Action, Agent
from evidence.allowed import allowed_case, seen_among
from evidence.errors import Denied
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Transaction
from evidence.proofs import CaseProof
from evidence.withholding import closed_to, named_in

#: Identifiers that are asked about in one question.
_AT_ONCE = 1_000


def opened_to(
    tx: Transaction,
    authority: Authority,
    agent: Agent,
    proof: CaseProof,
    now: datetime,
    besides: Collection[str] = (),
) -> CaseProof:
    """The chain as that agent is shown it: what names an item or a case that they may not see is closed.

    `besides` are items that are open to them whatever is found. Who may see the case and not its history
    (it was shared with them, say) is shown what is in the history of these items all the same.
    """
    try:
        allowed_case(tx, authority, agent, Action.SEE_HISTORY, proof.case_id, now)
    except Denied:
        return closed_to(proof, besides, (), whole=False)
    items, cases = named_in(proof)
    seen, known = set(besides), set[str]()
    for some in _slices(items - seen):
        seen |= seen_among(tx, authority, agent, some, now)
    scope = authority.scope(agent, Action.SEE_CASE)
    if scope is not None:
        viewer = Viewer.of(agent, scope, now)
        for some in _slices(cases):
            known |= tx.cases.seen_by(viewer, some).keys()
    return closed_to(proof, seen, known)


def _slices(ids: Collection[str]) -> Iterator[Sequence[str]]:
    """These, so many at a time: twenty thousand looks may each have named two hundred."""
    listed = sorted(ids)
    return (listed[first : first + _AT_ONCE] for first in range(0, len(listed), _AT_ONCE))
