"""Disposal over the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from api.schemas import Body
from cases.disposal import DueItem, Judged, ProposalView
from evidence.cases import LONGEST_TEXT
from evidence.disposal import MOST_ITEMS, Fate, Notice, Outcome, Proposal
from evidence.timekeeping import to_text


class DisposalWanted(Body):
    """Which items are to be disposed of, and why; with `preview` nothing is proposed."""

    items: list[str] = Field(min_length=1, max_length=MOST_ITEMS)
    reason: str = Field(min_length=1, max_length=LONGEST_TEXT)
    preview: bool = False


class DueOut(BaseModel):
    """An item whose retention is over, by what, and what may become of it."""

    item: str
    unit: str
    filename: str
    kind: str
    size: int
    committed_at: str
    keep_until: str | None
    keep_basis: str
    locked_until: str
    fate: Fate

    @classmethod
    def of(cls, due: DueItem) -> DueOut:
        """From the domain."""
        item = due.item
        return cls(
            item=item.id,
            unit=item.unit,
            filename=item.submission.filename,
            kind=item.kind,
            size=item.size,
            committed_at=to_text(item.committed_at),
            keep_until=None if item.keep_until is None else to_text(item.keep_until),
            keep_basis=item.keep_basis,
            locked_until=to_text(item.locked_until),
            fate=due.fate,
        )


class DueList(BaseModel):
    """A page of them, newest first; `next` asks for the following page."""

    items: list[DueOut]
    next: str | None


class ItemFateOut(BaseModel):
    """What may become of an item."""

    item: str
    fate: Fate


class ApprovalOut(BaseModel):
    """One person's approval."""

    by: str | None
    at: str


class OutcomeOut(BaseModel):
    """An item of a proposal: gone (`disposed_at`), left out (`spared`), or neither yet."""

    item: str
    disposed_at: str | None
    sha256: str | None
    spared: Fate | None

    @classmethod
    def of(cls, outcome: Outcome) -> OutcomeOut:
        """From the domain."""
        gone = outcome.tombstone
        return cls(
            item=outcome.item_id,
            disposed_at=None if gone is None else to_text(gone.at),
            sha256=None if gone is None else gone.sha256,
            spared=outcome.spared,
        )


class DisposalOut(BaseModel):
    """A proposal as lists show it."""

    id: str
    unit: str
    state: str
    reason: str
    items: int
    proposed_by: str | None
    proposed_at: str
    approvals: list[ApprovalOut]
    refused_by: str | None
    refused_at: str | None
    refused_for: str | None
    finished_at: str | None

    @classmethod
    def of(cls, proposal: Proposal, names: Mapping[str, str]) -> DisposalOut:
        """From the domain."""
        refused_by = proposal.refused_by
        return cls(
            id=proposal.id,
            unit=proposal.unit,
            state=proposal.state.value,
            reason=proposal.reason,
            items=len(proposal.items),
            proposed_by=names.get(proposal.proposed_by),
            proposed_at=to_text(proposal.proposed_at),
            approvals=[
                ApprovalOut(by=names.get(one.agent_id), at=to_text(one.at)) for one in proposal.approvals
            ],
            refused_by=None if refused_by is None else names.get(refused_by),
            refused_at=None if proposal.refused_at is None else to_text(proposal.refused_at),
            refused_for=proposal.refused_for,
            finished_at=None if proposal.finished_at is None else to_text(proposal.finished_at),
        )


class DisposalDetail(DisposalOut):
    """A proposal with what has become of each of its items.

    `salt`: with it the certificate's `detail` is checked against unit and reason.
    """

    salt: str
    outcomes: list[OutcomeOut]

    @classmethod
    def of_view(cls, view: ProposalView) -> DisposalDetail:
        """From the domain."""
        return cls(
            **DisposalOut.of(view.proposal, view.names).model_dump(),
            salt=view.proposal.salt.hex(),
            outcomes=[OutcomeOut.of(one) for one in view.outcomes],
        )


class DisposalPage(BaseModel):
    """A page of proposals, newest first; `next` asks for the following page."""

    disposals: list[DisposalOut]
    next: str | None


class JudgedOut(BaseModel):
    """One line for each item that was asked about, and the proposal of those that are due."""

    preview: bool
    items: list[ItemFateOut]
    disposal: DisposalOut | None

    @classmethod
    def of(cls, judged: Judged, names: Mapping[str, str], *, preview: bool) -> JudgedOut:
        """From the domain."""
        return cls(
            preview=preview,
            items=[ItemFateOut(item=item_id, fate=fate) for item_id, fate in judged.fates],
            disposal=None if judged.proposal is None else DisposalOut.of(judged.proposal, names),
        )


class NoticeOut(BaseModel):
    """What of a unit falls due before `until`."""

    id: str
    unit: str
    at: str
    until: str
    items: list[str]


class NoticeList(BaseModel):
    """Notices, newest first."""

    notices: list[NoticeOut]

    @classmethod
    def of(cls, notices: Sequence[Notice]) -> NoticeList:
        """From the domain."""
        return cls(
            notices=[
                NoticeOut(
                    id=one.id,
                    unit=one.unit,
                    at=to_text(one.at),
                    until=to_text(one.until),
                    items=list(one.items),
                )
                for one in notices
            ]
        )
