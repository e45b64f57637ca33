"""A custody report 保管报告 before it is a page or a PDF, and what of an item's history it tells where. Pure.

Invariants: every event of an item's proof is told by exactly one row or counted by exactly one; what comes
from a person is text and never markup, and shows what it holds instead of acting on whoever reads it.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

from evidence.events import EventType
from evidence.proofs import Proof
from evidence.ranges import ByteRange, merge
from evidence.timekeeping import from_text

#: Whoever opens nothing for longer than this has begun another sitting.
SITTING = timedelta(minutes=30)


class Language(StrEnum):
    """In which a report is written."""

    CHINESE = "zh-CN"
    ENGLISH = "en"


class Place(StrEnum):
    """Where in a report an event is told, in the order in which it is read."""

    CAME = "came"
    LAY = "lay"
    MADE = "made"
    NOTED = "noted"
    SIGHT = "sight"
    SITTING = "sitting"
    TAKEN = "taken"
    COUNTED = "counted"
    GONE = "gone"


_PLACES: tuple[tuple[Place, tuple[str, ...]], ...] = (
    (Place.CAME, ("upload.", "item.ingested", "recording.")),
    (Place.GONE, ("disposal.", "item.disposed", "item.spared")),
    (Place.MADE, ("rendition.", "still.", "clip.", "recovery.", "stage.", "item.described")),
    (Place.SIGHT, ("restriction.", "share.", "purpose.")),
    (Place.SITTING, ("viewing.", "playback.")),
    (Place.TAKEN, ("export.",)),
    (Place.COUNTED, (
        "list.", "item.shown", "case.shown", "sample.shown", "history.", "receipt.", "progress.", "watched.",
        "report.", "access.", "session.",
    )),
    (Place.NOTED, (
        "link.", "mark.", "note.", "review.", "sample.", "particulars.", "entry.", "form.", "checklist.",
        "case.", "person.",
    )),
)  # fmt: skip


def place_of(kind: str) -> Place:
    """Where an event of that type is told; how something is kept, unless it is known to be something else."""
    return next((place for place, prefixes in _PLACES if kind.startswith(prefixes)), Place.LAY)


@dataclass(frozen=True, slots=True)
class Told:
    """An event as a report reads it. `detail` is None where it is not shown, or not kept any more."""

    id: str
    type: str
    at: datetime
    agent: str | None
    outcome: str
    subjects: Mapping[str, Sequence[str]]
    digests: Mapping[str, str]
    detail: Mapping[str, Any] | None
    #: Its place among the events of the item or case, from 0.
    number: int

    def subject(self, kind: str) -> str | None:
        """The first subject of that kind."""
        return next(iter(self.subjects.get(kind, ())), None)


def told(proof: Proof) -> list[Told]:
    """The events of a proof, in their order."""
    found = []
    for one in proof.events:
        leaf = json.loads(one.leaf)
        event = leaf["event"]
        subjects: dict[str, list[str]] = {}
        for subject in event["subjects"]:
            subjects.setdefault(subject["kind"], []).append(subject["id"])
        found.append(
            Told(
                event["id"],
                event["type"],
                from_text(event["time"]),
                event["agent"],
                event["outcome"],
                subjects,
                event["digests"],
                None if one.detail is None else json.loads(one.detail),
                next(int(link["seq"]) for link in leaf["chains"] if link["subject"] == proof.subject),
            )
        )
    return found


@dataclass(slots=True)
class Sitting:
    """What one person opened without a longer pause, what of it left, and what their player says it showed.

    `content` are the names under which something was opened; `watched` are milliseconds of the item's time.
    """

    agent: str | None
    first: datetime
    last: datetime
    events: list[str] = field(default_factory=list)
    content: dict[str, None] = field(default_factory=dict)
    purposes: dict[str, None] = field(default_factory=dict)
    sent: int = 0
    #: What of the original left.
    original: list[ByteRange] = field(default_factory=list)
    played: int = 0
    open: int = 0
    #: Viewings that a crash left open: up to what they permitted may have left.
    unknown: int = 0
    #: Events whose detail is not shown.
    silent: int = 0
    watched: list[ByteRange] = field(default_factory=list)


def sittings(events: Iterable[Told], item_id: str) -> list[Sitting]:
    """Viewings and playback sessions by person and sitting, in the order of their beginning."""
    found: list[Sitting] = []
    latest: dict[str | None, Sitting] = {}
    opened: dict[str, Sitting] = {}
    for event in events:
        name = event.subject("viewing") or event.subject("playback") or event.id
        sitting = opened.get(name)
        if sitting is None:
            sitting = latest.get(event.agent)
            if sitting is None or event.at - sitting.last > SITTING:
                sitting = Sitting(event.agent, event.at, event.at)
                found.append(sitting)
            latest[event.agent] = sitting
            opened[name] = sitting
        sitting.last = max(sitting.last, event.at)
        sitting.events.append(event.id)
        _add(sitting, event, item_id)
    return found


def _add(sitting: Sitting, event: Told, item_id: str) -> None:
    detail = event.detail
    if detail is None:
        sitting.silent += 1
    else:
        if purpose := detail.get("purpose"):
            sitting.purposes[str(purpose)] = None
        if "content" in detail:
            sitting.content[str(detail["content"])] = None
    if event.type == EventType.VIEWING_OPENED:
        sitting.open += 1
    elif event.type == EventType.PLAYBACK_OPENED:
        sitting.played += 1
    elif event.type == EventType.VIEWING_CLOSED:
        sitting.open -= 1
        sitting.unknown += event.outcome == "unknown"
        if detail is not None:
            sitting.sent += int(detail.get("bytes", 0))
            if detail.get("content") == "original":
                sitting.original = list(merge([*sitting.original, *_ranges(detail.get("ranges"))]))
    elif event.type == EventType.PLAYBACK_CLOSED and detail is not None:
        for one in detail.get("watched", ()):
            if one["item"] == item_id:
                sitting.watched = list(merge([*sitting.watched, *_ranges(one["ranges"])]))


def _ranges(value: Any) -> list[ByteRange]:
    return [(int(begins), int(ends)) for begins, ends in value or ()]


@dataclass(frozen=True, slots=True)
class Row:
    """Cells of a table, the events that they tell of, and where on the same disk more is told."""

    cells: tuple[str, ...]
    events: tuple[str, ...] = ()
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below a head; `widths` are shares of the page, in hundredths."""

    head: tuple[str, ...]
    widths: tuple[int, ...]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known by name."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A paragraph; `loud` for what a reader must not miss."""

    text: str
    loud: bool = False


Block: TypeAlias = Table | Facts | Sentence


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of level 0 (the report), 1 (an item of several) or 2, and what stands below it."""

    level: int
    title: str
    blocks: Sequence[Block] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report. `foot` stands on every page of paper."""

    language: Language
    title: str
    subtitle: str
    foot: str
    at: datetime
    sections: Sequence[Section]

    @property
    def events(self) -> list[str]:
        """Every event that it tells of or counts, each as often as it does."""
        return [
            event
            for section in self.sections
            for block in section.blocks
            if isinstance(block, Table)
            for row in block.rows
            for event in row.events
        ]


#: Characters that change how what stands around them is read, or cannot be seen.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: str) -> str:
    """The text with every character that does something instead of showing something written out.

    A file name with a right-to-left override is shown as `a[U+202E]gpj.exe`.
    """
    return "".join(f"[U+{ord(each):04X}]" if unicodedata.category(each) in _ACTING else each for each in text)
