"""Events: canonical, bound to their detail, refused when anything in them is off."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical
from evidence.events import PREMIS_TYPES, EventDraft, EventType, Outcome, Subject, parse_event, seal
from evidence.ids import new_id, new_pseudonym
from evidence.leaf import ChainLink, encode_leaf, leaf_hash

AT = datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)
IDS = st.uuids(version=4).map(str)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
DRAFTS = st.builds(
    EventDraft,
    type=st.sampled_from(EventType),
    agent=st.none() | IDS,
    at=st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    subjects=st.lists(st.builds(Subject, st.sampled_from(["item", "upload"]), IDS), max_size=4).map(tuple),
    outcome=st.sampled_from(Outcome),
    digests=st.dictionaries(st.sampled_from(["sha256", "sha512", "sm3"]), st.just("ab" * 32), max_size=3),
    detail=st.dictionaries(TEXT, TEXT | st.integers(0, 9), max_size=4),
)


@given(DRAFTS, IDS, IDS, st.integers(0, 2**40), st.binary(min_size=32, max_size=32))
def test_an_event_is_canonical_and_bound_to_its_detail(
    draft: EventDraft, event_id: str, emitter: str, n: int, salt: bytes
) -> None:
    event = seal(draft, event_id=event_id, emitter=emitter, n=n, salt=salt)
    parsed = parse_event(event.data)
    assert canonical(parsed) == event.data
    assert parsed["detail"] == hashlib.sha256(salt + canonical(draft.detail)).hexdigest()
    assert (parsed["n"], parsed["id"], parsed["emitter"], parsed["agent"]) == (
        n,
        event_id,
        emitter,
        draft.agent,
    )
    assert parsed["subjects"] == [{"id": one.id, "kind": one.kind} for one in sorted(set(draft.subjects))]


def test_detail_never_stands_in_the_event() -> None:
    draft = EventDraft(
        EventType.ITEM_INGESTED, new_pseudonym(), AT, detail={"name": "张伟", "purpose": "审核"}
    )
    event = seal(draft, event_id=new_id(AT), emitter=new_pseudonym(), n=0, salt=bytes(32))
    assert "张伟".encode() not in event.data
    assert b"purpose" not in event.data


def test_every_type_says_its_premis_type_or_that_there_is_none() -> None:
    assert set(PREMIS_TYPES) == set(EventType)


def tampered() -> list[dict[str, object]]:
    event = seal(
        EventDraft(EventType.VIEWING_OPENED, new_pseudonym(), AT),
        event_id=new_id(AT),
        emitter=new_pseudonym(),
        n=0,
        salt=bytes(32),
    )
    good = json.loads(event.data)
    changes: list[dict[str, object]] = [
        {"v": "custos/event/2"},
        {"n": -1},
        {"n": True},
        {"premis": "deletion"},
        {"type": "viewing.imagined"},
        {"outcome": "fine"},
        {"time": "2026-11-22T08:00:00Z"},
        {"id": "1"},
        {"agent": "li"},
        {"extra": 1},
    ]
    return [{**good, **change} for change in changes]


@pytest.mark.parametrize("event", tampered())
def test_what_breaks_a_rule_is_refused(event: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        parse_event(canonical(event))  # type: ignore[arg-type]


def test_a_leaf_names_every_subject_once_and_hashes_as_rfc_6962_says() -> None:
    subject = new_pseudonym()
    event = seal(
        EventDraft(EventType.ITEM_SHOWN, None, AT + timedelta(hours=1), (Subject("item", subject),)),
        event_id=new_id(AT),
        emitter=new_pseudonym(),
        n=3,
        salt=bytes(32),
    )
    leaf = encode_leaf(event.data, [ChainLink(subject, 0, None)])
    assert leaf_hash(leaf) == hashlib.sha256(b"\x00" + leaf).digest()
    with pytest.raises(ValueError):
        encode_leaf(event.data, [])
    with pytest.raises(ValueError):
        ChainLink(subject, 1, None)
