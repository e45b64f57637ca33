"""The pattern for plain events says nothing that the parser does not say."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from evidence.canonical import parse_canonical
from evidence.events import EventDraft, EventType, Outcome, Subject, parse_event, seal
from evidence.ids import new_id, new_pseudonym
from evidence.plain_events import plain_subjects

AT = datetime(2026, 11, 30, 8, 0, 0, 123456, tzinfo=UTC)
IDS = st.uuids(version=4).map(str)


def sealed(draft: EventDraft) -> bytes:
    return seal(draft, event_id=new_id(AT), emitter=new_pseudonym(), n=7, salt=bytes(32)).data


def shown(kind: str = "item") -> bytes:
    subjects = (Subject(kind, new_pseudonym()), Subject("viewing", new_pseudonym()))
    return sealed(EventDraft(EventType.ITEM_SHOWN, new_pseudonym(), AT, subjects))


EVENTS = st.builds(
    EventDraft,
    type=st.sampled_from(EventType),
    agent=st.none() | IDS,
    at=st.datetimes(datetime(1901, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)),
    subjects=st.lists(st.builds(Subject, st.sampled_from(["item", "case"]), IDS), max_size=4).map(tuple),
    outcome=st.sampled_from(Outcome),
    digests=st.sampled_from([{}, {"sha256": "ab" * 32}]),
).map(sealed)


def subjects_as_parsed(event: bytes) -> list[str]:
    subjects = parse_event(event)["subjects"]
    assert isinstance(subjects, list)
    return sorted({str(one["id"]) for one in subjects if isinstance(one, dict)})


@given(EVENTS)
def test_what_custos_writes_is_plain_but_for_a_leap_day(event: bytes) -> None:
    expected = None if "-02-29T" in str(parse_canonical(event)["time"]) else subjects_as_parsed(event)
    assert plain_subjects(event) == expected


def test_what_is_not_plain_is_left_to_the_parser() -> None:
    assert plain_subjects(shown("object/2")) is None
    assert (
        plain_subjects(sealed(EventDraft(EventType.ITEM_SHOWN, None, AT, digests={"sm3": "ab" * 32}))) is None
    )


def test_no_day_is_plain_that_no_calendar_has() -> None:
    event = shown()
    for year in ("1900", "2000", "2026"):
        for month in range(14):
            for day in range(34):
                written = event.replace(b"2026-11-30T", f"{year}-{month:02}-{day:02}T".encode())
                found = plain_subjects(written)
                assert found is None or found == subjects_as_parsed(written)


@given(EVENTS, st.data())
@example(shown(), None)
def test_an_event_changed_anywhere_is_plain_only_if_the_parser_takes_it(
    event: bytes, data: st.DataObject | None
) -> None:
    changes = (
        [(at, byte) for at in range(len(event)) for byte in b'0a",]}:- \\']
        if data is None
        else [(data.draw(st.integers(0, len(event) - 1)), data.draw(st.integers(0, 255)))]
    )
    for at, byte in changes:
        for changed in (
            event[:at] + bytes([byte]) + event[at + 1 :],
            event[:at] + event[at + 1 :],
            event[:at] + bytes([byte]) + event[at:],
        ):
            found = plain_subjects(changed)
            assert found is None or found == subjects_as_parsed(changed)
