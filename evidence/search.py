"""What can be asked of all items at once, and what is found. Pure.

A search is a set of criteria that all have to hold. Invariants: `read_query(query.pairs()) == query`; a
cursor belongs to one person and one query, and says where to go on, never what may be seen: that is asked
again for every page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from evidence.canonical import canonical
from evidence.errors import Invalid
from evidence.items import Category
from evidence.places import MICRO, Box, Circle, Place
from evidence.timekeeping import to_text
from evidence.words import Asked, asked, code

PAGE = 50
MOST_ON_A_PAGE = 200
#: Values that a facet lists, the most frequent first; what else there is has its share of the total only.
MOST_VALUES = 50
_LONGEST_VALUE = 256
_FARTHEST_M = 20_020_000
_NUMBER = re.compile(r"[+-]?\d{1,3}(?:\.\d{1,15})?", re.ASCII)
_METRES = re.compile(r"\d{1,8}", re.ASCII)
_KIND = re.compile(r"[a-z][a-z-]{0,15}")

T = TypeVar("T")


class ItemState(StrEnum):
    """What has become of an item: it plays; work is going on; some of it failed; stored, nothing to play."""

    PLAYABLE = "playable"
    WORKING = "working"
    FAILED = "failed"
    STORED = "stored"


class ClockKind(StrEnum):
    """Whose clock a time was read from; the server's own is RECEIVED."""

    RECEIVED = "received"
    SUBMITTED = "submitted"
    FILE_NAME = "file-name"
    GPS = "gps"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Query:
    """All criteria that are not None have to hold; a query without any asks for everything.

    `since` and `until`, both included, ask for what lies or overlaps there by one of `clocks`; by any if
    that is empty.
    """

    text: str | None = None
    case: str | None = None
    officer: str | None = None
    badge: str | None = None
    device: str | None = None
    unit: str | None = None
    kind: str | None = None
    category: Category | None = None
    state: ItemState | None = None
    since: datetime | None = None
    until: datetime | None = None
    clocks: tuple[ClockKind, ...] = ()
    place: Box | Circle | None = None

    @property
    def tokens(self) -> tuple[Asked, ...]:
        """What its text asks for."""
        return () if self.text is None else asked(self.text)

    @property
    def is_timed(self) -> bool:
        """Whether it asks for a time."""
        return self.since is not None or self.until is not None

    def pairs(self) -> dict[str, str]:
        """The criteria as they are written in an address, in events and in saved searches."""
        written: dict[str, str | None] = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name in _TEXTS or field.name in ("category", "state", "kind", "unit")
        }
        written["from"] = None if self.since is None else to_text(self.since)
        written["to"] = None if self.until is None else to_text(self.until)
        written["clock"] = ",".join(self.clocks) or None
        if isinstance(self.place, Box):
            box = self.place
            written["box"] = ",".join(map(_degrees, (box.west, box.south, box.east, box.north)))
        elif isinstance(self.place, Circle):
            centre = self.place.centre
            written["near"] = (
                f"{_degrees(centre.longitude)},{_degrees(centre.latitude)},{self.place.radius_m}"
            )
        return {name: str(value) for name, value in sorted(written.items()) if value is not None}


_TEXTS = ("text", "case", "officer", "badge", "device")
CRITERIA = (*_TEXTS, "unit", "kind", "category", "state", "from", "to", "clock", "box", "near")


@dataclass(frozen=True, slots=True)
class Hit:
    """An item that was found, and its place in the order of all: later ones have greater numbers."""

    seq: int
    item_id: str


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One statement of time, as instants: when what it speaks of began and ended at the latest.

    `stated` is the text as written. Where it holds no zone, `assumed` is the one it was read by; a
    statement may then be read by several.
    """

    kind: ClockKind
    source: str
    stated: str
    zone: str | None
    assumed: str | None
    marks: str
    begins: datetime
    ends: datetime

    @property
    def order(self) -> tuple[datetime, datetime, str, str, str, str, str, str]:
        """Earliest first, and always the same."""
        written = (self.source, self.stated, self.zone or "", self.assumed or "", self.marks)
        return (self.begins, self.ends, self.kind.value, *written)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is searched of one item. All of it follows from other rows and can be made again."""

    item_id: str
    unit: str
    agent_id: str
    kind: str
    category: str
    state: ItemState
    officer: str | None = None
    badge: str | None = None
    device: str | None = None
    cases: tuple[str, ...] = ()
    text: str = ""
    clocks: tuple[ClockReading, ...] = ()
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Facets:
    """How many items a query finds, and how many of them have each value; of each facet the most frequent."""

    total: int
    counts: Mapping[str, Sequence[tuple[str, int]]]


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A query that somebody keeps under a name; nobody else sees it."""

    id: str
    agent_id: str
    name: str
    query: Query
    saved_at: datetime


def read_query(pairs: Mapping[str, str]) -> Query:
    """The query that these criteria make; empty values count as not given. Raises Invalid."""
    given = {name: value.strip() for name, value in pairs.items() if value.strip()}
    for name, value in given.items():
        if name not in CRITERIA:
            raise Invalid("unknown-criterion", f"{name[:40]!r} is nothing that can be searched by.")
        if len(value) > _LONGEST_VALUE:
            raise Invalid("value-too-long", f"`{name}` has at most {_LONGEST_VALUE} characters.")
        if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
            raise Invalid("bad-text", f"`{name}` is no text.")
    query = Query(
        text=given.get("text"),
        unit=given.get("unit"),
        kind=_read(given, "kind", _kind),
        category=_read(given, "category", Category),
        state=_read(given, "state", ItemState),
        since=_read(given, "from", _instant),
        until=_read(given, "to", _instant),
        clocks=_read(given, "clock", _clocks) or (),
        place=_place(given),
        **{name: code(given[name]) for name in _TEXTS[1:] if name in given},
    )
    if query.since is not None and query.until is not None and query.until < query.since:
        raise Invalid("bad-time", "`to` lies before `from`.")
    if query.clocks and not query.is_timed:
        raise Invalid("bad-clock", "`clock` says which clock `from` and `to` mean; give one of them.")
    # Says what is wrong with the text, if anything is.
    _ = query.tokens
    return query


def cursor(agent_id: str, query: Query, seq: int) -> str:
    """Where a page ended, for the next to begin."""
    return (
        base64.urlsafe_b64encode(seq.to_bytes(8, "big") + _belongs(agent_id, query, seq)).decode().rstrip("=")
    )


def read_cursor(agent_id: str, query: Query, text: str) -> int:
    """The inverse; raises Invalid("bad-cursor") for one that was not given out to this person and query."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    seq = int.from_bytes(data[:8], "big")
    if data[8:] != _belongs(agent_id, query, seq) or cursor(agent_id, query, seq) != text:
        raise Invalid("bad-cursor", "The cursor is none that this server gave out for this search.")
    return seq


def _belongs(agent_id: str, query: Query, seq: int) -> bytes:
    return hashlib.sha256(canonical([agent_id, query.pairs(), str(seq)])).digest()[:12]


_CODES: Mapping[str, tuple[str, str]] = {
    "kind": ("bad-kind", "`kind` is a word like video, audio, photo, document, unknown."),
    "category": ("bad-category", f"`category` is one of {', '.join(Category)}."),
    "state": ("bad-state", f"`state` is one of {', '.join(ItemState)}."),
    "clock": ("bad-clock", f"`clock` is any of {', '.join(ClockKind)}, with commas between."),
    "box": ("bad-place", "`box` is west,south,east,north in degrees."),
    "near": ("bad-place", f"`near` is longitude,latitude,metres, of these at most {_FARTHEST_M}."),
    "from": ("bad-time", "`from` is a time with its zone, 2026-03-01T08:00:00+08:00 (+ is written %2B)."),
    "to": ("bad-time", "`to` is a time with its zone, 2026-03-01T08:00:00+08:00 (+ is written %2B)."),
}


def _read(given: Mapping[str, str], name: str, read: Callable[[str], T]) -> T | None:
    if name not in given:
        return None
    try:
        return read(given[name])
    except (ValueError, OverflowError) as error:
        raise Invalid(*_CODES[name]) from error


def _kind(value: str) -> str:
    if _KIND.fullmatch(value) is None:
        raise ValueError(value)
    return value


def _instant(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError(value)
    return at.astimezone(UTC)


def _clocks(value: str) -> tuple[ClockKind, ...]:
    named = {ClockKind(one.strip()) for one in value.split(",")}
    return tuple(kind for kind in ClockKind if kind in named)


def _place(given: Mapping[str, str]) -> Box | Circle | None:
    if "box" in given and "near" in given:
        raise Invalid("bad-place", "Give `box` or `near`, not both.")
    return _read(given, "box", _box) or _read(given, "near", _circle)


def _box(value: str) -> Box:
    west, south, east, north = value.split(",")
    if _micro(south, 90) > _micro(north, 90):
        raise ValueError(value)
    return Box(_micro(west, 180), _micro(south, 90), _micro(east, 180), _micro(north, 90))


def _circle(value: str) -> Circle:
    longitude, latitude, metres = (part.strip() for part in value.split(","))
    if _METRES.fullmatch(metres) is None or not 0 < int(metres) <= _FARTHEST_M:
        raise ValueError(value)
    return Circle(Place(_micro(latitude, 90), _micro(longitude, 180)), int(metres))


def _micro(text: str, most: int) -> int:
    if _NUMBER.fullmatch(text.strip()) is None or abs(number := float(text)) > most:
        raise ValueError(text)
    return round(number * MICRO)


def _degrees(micro: int) -> str:
    sign = "-" if micro < 0 else ""
    return f"{sign}{abs(micro) // MICRO}.{abs(micro) % MICRO:06d}"
