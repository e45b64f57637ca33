"""Custody reports: what they tell of, in which words, and what becomes of names that want to do something."""

from __future__ import annotations

import json
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical
from evidence.events import EventDraft, EventType, Outcome, Subject, seal
from evidence.exports import Profile
from evidence.items import Item, Submission
from evidence.leaf import ChainLink, encode_leaf, leaf_hash
from evidence.ports.exports import Checked
from evidence.proofs import ItemProof, ProvenEvent
from evidence.report import Language, Place, place_of, plain, sittings, told
from evidence.schedules import NO_RULE
from evidence.timekeeping import TimeStatement
from retrieval.report import AskedFor, CaseTold, case_report, item_report
from retrieval.report_html import report_html
from retrieval.report_item import ItemTold, missing_numbers
from retrieval.report_words import Words, catalogue, clock

BEGIN = datetime(2026, 11, 29, 1, tzinfo=UTC)
ZONE = timedelta(hours=8)
ITEM = "01a224d6-522d-7436-8875-6e252085094e"
PEOPLE = ("91f683ce-4462-48a4-bc66-a7bba3925b94", "a9673362-31b9-40fe-b928-0a916fc79118")
SHA256 = "4743e1eac37ed9d236a430ad79c2bc5a7f195c649859c20626b4561e712e48ab"


def numbered(number: int) -> str:
    """An identifier."""
    return f"01a224d6-0000-7000-8000-{number:012x}"


def proof_of(drafts: Sequence[EventDraft], hidden: frozenset[int] = frozenset(), first: int = 0) -> ItemProof:
    """A chain of these events; the details of `hidden` are not shown."""
    events, before = [], SHA256
    for number, draft in enumerate(drafts, first):
        sealed = seal(draft, event_id=numbered(number), emitter=numbered(9), n=number, salt=bytes(32))
        links = [
            ChainLink(one.id, number, before if number else None)
            if one.id == ITEM
            else ChainLink(one.id, 0, None)
            for one in {subject.id: subject for subject in sealed.subjects}.values()
        ]
        leaf = encode_leaf(sealed.data, links)
        before = leaf_hash(leaf).hex()
        shown = number - first not in hidden
        proof = f"c2sp.org/tlog-proof@v1\nindex {number}\n\n"
        events.append(ProvenEvent(leaf, proof, bytes(32), sealed.detail if shown else None))
    return ItemProof(ITEM, "key", "checkpoint", events, 0)


def draft(
    kind: EventType, detail: Mapping[str, Any], *, after: int = 0, agent: str | None = None, **subjects: str
) -> EventDraft:
    """An event of the item, so many minutes after the beginning."""
    about = [Subject("item", ITEM), *(Subject(name, one) for name, one in subjects.items())]
    at = BEGIN + timedelta(minutes=after)
    return EventDraft(kind, agent, at, tuple(about), detail=detail)


def item(**said: Any) -> Item:
    """A recording of 15 minutes."""
    submission = Submission(**{"filename": "执法.mp4", **said})
    return Item(
        ITEM, numbered(1), "north", PEOPLE[0], submission, "video", "video/mp4", 1000, SHA256, 0, "key",
        BEGIN, BEGIN, summary={"duration_ms": 900_000},
    )  # fmt: skip


def told_of(proof: ItemProof, about: Item | None = None, withheld: frozenset[str] = frozenset()) -> ItemTold:
    """The item with that history."""
    checked = Checked("log", 99, "root", 2, "key", 0, True)
    return ItemTold(about or item(), proof, checked, None, (), withheld=withheld)


def words(language: Language = Language.ENGLISH, names: Mapping[str, str] | None = None) -> Words:
    """What says things."""
    return Words(language, ZONE, names or {PEOPLE[0]: "张伟"})


def asked(profile: Profile | None = None) -> AskedFor:
    """Somebody who asks."""
    return AskedFor(PEOPLE[0], BEGIN, "server clock, synchronised", numbered(500), profile)


def page(one: ItemTold, language: Language = Language.ENGLISH, names: Mapping[str, str] | None = None) -> str:
    """The report as a page."""
    return report_html(item_report(words(language, names), asked(), one)).decode()


def test_the_catalogues_say_the_same_with_the_same_gaps() -> None:
    chinese, english = (catalogue(language) for language in Language)
    assert chinese.keys() == english.keys()
    for key, text in chinese.items():
        gaps = [{name for _, name, _, _ in string.Formatter().parse(one)} for one in (text, english[key])]
        assert gaps[0] - {None} == gaps[1] - {None}, key


def test_everything_that_happens_to_an_item_has_words() -> None:
    # What names no item, and what is told by sittings.
    elsewhere = (
        "emitter.", "session.", "agent.", "token.", "schedule.", "unit.", "key.", "form.", "checklist.",
        "person.", "note.", "case.opened", "case.described", "case.moved", "list.imported", "entry.excused",
        "entry.asked", "log.", "export.imported", "export.discarded", "viewing.", "playback.", "catalogue.",
        "installation.", "journal.",
    )  # fmt: skip
    told_of = [kind.value for kind in EventType if not kind.value.startswith(elsewhere)]
    assert [kind for kind in told_of if kind not in catalogue(Language.CHINESE)] == []


_DETAILS: dict[EventType, list[Mapping[str, Any]]] = {
    EventType.VIEWING_OPENED: [{"content": "original", "from": 0, "to": 9, "purpose": "p", "seconds": 300}],
    EventType.VIEWING_CLOSED: [{"content": "original", "bytes": 5, "ranges": [[0, 5]]}, {"content": "x"}],
    EventType.PLAYBACK_CLOSED: [{"watched": [{"item": ITEM, "ranges": [[0, 900]]}], "purpose": None}],
    EventType.RETENTION_SET: [{"was": None, "keep_until": None, "basis": "b", "schedule": 1}],
    EventType.MARK_MADE: [{"kind": "marker", "label": "l", "note": "", "spans": []}],
    EventType.RENDITION_MADE: [{"rendition": "r", "kind": "still-40000", "size": 5, "provenance": {}}],
}
_SUBJECTS = ("viewing", "playback", "export", "case")


@st.composite
def histories(make: st.DrawFn) -> tuple[list[EventDraft], frozenset[int]]:
    """Any events in any order, some without their detail."""
    drafts = []
    for number in range(make(st.integers(0, 25))):
        kind = make(st.sampled_from(EventType))
        detail = make(st.sampled_from([{}, {"other": "x"}, *_DETAILS.get(kind, [])]))
        about = {make(st.sampled_from(_SUBJECTS)): numbered(make(st.integers(100, 103)))}
        agent = make(st.sampled_from([None, *PEOPLE]))
        made = draft(kind, detail, after=number * make(st.sampled_from([0, 1, 40])), agent=agent, **about)
        outcome = make(st.sampled_from(Outcome))
        drafts.append(
            EventDraft(made.type, made.agent, made.at, made.subjects, outcome, {"sha256": SHA256}, detail)
        )
    return drafts, frozenset(make(st.sets(st.integers(0, 24))))


@given(histories(), st.sampled_from(Language))
def test_every_event_is_told_in_exactly_one_place_or_counted(
    history: tuple[list[EventDraft], frozenset[int]], language: Language
) -> None:
    drafts, hidden = history
    report = item_report(words(language), asked(), told_of(proof_of(drafts, hidden)))
    assert Counter(report.events) == Counter(numbered(number) for number in range(len(drafts)))
    assert report_html(report) == report_html(report)


def test_an_event_of_a_type_that_nobody_knows_yet_is_told_as_that() -> None:
    proof = proof_of([draft(EventType.ITEM_LOCKED, {"locked_until": "2027-01-01T00:00:00.000000Z"})])
    leaf = proof.events[0].leaf.replace(b'"item.locked"', b'"item.blessed"')
    strange = ItemProof(ITEM, "", "", [ProvenEvent(leaf, proof.events[0].proof, None, b"{}")], 0)
    assert "An event of the type “item.blessed”" in page(told_of(strange)).replace("&#x27;", "'")
    assert place_of("item.blessed") is Place.LAY


def test_sittings_end_with_a_pause_and_belong_to_one_person() -> None:
    def opened(after: int, agent: str, number: int) -> EventDraft:
        detail = {"content": "original", "from": 0, "to": 9, "purpose": "p", "seconds": 300}
        return draft(EventType.VIEWING_OPENED, detail, after=after, agent=agent, viewing=numbered(number))

    def closed(after: int, agent: str, number: int, *ranges: tuple[int, int]) -> EventDraft:
        pieces = [list(one) for one in ranges]
        detail = {"content": "original", "bytes": sum(e - b for b, e in ranges), "ranges": pieces}
        return draft(EventType.VIEWING_CLOSED, detail, after=after, agent=agent, viewing=numbered(number))

    one, other = PEOPLE
    drafts = [
        opened(0, one, 1),
        opened(1, other, 2),
        closed(5, one, 1, (0, 600)),
        opened(34, one, 3),
        closed(36, one, 3, (600, 1000)),
        opened(70, one, 4),
    ]
    found = sittings(told(proof_of(drafts)), ITEM)
    assert [(each.agent, each.sent, each.open) for each in found] == [
        (one, 1000, 0),
        (other, 0, 1),
        (one, 0, 1),
    ]
    text = page(told_of(proof_of(drafts)))
    assert "the original; all of it was sent" in text
    assert "1,000 bytes" in text
    assert "2026-11-29 09:00:00 – 09:36:00" in text
    assert "1 not closed yet" in text


def test_what_a_player_showed_is_said_in_minutes_and_never_more_than_it_was() -> None:
    watched = [
        {"item": ITEM, "ranges": [[0, 760_000], [800_050, 800_940]]},
        {"item": "x", "ranges": [[770_000, 780_000]]},
    ]
    playback = {"playback": numbered(7)}
    drafts = [
        draft(EventType.PLAYBACK_OPENED, {"purpose": "复核"}, agent=PEOPLE[0], **playback),
        draft(EventType.PLAYBACK_CLOSED, {"watched": watched}, agent=PEOPLE[0], after=13, **playback),
    ]
    text = page(told_of(proof_of(drafts)), Language.CHINESE)
    assert "00:00–12:40、13:20.1–13:20.9，全长 15:00" in text
    assert "张伟" in text
    assert "播放会话；目的：复核" in text
    assert clock(36_615) == "1:01:01.5"


def test_what_a_crash_left_open_is_said_as_that() -> None:
    opened = {"content": "original", "from": 0, "to": 9, "purpose": None, "seconds": 300}
    first = draft(EventType.VIEWING_OPENED, opened, agent=PEOPLE[1], viewing=numbered(7))
    last = EventDraft(
        EventType.VIEWING_CLOSED,
        PEOPLE[1],
        BEGIN,
        first.subjects,
        Outcome.UNKNOWN,
        {},
        {"content": "original"},
    )
    assert "up to what was permitted may have been sent" in page(told_of(proof_of([first, last])))


def test_looks_are_counted_by_person_and_kind() -> None:
    drafts = [draft(EventType.LIST_SHOWN, {"of": "items"}, after=n, agent=PEOPLE[0]) for n in range(12)]
    drafts.append(draft(EventType.ACCESS_DENIED, {"method": "GET", "path": "/"}, agent=PEOPLE[1]))
    report = item_report(words(), asked(), told_of(proof_of(drafts)))
    text = report_html(report).decode()
    assert "<td>12<td>2026-11-29 09:00:00 – 09:11:00" in text
    assert "was refused access" in text


def test_details_that_are_withheld_and_such_as_are_gone_are_told_apart() -> None:
    drafts = [draft(EventType.HOLD_PLACED, {"reason": "geheim", "authority": "a"}) for _ in range(3)]
    one = told_of(proof_of(drafts, frozenset({0, 2})), withheld=frozenset({numbered(0)}))
    text = page(one)
    assert "Hold placed; details withheld" in text
    assert "Hold placed; details not kept any more" in text
    assert "The details of 1 events are withheld" in text
    assert "The details of 1 events are not kept any more" in text
    assert text.count("geheim") == 1


def test_events_that_are_not_in_it_are_counted() -> None:
    drafts = [draft(EventType.ITEM_DESCRIBED, {}) for _ in range(2)]
    proof = proof_of(drafts, first=7)
    text = page(told_of(ItemProof(ITEM, "", "", proof.events, 3)))
    assert "The 7 oldest events of this item are not told here" in text
    assert "3 events of this item are not in the log yet" in text
    assert "from its number 7 to its number 8" in text


@pytest.mark.parametrize(
    ("failed", "unbroken", "said"),
    [(2, True, "2 of 3 events of item"), (0, False, "has a hole"), (0, True, "lead by their proofs")],
)
def test_what_does_not_prove_is_not_to_be_missed(failed: int, unbroken: bool, said: str) -> None:
    proof = proof_of([draft(EventType.ITEM_DESCRIBED, {}) for _ in range(3)])
    one = ItemTold(item(), proof, Checked("log", 9, "root", 0, "k", failed, unbroken), None, ())
    report = item_report(words(), asked(), one)
    (loud,) = [b.loud for s in report.sections for b in s.blocks if said in getattr(b, "text", "")]
    assert loud == (said != "lead by their proofs")


def test_every_statement_of_time_stands_as_it_was_made() -> None:
    times = (TimeStatement("device clock", "2026-11-21 10:00:00", None, "start"),)
    about = item(times=times, sha256=SHA256)
    clocks = [
        {"source": "GPS time", "value": "02:00:09", "zone": None, "is_utc": True, "marks": "moment"},
        {"source": "file name", "value": "20261121", "zone": "+08:00", "is_utc": False, "marks": "start"},
    ]
    one = ItemTold(about, proof_of([]), None, {"facts": {"clocks": clocks}}, ())
    text = page(one)
    for cells in (
        ("the device&#x27;s clock", "2026-11-21 10:00:00", "none", "beginning"),
        ("GPS time", "02:00:09", "UTC by definition", "a moment"),
        ("the name of the file", "20261121", "+08:00", "beginning"),
    ):
        assert "<td>" + "<td>".join(cells) in text
    assert "The sender named a SHA-256, and the bytes that arrived have it." in text
    assert "There is no log yet" in text


HOSTILE = "a\u202egpj.exe<script>alert(1)</script>&amp;\x00\u2028\"'${x}{y}%s\U000e0041"


def test_hostile_names_show_what_they_hold() -> None:
    detail = {"label": HOSTILE, "note": HOSTILE, "spans": [], "kind": "marker"}
    one = told_of(proof_of([draft(EventType.MARK_MADE, detail)]), item(filename=HOSTILE, device=HOSTILE))
    for language in Language:
        text = page(one, language, {PEOPLE[0]: HOSTILE})
        assert "<script" not in text
        assert not any(each in text for each in "\u202e\x00\u2028\U000e0041")
        assert "a[U+202E]gpj.exe&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;[U+0000][U+2028]" in text
        assert "${x}{y}%s[U+E0041]" in text


@given(st.text())
def test_what_is_plain_stays_so(text: str) -> None:
    assert plain(plain(text)) == plain(text)


def test_a_case_tells_what_is_missing_and_names_nobody_where_that_is_withheld() -> None:
    from evidence.cases import Case, CaseDetail, CaseState
    from evidence.items import Category

    case = Case(
        numbered(2), "north", "粤执〔2026〕1号", Category.PENALTY, CaseState.FILED, PEOPLE[0], BEGIN,
        CaseDetail("无证经营", ("张伟",)),
    )  # fmt: skip
    segments = [{"device": "CAM", "recording": "R", "segments": [[2, 2], [4, 6]]}]
    shown = case_report(words(), asked(), CaseTold(case, [told_of(proof_of([]))], segments))
    text = report_html(shown).decode()
    assert "of the segments here, numbers 2; 4–6 are missing" in text
    assert "无证经营" in text
    hidden = case_report(
        Words(Language.CHINESE, ZONE), asked(Profile.DEFENCE), CaseTold(case, closed_off=True)
    )
    text = report_html(hidden).decode()
    assert "无证经营" not in text
    assert "张伟" not in text
    assert f"人员或设备 {PEOPLE[0]}" in text
    assert "提供对象" in text
    assert missing_numbers(words(), []) == []


def test_a_link_names_a_case_only_to_whoever_may_see_it() -> None:
    made = draft(EventType.LINK_MADE, {"number": "秘密1号", "origin": "hand"}, case=numbered(2))
    one = told_of(proof_of([made]))
    for cases, said in (({}, False), ({numbered(2): "秘密1号"}, True)):
        report = item_report(Words(Language.ENGLISH, ZONE, {}, cases), asked(), one)
        assert ("秘密1号" in report_html(report).decode()) == said


def test_details_stay_canonical() -> None:
    # `proof_of` goes through the real sealing: what is told is what was committed to.
    (event,) = proof_of([draft(EventType.HOLD_LIFTED, {"reason": "r"})]).events
    assert event.detail == canonical({"reason": "r"})
    assert json.loads(event.leaf)["event"]["type"] == "hold.lifted"


def test_what_keeps_it_is_said_in_the_law_s_words_or_that_nothing_does() -> None:
    detail = {"was": None, "keep_until": None, "basis": "公安机关现场执法视音频记录工作规定", "schedule": 1}
    for basis, said in ((detail["basis"], detail["basis"]), (NO_RULE.basis, "没有规则涉及本证据材料")):
        about = replace(item(), keep_basis=str(basis))
        proof = proof_of([draft(EventType.RETENTION_SET, {**detail, "basis": basis})])
        text = page(told_of(proof, about), Language.CHINESE)
        assert f"<td>{said}" in text
        assert f"保存至 无期限；{said}" in text
        assert "No rule" not in text


def test_an_audit_says_what_was_not_as_recorded() -> None:
    wrong = [{"what": "playable", "finding": "mismatch"}, {"what": "original", "finding": "missing"}]
    good = {"method": "direct", "objects": 3, "findings": []}
    drafts = [
        draft(EventType.ITEM_AUDITED, good),
        replace(
            draft(EventType.ITEM_AUDITED, good | {"method": "cached", "findings": wrong}),
            outcome=Outcome.FAILURE,
        ),
    ]
    text = page(told_of(proof_of(drafts)))
    assert "from the disk, past the system&#x27;s memory; 3 objects, all of them as recorded" in text
    assert "3 objects; NOT as recorded: copy to be played (other bytes); the original (missing)" in text
