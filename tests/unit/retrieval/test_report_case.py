"""A case's own history in a custody report: each event once, in the words of a case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evidence.cases import Case, CaseState
from evidence.events import EventDraft, EventType, Outcome, Subject, seal
from evidence.items import Category
from evidence.leaf import ChainLink, encode_leaf, leaf_hash
from evidence.ports.exports import Checked
from evidence.proofs import CaseProof, ClosedEvent, ProvenEvent
from evidence.report import Language, Report
from evidence.withholding import closed_to, named_in
from retrieval.report import AskedFor, CaseTold, case_report
from retrieval.report_case import CaseHistory, subjects_named
from retrieval.report_html import report_html
from retrieval.report_words import Words

BEGIN = datetime(2026, 11, 29, 1, tzinfo=UTC)
AGENT = "91f683ce-4462-48a4-bc66-a7bba3925b94"


def numbered(number: int) -> str:
    """An identifier."""
    return f"01a224d6-0000-7000-8000-{number:012x}"


CASE, ITEM, SECRET, OTHER = (numbered(number) for number in range(900, 904))


def about(
    kind: EventType, detail: Mapping[str, Any], *subjects: Subject, ended: str = "success"
) -> EventDraft:
    """An event of the case."""
    named = (Subject("case", CASE), *subjects)
    return EventDraft(kind, AGENT, BEGIN, named, Outcome(ended), detail=detail)


def proof_of(drafts: Sequence[EventDraft], hidden: frozenset[int] = frozenset()) -> CaseProof:
    """The chain of these; `hidden` show no detail."""
    chain, before = list[ProvenEvent | ClosedEvent](), None
    for number, draft in enumerate(drafts):
        made = seal(draft, event_id=numbered(number), emitter=AGENT, n=number, salt=bytes(32))
        links = [
            ChainLink(CASE, number, before) if one == CASE else ChainLink(one, 0, None)
            for one in sorted({subject.id for subject in made.subjects})
        ]
        leaf = encode_leaf(made.data, links)
        before = leaf_hash(leaf).hex()
        chain.append(ProvenEvent(leaf, "proof", bytes(32), None if number in hidden else made.detail))
    return CaseProof(CASE, "key", "checkpoint", chain, 0)


def report_of(history: CaseHistory, language: Language = Language.ENGLISH) -> Report:
    case = Case(CASE, "north", "粤执〔2026〕37号", Category.PENALTY, CaseState.FILED, AGENT, BEGIN)
    words = Words(language, timedelta(hours=8), {AGENT: "张伟"}, {OTHER: "另案2号"})
    asked = AskedFor(AGENT, BEGIN, "server clock, synchronised", numbered(950))
    return case_report(words, asked, CaseTold(case, history=history))


def checked(proof: CaseProof, **more: Any) -> CaseHistory:
    good = Checked("log", 99, "root", 0, "key", 0, True)
    return CaseHistory(proof, replace(good, **more))


@st.composite
def histories(make: st.DrawFn) -> tuple[list[EventDraft], frozenset[int]]:
    drafts = []
    for _ in range(make(st.integers(0, 20))):
        subjects = make(st.sets(st.sampled_from([Subject("item", ITEM), Subject("case", OTHER)])))
        detail = make(st.sampled_from([{}, {"other": "x"}, {"reason": "r"}, {"was": 3, "is": []}]))
        kind, ended = make(st.sampled_from(EventType)), make(st.sampled_from(Outcome))
        drafts.append(about(kind, detail, *subjects, ended=ended))
    return drafts, frozenset(make(st.sets(st.integers(0, 19))))


@given(histories(), st.sampled_from(Language))
def test_every_event_of_a_case_is_told_once_or_counted(
    history: tuple[list[EventDraft], frozenset[int]], language: Language
) -> None:
    drafts, hidden = history
    report = report_of(checked(proof_of(drafts, hidden)), language)
    assert Counter(report.events) == Counter(numbered(number) for number in range(len(drafts)))


def test_it_says_what_was_linked_by_whom_and_why_it_was_withdrawn() -> None:
    link = (Subject("item", ITEM), Subject("link", numbered(5)))
    was = {"title": "a", "parties": [], "place": "", "fields": {"表号": "1"}}
    proof = proof_of(
        [
            about(EventType.CASE_OPENED, {"number": "粤执〔2026〕37号", "category": "penalty"}),
            about(EventType.LINK_MADE, {"origin": "joined", "number": "粤执〔2026〕37号"}, *link),
            about(EventType.LINK_WITHDRAWN, {"reason": "系另案"}, *link),
            about(EventType.CASE_DESCRIBED, {"was": was, "is": {**was, "title": "b"}}),
            about(
                EventType.CASE_MOVED, {"from": "open", "to": "joined", "about": "r"}, Subject("case", OTHER)
            ),
            about(EventType.PERSON_ASSIGNED, {"username": "liming"}, Subject("agent", AGENT)),
            about(EventType.ENTRY_EXCUSED, {"code": "c-1", "reason": "无设备"}),
            about(EventType.CASE_SHOWN, {}),
            about(EventType.CASE_SHOWN, {}),
        ]
    )
    history = replace(checked(proof), names={ITEM: "执法.mp4"})
    text = report_html(report_of(history)).decode()
    for said in (
        "Linked to the case; 执法.mp4; because a case was joined into this one",
        "Link to the case withdrawn; 执法.mp4; reason: 系另案",
        "Title: “a” became “b”",
        "Case moved to another state; other case: 另案2号; from open to joined into another; reason: r",
        "A person assigned to the case; liming",
        "An entry of the checklist excused; c-1; reason: 无设备",
        "<td>the case file was shown<td>2<td>",
        "9 events of the case lead by their proofs",
    ):
        assert said in text, said
    chinese = report_html(report_of(history, Language.CHINESE)).decode()
    assert "撤销与本案的关联；执法.mp4；理由：系另案" in chinese
    assert (subjects_named(proof, "item"), subjects_named(proof, "case")) == ([ITEM], [CASE, OTHER])


def test_what_is_wrong_with_its_chain_is_said_where_nobody_misses_it() -> None:
    proof = proof_of([about(EventType.CASE_OPENED, {})])
    broken = report_html(report_of(checked(proof, unbroken=False))).decode()
    assert "<p class=loud>The chain of the case&#x27;s events has a hole." in broken
    failed = report_html(report_of(checked(proof, failed=1))).decode()
    assert "1 of 1 events of the case do NOT lead" in failed


def test_what_somebody_may_not_see_closes_the_event_and_leaves_its_hash() -> None:
    proof = proof_of(
        [
            about(EventType.CASE_OPENED, {}),
            about(EventType.LINK_MADE, {}, Subject("item", ITEM)),
            about(EventType.LINK_MADE, {}, Subject("item", SECRET)),
            about(EventType.LIST_SHOWN, {}, Subject("case", OTHER)),
        ]
    )
    assert named_in(proof) == ({ITEM, SECRET}, {OTHER})

    def open_of(shown: CaseProof) -> list[bool]:
        return [isinstance(one, ProvenEvent) for one in shown.chain]

    assert open_of(closed_to(proof, {ITEM, SECRET}, {OTHER})) == [True] * 4
    assert open_of(closed_to(proof, {ITEM}, {OTHER})) == [True, True, False, True]
    assert open_of(closed_to(proof, {ITEM, SECRET}, ())) == [True, True, True, False]
    # Whoever may not see the case's history: what is in the items' own.
    assert open_of(closed_to(proof, {ITEM}, (), whole=False)) == [False, True, False, False]
    shown = closed_to(proof, {ITEM}, ())
    assert [one.hash for one in shown.chain if isinstance(one, ClosedEvent)] == [
        leaf_hash(one.leaf) for one in proof.events[2:]
    ]
    assert (
        "2 events of this case name something that is not open"
        in report_html(report_of(checked(shown))).decode()
    )
