"""Cases, links and rights over the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, Field

from api.schemas import Body
from cases.dispatching import Report
from cases.files import CaseView
from cases.linking import Fate, Waiting
from evidence.access import Share
from evidence.agents import Restriction
from evidence.cases import LONGEST_NUMBER, LONGEST_TEXT, Case, CaseDetail, CaseState
from evidence.items import Category
from evidence.ports.lateness import Late, SilentDevice
from evidence.timekeeping import to_text

_MOST_FIELDS = 100


class CaseDetailBody(Body):
    """What can be withheld of a case."""

    title: str = Field("", max_length=LONGEST_TEXT)
    parties: list[str] = Field(default_factory=list, max_length=_MOST_FIELDS)
    place: str = Field("", max_length=LONGEST_TEXT)
    fields: dict[str, str] = Field(default_factory=dict, max_length=_MOST_FIELDS)

    def detail(self) -> CaseDetail:
        """For the domain."""
        return CaseDetail(self.title, tuple(self.parties), self.place, self.fields)


class CaseWanted(Body):
    """A new case; `unit` is one's own if none is given."""

    number: str = Field(min_length=1, max_length=LONGEST_NUMBER)
    category: Category = Category.OTHER
    unit: str | None = Field(None, max_length=128)
    detail: CaseDetailBody = CaseDetailBody(title="", place="")


class MoveWanted(Body):
    """Into which state, and why; for one that is transferred, to whom."""

    state: CaseState
    about: str = Field(min_length=1, max_length=LONGEST_TEXT)


class JoinWanted(Body):
    """Which case it is joined into, and why."""

    into: str
    reason: str = Field(min_length=1, max_length=LONGEST_TEXT)


class LinksWanted(Body):
    """Items to be linked; with `preview` it is only said what would become of each."""

    items: list[str] = Field(min_length=1, max_length=500)
    preview: bool = False


class Reason(Body):
    """Why; it goes on record."""

    reason: str = Field(min_length=1, max_length=LONGEST_TEXT)


class PersonWanted(Body):
    """Somebody's user name."""

    username: str = Field(min_length=1, max_length=128)


class RestrictionWanted(Body):
    """How far something is closed, and to whom it stays open where it is sealed."""

    restriction: Restriction
    named: list[str] = Field(default_factory=list, max_length=_MOST_FIELDS)
    reason: str = Field(min_length=1, max_length=LONGEST_TEXT)


class ShareWanted(Body):
    """Who may see it until when, and why."""

    username: str = Field(min_length=1, max_length=128)
    until: AwareDatetime
    reason: str = Field(min_length=1, max_length=LONGEST_TEXT)


class PurposeWanted(Body):
    """What one looks for."""

    purpose: str = Field(min_length=1, max_length=LONGEST_TEXT)


class PurposeOut(BaseModel):
    """Until when a stated purpose holds."""

    until: str

    @classmethod
    def of(cls, until: datetime) -> PurposeOut:
        """From the domain."""
        return cls(until=to_text(until))


class ShareOut(BaseModel):
    """A share as it was given."""

    id: str
    until: str

    @classmethod
    def of(cls, share: Share) -> ShareOut:
        """From the domain."""
        return cls(id=share.id, until=to_text(share.until))


class CaseDetailOut(BaseModel):
    """What can be withheld of a case."""

    title: str
    parties: list[str]
    place: str
    fields: dict[str, str]


class CaseOut(BaseModel):
    """One enforcement matter."""

    id: str
    unit: str
    number: str
    category: str
    state: str
    restriction: str
    opened_at: str
    closed_at: str | None
    transferred_to: str | None
    detail: CaseDetailOut

    @classmethod
    def of(cls, case: Case) -> CaseOut:
        """From the domain."""
        detail = case.detail
        return cls(
            id=case.id,
            unit=case.unit,
            number=case.number,
            category=case.category,
            state=case.state,
            restriction=case.restriction,
            opened_at=to_text(case.opened_at),
            closed_at=None if case.closed_at is None else to_text(case.closed_at),
            transferred_to=case.transferred_to,
            detail=CaseDetailOut(
                title=detail.title,
                parties=list(detail.parties),
                place=detail.place,
                fields=dict(detail.fields),
            ),
        )


class LinkOut(BaseModel):
    """A link of a case with an item; one that was withdrawn says when and why.

    An item that was disposed of says when, and by which disposal: that has the certificate.
    """

    id: str
    item: str
    filename: str
    kind: str
    origin: str
    made_at: str
    withdrawn_at: str | None
    withdrawn_for: str | None
    disposed_at: str | None
    disposal: str | None


class CaseFileOut(CaseOut):
    """A case with its people, and its links as far as whoever asks may see the items."""

    opened_by: str | None
    people: list[str]
    joined_into: str | None
    links: list[LinkOut]

    @classmethod
    def of_view(cls, view: CaseView) -> CaseFileOut:
        """From the domain."""
        return cls(
            **CaseOut.of(view.case).model_dump(),
            opened_by=view.names.get(view.case.opened_by),
            people=[view.names.get(agent_id, agent_id) for agent_id in view.people],
            joined_into=view.joined_into,
            links=[
                LinkOut(
                    id=one.link.id,
                    item=one.item.id,
                    filename=one.item.submission.filename,
                    kind=one.item.kind,
                    origin=one.link.origin,
                    made_at=to_text(one.link.made_at),
                    withdrawn_at=None if one.link.withdrawn_at is None else to_text(one.link.withdrawn_at),
                    withdrawn_for=one.link.withdrawn_for,
                    disposed_at=None if one.item.disposed_at is None else to_text(one.item.disposed_at),
                    disposal=one.item.disposed_in,
                )
                for one in view.links
            ],
        )


class CasePage(BaseModel):
    """A page of cases, newest first; `next` asks for the following page."""

    cases: list[CaseOut]
    next: str | None


class FateOut(BaseModel):
    """What became, or would become, of an item."""

    item: str
    fate: Fate


class LinksOut(BaseModel):
    """One line for each item that was asked about."""

    preview: bool
    items: list[FateOut]


class WaitingOut(BaseModel):
    """An item without a case; `named` is the case that its submitter named.

    `candidates` are the cases that it may belong to by the dispatch lists; nobody has chosen yet.
    """

    item: str
    filename: str
    kind: str
    unit: str
    device: str | None
    committed_at: str
    named: str | None
    candidates: list[str]

    @classmethod
    def of(cls, waiting: Waiting) -> WaitingOut:
        """From the domain."""
        item = waiting.item
        return cls(
            item=item.id,
            filename=item.submission.filename,
            kind=item.kind,
            unit=item.unit,
            device=item.submission.device,
            committed_at=to_text(item.committed_at),
            named=waiting.named,
            candidates=list(waiting.candidates),
        )


class Inbox(BaseModel):
    """A page of items without a case, newest first; `next` asks for the following page."""

    items: list[WaitingOut]
    next: str | None


class FaultOut(BaseModel):
    """A line that cannot be read, counted from 1 for the header."""

    line: int
    words: str


class ListReport(BaseModel):
    """What a dispatch list came to, or would come to; `linked` are items with the number of their case.

    `ambiguous` counts items that more than one case fits, or that say too little: they stay in the inbox.
    """

    dry_run: bool
    new: int
    changed: int
    same: int
    faults: list[FaultOut]
    opened: list[str]
    linked: dict[str, str]
    ambiguous: int

    @classmethod
    def of(cls, report: Report, *, dry_run: bool) -> ListReport:
        """From the domain."""
        return cls(
            dry_run=dry_run,
            new=report.new,
            changed=report.changed,
            same=report.same,
            faults=[FaultOut(line=one.line, words=one.words) for one in report.faults],
            opened=list(report.opened),
            linked=dict(report.linked),
            ambiguous=report.ambiguous,
        )


class LateOut(BaseModel):
    """A recording, and how many hours after its end it was received."""

    item: str
    filename: str
    unit: str
    officer: str | None
    device: str | None
    received_at: str
    hours: int

    @classmethod
    def of(cls, late: Late) -> LateOut:
        """From the domain."""
        item = late.item
        return cls(
            item=item.id,
            filename=item.submission.filename,
            unit=item.unit,
            officer=item.submission.officer,
            device=item.submission.device,
            received_at=to_text(item.committed_at),
            hours=int(late.by.total_seconds() // 3600),
        )


class LateList(BaseModel):
    """Recordings that came in late, newest first."""

    items: list[LateOut]


class SilentOut(BaseModel):
    """A device, and when something last came from it."""

    unit: str
    device: str
    last_at: str

    @classmethod
    def of(cls, silent: SilentDevice) -> SilentOut:
        """From the domain."""
        return cls(unit=silent.unit, device=silent.device, last_at=to_text(silent.last_at))


class SilentList(BaseModel):
    """Devices from which nothing has come for long, the longest silent first."""

    devices: list[SilentOut]
