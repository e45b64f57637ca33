"""What exports hold, withhold and count: pure rules."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.bags import Sums, bag_info, manifests
from evidence.errors import Conflict, Invalid
from evidence.events import MOST_SUBJECTS, EventDraft, EventType, Subject, seal
from evidence.exports import (
    DISCLOSED,
    MOST_ITEMS,
    USUAL_RENDITIONS,
    Export,
    Matter,
    Plan,
    PlannedFile,
    Profile,
    Told,
    Wanted,
    asked_events,
    checked_items,
    checked_renditions,
    told_by,
)
from evidence.items import Item, Submission
from evidence.leaf import ChainLink, encode_leaf
from evidence.proofs import ItemProof, ProvenEvent
from evidence.withholding import agents_in, disclosed, missing_segments, withheld_original

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ITEM = "0197a5a0-0000-7000-8000-000000000001"
AGENT = "4c928d46-7c8f-4152-85d1-5cc728b713e7"


def proven(kind: EventType, number: int) -> ProvenEvent:
    """An event of that type about the item, with detail."""
    draft = EventDraft(kind, AGENT, AT, (Subject("item", ITEM),), detail={"said": kind.value})
    event_id = f"0197a5a0-0000-7000-8000-{number:012}"
    made = seal(draft, event_id=event_id, emitter=AGENT, n=number, salt=bytes([number % 256]) * 32)
    leaf = encode_leaf(made.data, [ChainLink(ITEM, number, None if number == 0 else "00" * 32)])
    return ProvenEvent(leaf, "proof", made.salt, made.detail)


EVERY = ItemProof(ITEM, "key", "note", [proven(kind, number) for number, kind in enumerate(EventType)], 0)


def test_each_profile_discloses_what_the_next_one_does_and_more() -> None:
    assert DISCLOSED[Profile.DEFENCE] < DISCLOSED[Profile.COURT] < DISCLOSED[Profile.INTERNAL] == set(Told)
    told = {kind.value: told_by(kind).value for kind in EventType}
    assert {told[name] for name in ("viewing.opened", "list.shown", "item.shown", "export.made")} == {
        "access"
    }
    assert {told[name] for name in ("note.written", "review.made", "case.described")} == {"deliberation"}
    assert {told[name] for name in ("item.ingested", "rendition.made", "item.disposed", "hold.placed")} == {
        "keeping"
    }


@pytest.mark.parametrize("profile", Profile)
def test_no_event_is_left_out_and_every_withheld_detail_is_listed(profile: Profile) -> None:
    shown, withheld = disclosed(EVERY, profile)
    assert [one.leaf for one in shown.events] == [one.leaf for one in EVERY.events]
    listed = {line["event"]: line for line in withheld}  # type: ignore[call-overload, index]
    assert len(listed) == len(withheld)
    for before, one in zip(EVERY.events, shown.events, strict=True):
        event = json.loads(one.leaf)["event"]
        kept = told_by(EventType(event["type"])) in DISCLOSED[profile]
        assert (one.salt, one.detail) == ((before.salt, before.detail) if kept else (None, None))
        assert (event["id"] in listed) != kept
        if not kept:
            assert listed[event["id"]] == {
                "what": "detail", "item": ITEM, "event": event["id"], "type": event["type"],
                "digest": event["detail"], "why": "profile",
            }  # fmt: skip


def test_what_nobody_has_any_more_is_said_to_be_so() -> None:
    gone = replace(EVERY, events=[replace(EVERY.events[0], salt=None, detail=None)])
    _, withheld = disclosed(gone, Profile.INTERNAL)
    assert [line["why"] for line in withheld] == ["not-kept"]  # type: ignore[call-overload, index]
    assert agents_in([EVERY, gone]) == [AGENT]


def item(number: int | None, device: str | None = "DSJ", recording: str | None = "R") -> Item:
    said = Submission("a.mp4", device=device, recording=recording, segment=number)
    return Item(ITEM, ITEM, "u", AGENT, said, "video", "video/mp4", 5, "ab" * 32, 1, "originals/x", AT, AT)


@given(numbers=st.sets(st.integers(0, 10**9), min_size=1, max_size=20))
def test_missing_numbers_and_those_that_are_there_make_all_of_them(numbers: set[int]) -> None:
    found = missing_segments([item(number) for number in numbers])
    runs = found[0]["segments"] if found else []  # type: ignore[call-overload, index]
    covered = sum(last - first + 1 for first, last in runs)  # type: ignore[misc]
    assert covered + len(numbers) == max(numbers) - min(1, *numbers) + 1
    for first, last in runs:  # type: ignore[misc]
        assert first <= last
        assert not any(first <= number <= last for number in numbers)


def test_only_what_says_its_device_recording_and_number_is_counted() -> None:
    assert missing_segments([item(None), item(5, device=None), item(5, recording=None)]) == []
    assert missing_segments([item(0), item(1)]) == []
    assert missing_segments([item(3), item(5)]) == [
        {"device": "DSJ", "recording": "R", "segments": [[1, 2], [4, 4]]}
    ]


@pytest.mark.parametrize("matter", Matter)
@pytest.mark.parametrize("count", [1, 198, 199, 200, 201, 5000])
def test_every_item_is_in_one_event_that_names_the_export(matter: Matter, count: int) -> None:
    items = tuple(f"{number:036}" for number in range(count))
    wanted = Wanted(Profile.COURT, "r")
    drafts = asked_events(Export("export", "u", matter, "case", wanted, AGENT, AT, "event", items))
    about = {("export", "export")} | ({("case", "case")} if matter is Matter.CASE else set())
    named: list[str] = []
    for draft in drafts:
        subjects = [(one.kind, one.id) for one in draft.subjects]
        assert len(subjects) <= MOST_SUBJECTS
        assert about <= set(subjects)
        named += [subject for kind, subject in subjects if kind == "item"]
    assert named == list(items)
    assert [draft.id for draft in drafts] == [None] * (len(drafts) - 1) + ["event"]


def test_an_original_that_is_not_sent_is_named_by_its_digest() -> None:
    line = withheld_original(item(1))
    assert line == {"what": "original", "item": ITEM, "size": 5, "sha256": "ab" * 32, "why": "not-asked-for"}


def test_what_can_be_asked_for() -> None:
    assert checked_renditions([*USUAL_RENDITIONS, "poster"]) == USUAL_RENDITIONS
    with pytest.raises(Invalid, match="no copies of the kind 'x'"):
        checked_renditions(["x"])
    with pytest.raises(Conflict, match="Nothing is linked"):
        checked_items([])
    with pytest.raises(Invalid, match="at most 5000"):
        checked_items(["i"] * (MOST_ITEMS + 1))


@given(files=st.lists(st.tuples(st.text(max_size=9), st.integers(0, 2**53 - 1), st.integers(0, 2**32 - 1))))
def test_a_plan_is_what_it_was(files: list[tuple[str, int, int]]) -> None:
    plan = Plan("n", AT, tuple(PlannedFile(path, size, crc, "k", size) for path, size, crc in files))
    assert Plan.decode(plan.encode()) == plan


@pytest.mark.parametrize("data", [b"", b"{}", b'{"v":"custos/export-plan/1"}', b'{"files":[],"v":"x"}'])
def test_what_is_no_plan(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Plan.decode(data)


def test_a_bag_is_told_in_the_words_of_its_rfc() -> None:
    sums = Sums(3, 7, "aa", "bb", "cc")
    assert manifests({"data/b": sums, "data/a": sums}) == {
        "manifest-sha256.txt": b"aa  data/a\naa  data/b\n",
        "manifest-sha512.txt": b"bb  data/a\nbb  data/b\n",
        "manifest-sm3.txt": b"cc  data/a\ncc  data/b\n",
    }
    assert set(manifests({}, tags=True)) == {f"tagmanifest-{one}.txt" for one in ("sha256", "sha512", "sm3")}
    assert bag_info([sums, sums], {"A": "1"}) == b"A: 1\nPayload-Oxum: 6.2\n"
    with pytest.raises(ValueError, match="one line"):
        bag_info([], {"A": "1\nB: 2"})
