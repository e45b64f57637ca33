"""What is searched of an item, gathered from everything that is known of it.

`refresh` is called in the transaction of every change that can be searched for, and makes the same entry
whenever it is called: what is kept and what `rebuild` would make are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.agents import Restriction
from evidence.canonical import Json
from evidence.cases import Case
from evidence.items import Item
from evidence.jobs import ASIDE, JobState
from evidence.places import MICRO, Place, thinned
from evidence.ports.catalogue import Transaction
from evidence.search import ClockKind, ClockReading, Entry, ItemState
from evidence.timekeeping import OFFICE_ZONE, TimeStatement, to_text, zone_text
from evidence.words import code, searchable
from evidence.written_time import read_time

#: A recording that says it is longer counts as this long when it is asked where it overlaps.
LONGEST = timedelta(days=1)
_UTC = timedelta(0)
_BOXES_ARE_UTC = ("(mvhd)", "(tkhd)", "(mdhd)")
_LONGEST_SOURCE = 200


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of one item, and of the cases that it is linked to."""

    item: Item
    description: Mapping[str, Json]
    agent_name: str | None
    is_playable: bool
    jobs: Sequence[JobState]
    case_numbers: Sequence[str] = ()
    notes: Sequence[str] = ()
    people: Sequence[str] = ()
    #: What a time without a zone is read in: the office's; where the format says so, in UTC as well.
    zone: timedelta = OFFICE_ZONE


def gather(tx: Transaction, item: Item) -> Known:
    """Everything that the catalogue knows of the item."""
    live = [made for made in tx.links.of_items([item.id]).get(item.id, ()) if made.withdrawn_at is None]
    linked = [case for made in live if (case := tx.cases.get(made.case_id)) is not None]
    return Known(
        item,
        tx.items.description(item.id) or {},
        tx.agents.names([item.agent_id]).get(item.agent_id),
        tx.items.rendition(item.id, "playable") is not None,
        [job.state for job in tx.jobs.of_subjects([item.id]) if job.stage not in ASIDE],
        # A sealed case is named to whoever is named in it, not to whoever searches.
        [case.number for case in linked if case.restriction is not Restriction.SEALED],
        notes=[*_stated_of(tx, item.id), *_written_in(tx, linked), *tx.marks.words(item.id)],
        people=[name for case in linked if case.restriction is Restriction.NONE for name in _said_of(case)],
        zone=tx.zone,
    )


def _said_of(case: Case) -> Sequence[str]:
    detail = case.detail
    return [text for text in (detail.title, detail.place, *detail.parties, *detail.fields.values()) if text]


def _stated_of(tx: Transaction, item_id: str) -> Sequence[str]:
    stated = tx.dossier.stated([item_id]).get(item_id)
    return () if stated is None else [str(text) for text in stated.particulars.as_json().values() if text]


def _written_in(tx: Transaction, linked: Sequence[Case]) -> Sequence[str]:
    """Notes of cases that are open to whoever may see the unit's; withdrawn ones are not searched."""
    open_ = [case.id for case in linked if case.restriction is Restriction.NONE]
    notes = tx.dossier.notes(open_) if open_ else ()
    return [note.text for note in notes if note.withdrawn_at is None]


def refresh(tx: Transaction, item_id: str) -> None:
    """Make the item's entry anew; nothing happens if there is no such item, or if it was disposed of."""
    item = tx.items.get(item_id)
    if item is not None and item.disposed_at is None:
        tx.search.put(entry_of(gather(tx, item)))


def refresh_state(tx: Transaction, item_id: str) -> None:
    """The same where only work on the item or what it made has changed."""
    if tx.items.get(item_id) is not None:
        jobs = [job.state for job in tx.jobs.of_subjects([item_id]) if job.stage not in ASIDE]
        tx.search.set_state(item_id, state_of(tx.items.rendition(item_id, "playable") is not None, jobs))


def state_of(is_playable: bool, jobs: Iterable[JobState]) -> ItemState:
    """What has become of an item, by what plays and by the work on it."""
    states = set(jobs)
    if is_playable:
        return ItemState.PLAYABLE
    if JobState.FAILED in states:
        return ItemState.FAILED
    return ItemState.WORKING if states - {JobState.DONE} else ItemState.STORED


def entry_of(known: Known) -> Entry:
    """The entry. Pure."""
    item, said = known.item, known.item.submission
    facts = _mapping(known.description.get("facts"))
    name = _mapping(_mapping(facts.get("file_name")).get("statements"))
    device = _mapping(facts.get("device"))
    officer, badge = said.officer, _text(name.get("officer"))
    if officer is not None and officer.isascii() and any(map(str.isdigit, officer)):
        badge = officer
    serials = list(_values(device.get("serial")))
    return Entry(
        item.id,
        item.unit,
        item.owner,
        item.kind,
        said.category.value,
        state_of(known.is_playable, known.jobs),
        officer=_coded(officer, badge),
        badge=_coded(badge),
        device=_coded(said.device, _text(name.get("device")), *serials),
        cases=tuple(sorted({_cut(case) for case in (said.case or "", *known.case_numbers)} - {""})),
        text=searchable(
            text
            for text in (
                said.filename,
                said.officer,
                said.device,
                said.recording,
                said.case,
                *known.case_numbers,
                item.unit,
                known.agent_name,
                item.salvaged,
                *known.people,
                *known.notes,
                _text(_mapping(known.description.get("text")).get("text")),
                *(_text(value) for value in name.values()),
                *(value for what in sorted(device) for value in _values(device[what])),
                *_titles(known.description),
            )
            if text
        ),
        clocks=tuple(sorted(set(_clocks(known, facts)), key=lambda one: one.order)),
        places=thinned(_places(facts.get("positions"))),
    )


def _coded(*candidates: str | None) -> str | None:
    return next((_cut(one) for one in candidates if one and code(one)), None)


def _cut(text: str) -> str:
    """As codes are compared; nobody asks for a longer one."""
    return code(text)[:256]


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list | tuple) else ()


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _values(said: Json) -> Iterator[str]:
    for one in _list(said):
        if (value := _text(_mapping(one).get("value"))) is not None:
            yield value


#: Tags in which people write what a file is about.
_TITLES = frozenset(
    {
        "Title",
        "Subject",
        "Description",
        "Comment",
        "UserComment",
        "Keywords",
        "Author",
        "Artist",
        "Creator",
        "Caption-Abstract",
        "ImageDescription",
        "XPTitle",
        "XPComment",
        "XPAuthor",
        "XPKeywords",
        "XPSubject",
    }
)


def _titles(description: Mapping[str, Json]) -> Iterator[str]:
    data = _mapping(_mapping(description.get("tags")).get("data"))
    for key in sorted(data):
        if key.rpartition(":")[2] in _TITLES:
            value = data[key]
            yield from (text for one in (value, *_list(value)) if (text := _text(one)) is not None)


def _clocks(known: Known, facts: Mapping[str, Json]) -> Iterator[ClockReading]:
    length = known.description.get("duration_ms")
    spans = timedelta(milliseconds=length) if isinstance(length, int) and length > 0 else timedelta(0)
    spans = min(spans, LONGEST)
    at = known.item.committed_at
    yield ClockReading(ClockKind.RECEIVED, "Custos", to_text(at), "Z", None, "moment", at, at)
    for statement in known.item.submission.times:
        yield from _readings(ClockKind.SUBMITTED, statement, spans, known.zone, is_utc=False)
    for one in _list(facts.get("clocks")):
        clock = _mapping(one)
        source = _text(clock.get("source")) or ""
        statement = TimeStatement(
            source, _text(clock.get("value")) or "", _text(clock.get("zone")), str(clock.get("marks"))
        )
        kind = ClockKind.FILE
        if source == "file name":
            kind = ClockKind.FILE_NAME
        elif source.startswith("GPS time"):
            kind = ClockKind.GPS
        yield from _readings(kind, statement, spans, known.zone, is_utc=clock.get("is_utc") is True)


def _readings(
    kind: ClockKind, statement: TimeStatement, spans: timedelta, office: timedelta, *, is_utc: bool
) -> Iterator[ClockReading]:
    reading = read_time(statement.value, statement.zone, is_utc=is_utc)
    if reading is None:
        return
    assumptions: list[tuple[str | None, timedelta]] = [(None, _UTC)]
    if reading.offset is None:
        assumptions = [(zone_text(office), office)]
        if statement.source.endswith(_BOXES_ARE_UTC):
            assumptions.append(("Z", _UTC))
    for assumed, offset in assumptions:
        at = reading.instant(offset)
        bounds = None if at is None else _bounds(at, statement.marks, spans)
        if bounds is not None:
            source, stated = statement.source[:_LONGEST_SOURCE], statement.value.strip()
            zone = "Z" if is_utc else statement.zone
            yield ClockReading(kind, source, stated, zone, assumed, statement.marks, *bounds)


def _bounds(at: datetime, marks: str, spans: timedelta) -> tuple[datetime, datetime] | None:
    """From when to when what is spoken of may have been, as far as the mark tells."""
    before = spans if marks in ("end", "unknown") else timedelta(0)
    after = spans if marks in ("start", "unknown") else timedelta(0)
    try:
        return at - before, at + after
    except OverflowError:
        return None


def _places(features: Json) -> Iterator[Place]:
    for feature in _list(features):
        shape = _mapping(_mapping(feature).get("geometry"))
        coordinates = shape.get("coordinates")
        points = [coordinates] if shape.get("type") == "Point" else _list(coordinates)
        for point in points:
            axes = _list(point)[:2]
            try:
                longitude, latitude = (round(float(str(axis)) * MICRO) for axis in axes)
            except (ValueError, OverflowError):
                continue
            if abs(longitude) <= 180 * MICRO and abs(latitude) <= 90 * MICRO:
                yield Place(latitude, longitude)


def rebuild(tx: Transaction, after: str | None, limit: int) -> tuple[str | None, int]:
    """Make the entries of the next items anew, at most `limit`: the last of them, and how many they were."""
    item_ids = tx.search.items_after(after, limit)
    for item_id in item_ids:
        refresh(tx, item_id)
    return (item_ids[-1] if item_ids else after), len(item_ids)


def catch_up(tx: Transaction, limit: int) -> int:
    """Make the entries that a migration left to be made, at most `limit`; how many these were."""
    due = tx.search.due(limit)
    for item_id in due:
        refresh(tx, item_id)
    tx.search.settle(due)
    return len(due)
