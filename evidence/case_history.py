"""A case's own history, as far as somebody may see what it names."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from evidence.access import Viewer
from evidence.agents import Action, Agent
from evidence.allowed import allowed_case, seen_among
from evidence.errors import Denied
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Transaction
from evidence.proofs import CaseProof
from evidence.withholding import closed_to, named_in


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
    seen = seen_among(tx, authority, agent, items.difference(besides), now)
    scope = authority.scope(agent, Action.SEE_CASE)
    known = {} if scope is None else tx.cases.seen_by(Viewer.of(agent, scope, now), cases)
    return closed_to(proof, seen.union(besides), known)
