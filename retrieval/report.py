"""A whole custody report, of an item or of a case, for `report_html` and `report_pdf` to show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from evidence.canonical import Json
from evidence.cases import Case
from evidence.exports import Profile
from evidence.items import Item
from evidence.ports.exports import Checked
from evidence.report import Block, Report, Row, Section, Sentence, Table
from retrieval.report_case import CaseHistory, case_details_missing, case_history, wrong_case
from retrieval.report_item import (
    ItemTold,
    checked_head,
    checked_item,
    details_missing,
    facts,
    item_sections,
    missing_details,
    missing_numbers,
    wrong_item,
)  # fmt: skip
from retrieval.report_words import Words


@dataclass(frozen=True, slots=True)
class AskedFor:
    """Who asked for a report, when, by which clock, and the event that says so.

    `profile` is that of the export in which it lies; None of one that somebody reads here.
    """

    agent_id: str
    at: datetime
    time_source: str
    event_id: str
    profile: Profile | None = None
    #: The size of the newest head that enough witnesses have cosigned.
    witnessed: int | None = None


@dataclass(frozen=True, slots=True)
class Apart:
    """An item that a page of its own tells of, under `link`; and how many events show no detail there."""

    item: Item
    link: str
    checked: Checked
    events: int
    withheld: int
    gone: int


@dataclass(frozen=True, slots=True)
class CaseTold:
    """A case as a report tells of it: what its reader may see.

    `items` are told of here, `apart` each on a page of its own; of what is `disposed` no history is here.
    `closed_off`: title, parties, place are withheld. `segments`: numbers that are missing among the items'.
    """

    case: Case
    items: Sequence[ItemTold] = ()
    segments: Sequence[Json] = ()
    apart: Sequence[Apart] = ()
    disposed: Sequence[Item] = ()
    closed_off: bool = False
    #: None where the reader may not see it, and where there is no log yet.
    history: CaseHistory | None = None


def item_report(words: Words, asked: AskedFor, one: ItemTold) -> Report:
    """The report of one item."""
    sections = item_sections(words, one)
    checked = [*checked_item(words, one), *_head(words, asked, one.checked)]
    sections.append(Section(2, f"{len(sections) + 1} {words.say('checked')}", checked))
    name = one.item.submission.filename
    return _whole(words, asked, words.say("of-item", name=name), one.item.id, sections)


def case_report(words: Words, asked: AskedFor, told: CaseTold) -> Report:
    """The report of a case: its facts and its history, then each item, then how all of it is checked."""
    case, items, history = told.case, told.items, told.history
    # What holds of one item is said at that item; what is wrong with any, where nobody misses it.
    wrong = [block for one in items for block in checked_item(words, one) if block.loud]
    for each in told.apart:
        wrong += wrong_item(words, each.item.id, each.checked, each.events)
    details = [details_missing(one) for one in items] + [(one.withheld, one.gone) for one in told.apart]
    if history is not None:
        wrong += wrong_case(words, history)
        details.append(case_details_missing(history))
    sections = [Section(2, words.say("case-facts"), [*wrong, *_case(words, told)])]
    if history is not None:
        sections.append(Section(2, words.say("case-history"), case_history(words, history)))
    missing: list[Block] = [*missing_numbers(words, told.segments), *missing_details(words, details)]
    missing += _disposed(words, [*(one.item for one in items), *told.disposed])
    sections.append(Section(2, words.say("missing"), missing or [Sentence(words.say("nothing-missing"))]))
    for number, one in enumerate(items, 1):
        name = one.item.submission.filename
        sections.append(Section(1, words.say("item-of", number=number, count=len(items), name=name)))
        of_item = item_sections(words, one)
        result = Section(2, f"{len(of_item) + 1} {words.say('result')}", checked_item(words, one))
        sections += [*of_item, result]
    known = [*(one.checked for one in items), *(one.checked for one in told.apart)]
    checked = next((one for one in known if one is not None), None)
    sections.append(Section(1, words.say("checked"), _head(words, asked, checked)))
    return _whole(words, asked, words.say("of-case", number=case.number), case.number, sections)


def _whole(words: Words, asked: AskedFor, subtitle: str, subject: str, sections: list[Section]) -> Report:
    rows = [
        ("asked-by", words.who(asked.agent_id)),
        ("asked-at", words.stamped(asked.at)),
        ("time-source", words.one_of("source", asked.time_source)),
        ("zone", words.say("zone-text", zone=words.zone_name)),
        ("recorded-as", asked.event_id),
    ]
    lead = [Sentence(words.say("lead"))]
    if asked.profile is not None:
        rows.insert(0, ("for-profile", words.one_of("profile", asked.profile.value)))
        lead.append(Sentence(words.say("lead-export")))
    top = Section(0, words.say("title"), [*lead, facts(words, rows)])
    foot = words.say("foot", subject=subject, at=words.stamped(asked.at))
    return Report(words.language, words.say("title"), subtitle, foot, asked.at, [top, *sections])


def _case(words: Words, told: CaseTold) -> list[Block]:
    case = told.case
    rows = [
        ("number", case.number),
        ("unit", case.unit),
        ("category", words.one_of("category", case.category.value)),
        ("state", words.one_of("state", case.state.value)),
        ("opened-at", words.stamped(case.opened_at)),
    ]
    if case.closed_at is not None:
        rows.append(("closed-at", words.stamped(case.closed_at)))
    if not told.closed_off:
        rows += [
            ("case-title", words.stated(case.detail.title)),
            ("parties", words.stated(words.listed(case.detail.parties))),
            ("place", words.stated(case.detail.place)),
        ]
    blocks: list[Block] = [facts(words, rows)]
    blocks.append(Sentence(words.say("case-scope" if told.history else "case-scope-alone")))
    linked = [(one.item, None) for one in told.items] + [(one.item, one.link) for one in told.apart]
    if not linked:
        return [*blocks, Sentence(words.say("no-items"))]
    head = tuple(map(words.say, ("filename", "size", "sha256")))
    listed = [
        Row((item.submission.filename, words.size(item.size), item.sha256), link=link)
        for item, link in linked
    ]
    return [*blocks, Sentence(words.say("case-items")), Table(head, (36, 14, 50), listed)]


def _disposed(words: Words, items: Sequence[Item]) -> list[Block]:
    rows = [
        Row((item.id, words.when(item.disposed_at), item.sha256))
        for item in items
        if item.disposed_at is not None
    ]
    if not rows:
        return []
    head = tuple(map(words.say, ("item", "item.disposed", "sha256")))
    return [Sentence(words.say("disposed-items", count=len(rows))), Table(head, (34, 20, 46), rows)]


def _head(words: Words, asked: AskedFor, checked: Checked | None) -> list[Block]:
    return checked_head(words, checked, asked.witnessed, exported=asked.profile is not None)
