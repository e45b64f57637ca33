"""Which segment files make one recording. Pure.

Each segment is judged by the strongest thing that it carries: the recording that its submitter names; else
the sequence and the part in its file name; else the time at which it began. Two segments are of one recording
if they carry the same kind of thing, from the same unit and device, and it agrees; and so is whatever such
pairs chain together. Where two that one camera cannot both have made follow the same segment, or are followed
by it, nobody can say which does, and none is joined there: cameras whose clock was set back make such.
Invariants: recordings are the same whatever the order in which segments arrive. Nothing is joined across
units, devices, or clocks. A recording is named after one of its segments, and whatever name it ever had names
the recording of that segment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import combinations
from typing import Any

from evidence.canonical import Json
from evidence.ids import derived_id

#: Statements of time are given in whole seconds, and cameras take up to one to begin the next file.
TOLERANCE_US = 2_000_000
#: No file is longer; a length that says more says nothing.
LONGEST_US = 100 * 86_400 * 1_000_000
#: How far the segments of one number may lie apart: a shift. Cameras count from the start again.
SAME_COUNTER_US = 12 * 3600 * 1_000_000
#: Files of the other channels are counted in between.
_MOST_CHANNELS = 4


class Origin(IntEnum):
    """Who says when a segment began, in the order in which they are asked."""

    SUBMITTER = 0
    FILE_NAME = 1
    FILE = 2
    #: A date in the file of which makers do not agree whether it is the start; read as the start.
    FILE_UNMARKED = 3


class Rule(StrEnum):
    """Why two segments are of one recording."""

    SUBMITTED = "submitted"
    NAME = "name"
    TIME = "time"


@dataclass(frozen=True, slots=True, order=True)
class Clock:
    """What a time was read from. Times of different clocks are never compared.

    `zoned`: it says its offset from UTC; otherwise it shows some place's time, and nobody says which.
    """

    origin: Origin
    source: str
    zoned: bool


@dataclass(frozen=True, slots=True, order=True)
class Start:
    """When a segment began by one clock: microseconds since 1970-01-01T00:00:00, in UTC if zoned."""

    clock: Clock
    at_us: int


@dataclass(frozen=True, slots=True)
class Segment:
    """What is known of one segment that may be part of a recording.

    `recording` and `number` are the submitter's; `template`, `sequence`, `part` and `channel` are what the
    file's name says. `starts` holds each clock once, the first asked first. `length_us` is measured.
    """

    item_id: str
    unit: str
    kind: str
    device: str | None = None
    device_source: str | None = None
    recording: str | None = None
    number: int | None = None
    template: str | None = None
    sequence: str | None = None
    part: int | None = None
    channel: str | None = None
    starts: tuple[Start, ...] = ()
    length_us: int | None = None

    @property
    def rule(self) -> Rule | None:
        """By which rule it can be joined; None: it is a recording of its own."""
        if self.device is None:
            return None
        if self.recording is not None:
            return Rule.SUBMITTED
        if not self.starts:
            return None
        return Rule.TIME if self.sequence is None or self.part is None else Rule.NAME

    @property
    def line(self) -> tuple[str, ...] | None:
        """What two segments must have in common to be looked at together."""
        rule = self.rule
        if rule is None or self.device is None:
            return None
        shared = (self.unit, self.device, rule.value)
        match rule:
            case Rule.SUBMITTED:
                return (*shared, self.recording or "")
            case Rule.NAME:
                named = (self.template or "", self.sequence or "", self.channel or "")
                return (*shared, self.kind, *named)
            case Rule.TIME:
                return (*shared, self.kind, self.channel or "")

    @property
    def counted(self) -> int | None:
        """Its number in its recording: the submitter's, else the one in its name."""
        return self.part if self.number is None else self.number

    @property
    def counted_by(self) -> str | None:
        """Who says that number."""
        if self.number is not None:
            return "submitted"
        return None if self.part is None else "file name"

    def start(self, clock: Clock) -> int | None:
        """When it began by that clock."""
        return next((start.at_us for start in self.starts if start.clock == clock), None)

    def as_json(self) -> dict[str, Json]:
        """The form in the catalogue."""
        return {
            "item": self.item_id,
            "unit": self.unit,
            "kind": self.kind,
            "device": self.device,
            "device_source": self.device_source,
            "recording": self.recording,
            "number": self.number,
            "template": self.template,
            "sequence": self.sequence,
            "part": self.part,
            "channel": self.channel,
            "starts": [
                [int(start.clock.origin), start.clock.source, start.clock.zoned, start.at_us]
                for start in self.starts
            ],
            "length_us": self.length_us,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Segment:
        """The inverse of `as_json`."""
        plain = {name: found for name, found in value.items() if name not in ("item", "starts")}
        starts = tuple(
            Start(Clock(Origin(origin), source, zoned), at_us)
            for origin, source, zoned, at_us in value["starts"]
        )
        return cls(item_id=value["item"], starts=starts, **plain)


@dataclass(frozen=True, slots=True)
class Joint:
    """Why two segments are of one recording; `clock` is the one by which they were compared, if any."""

    rule: Rule
    clock: Clock | None = None
    #: From the end of the earlier to the start of the later; negative where they overlap.
    apart_us: int | None = None
    #: The item that comes first, where one is joined to the other's end.
    earlier: str | None = None


def joint(one: Segment, other: Segment) -> Joint | None:
    """Why the two are of one recording, None if they are not, or nobody can say. Symmetric."""
    line = one.line
    if line is None or line != other.line or one.item_id == other.item_id:
        return None
    if one.rule is Rule.SUBMITTED:
        return Joint(Rule.SUBMITTED)
    clocks = shared_clocks(one, other)
    if not clocks:
        return None
    if one.rule is Rule.NAME:
        first, second = (_at(segment, clocks[0]) for segment in (one, other))
        return Joint(Rule.NAME, clocks[0]) if abs(first - second) <= SAME_COUNTER_US else None
    return _contiguous(one, other, clocks)


def shared_clocks(one: Segment, other: Segment) -> list[Clock]:
    """The clocks that both know, in the order in which they are asked."""
    return sorted({start.clock for start in one.starts} & {start.clock for start in other.starts})


def _at(segment: Segment, clock: Clock) -> int:
    found = segment.start(clock)
    assert found is not None
    return found


def _contiguous(one: Segment, other: Segment, clocks: Sequence[Clock]) -> Joint | None:
    """Every clock that both know must say so, but for those that may mean something else."""
    asked = [clock for clock in clocks if clock.origin is not Origin.FILE_UNMARKED] or clocks[:1]
    earlier, later = sorted((one, other), key=lambda segment: (_at(segment, asked[0]), segment.item_id))
    if earlier.length_us is None or not _counted_on(earlier, later):
        return None
    apart = [_at(later, clock) - _at(earlier, clock) - earlier.length_us for clock in asked]
    if any(abs(gap) > TOLERANCE_US for gap in apart):
        return None
    return Joint(Rule.TIME, asked[0], apart[0], earlier.item_id)


def _counted_on(earlier: Segment, later: Segment) -> bool:
    """Whether numbers in their names, where both have one of the same kind, follow each other."""
    before, after = counter(earlier), counter(later)
    if before is None or after is None or before[0] != after[0]:
        return True
    steps = after[1] - before[1]
    began_again = after[1] <= 1 and set(earlier.sequence or "") == {"9"}
    return began_again or 1 <= steps <= (1 if later.channel is None else _MOST_CHANNELS)


def counter(segment: Segment) -> tuple[str, int] | None:
    """The template and the number of the file that its name gives, None if it gives none."""
    if segment.template is None or segment.sequence is None or not segment.sequence.isdecimal():
        return None
    return segment.template, int(segment.sequence)


def rivals(one: Segment, other: Segment) -> bool:
    """Whether one camera cannot have made both at once, or nobody can say."""
    clocks = shared_clocks(one, other)
    if not clocks:
        return True
    begins = [_at(segment, clocks[0]) for segment in (one, other)]
    lengths = [segment.length_us for segment in (one, other)]
    ends = [at_us + long for at_us, long in zip(begins, lengths, strict=True) if long is not None]
    return not ends or min(ends) - max(begins) > TOLERANCE_US


def own_recording(item_id: str) -> str:
    """The identifier of the recording that is named after this item: the same each time."""
    return derived_id(item_id, "recording")


def clear_joints(segments: Sequence[Segment]) -> tuple[list[tuple[Segment, Segment, Joint]], bool]:
    """The pairs of one recording without those that have a rival, and whether there were such."""
    joints = ((one, other, joint(one, other)) for one, other in combinations(segments, 2))
    pairs = [(one, other, why) for one, other, why in joints if why is not None]
    sides: dict[tuple[str, str], list[Segment]] = {}
    for one, other, why in pairs:
        if why.earlier is not None:
            earlier, later = (one, other) if why.earlier == one.item_id else (other, one)
            sides.setdefault(("after", earlier.item_id), []).append(later)
            sides.setdefault(("before", later.item_id), []).append(earlier)
    contested = {
        (side, item, segment.item_id)
        for (side, item), found in sides.items()
        for segment in found
        if any(rivals(segment, other) for other in found if other is not segment)
    }

    def is_clear(one: Segment, other: Segment, why: Joint) -> bool:
        earlier, later = (one, other) if why.earlier == one.item_id else (other, one)
        return contested.isdisjoint(
            {("after", earlier.item_id, later.item_id), ("before", later.item_id, earlier.item_id)}
        )

    return [pair for pair in pairs if is_clear(*pair)], bool(contested)


def grouped(segments: Sequence[Segment]) -> list[frozenset[str]]:
    """The recordings that these segments make, as sets of items: what any order of arrival must come to."""
    groups = {segment.item_id: frozenset({segment.item_id}) for segment in segments}
    for one, other, _ in clear_joints(segments)[0]:
        together = groups[one.item_id] | groups[other.item_id]
        groups |= dict.fromkeys(together, together)
    return sorted(set(groups.values()), key=min)


def named(group: frozenset[str], recording_of: Mapping[str, str]) -> str:
    """The recording that this group is: one that is named after one of its items, the oldest in use."""
    own = {own_recording(item) for item in group}
    return min({recording_of[item] for item in group if item in recording_of} & own or own)
