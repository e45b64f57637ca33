"""Figures 统计: what is counted of each item, and sums of it. Pure.

Invariants: what is kept of a sum is what counting everything anew would give; what is sealed is counted
nowhere, so that no sum tells of it. A day is one of the office's: the day on which an item was received.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from datetime import date, timedelta
from enum import StrEnum

from evidence.errors import Invalid

#: What comes in later than this after it ended is late.
LATE = timedelta(days=1)
MOST_ROWS = 1_000
_EPOCH = date(1970, 1, 1).toordinal()
_DAY_US = 86_400_000_000


class Dimension(StrEnum):
    """By what figures are asked."""

    UNIT = "unit"
    OFFICER = "officer"
    DEVICE = "device"
    CATEGORY = "category"
    KIND = "kind"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """What items have in common that are counted together. `day` counts from 1970-01-01; "" is unknown."""

    unit: str
    agent_id: str
    officer: str
    device: str
    category: str
    kind: str
    day: int


@dataclass(frozen=True, slots=True)
class Sums:
    """Counts. `recordings` counts each once, whatever its segments.

    `timed` are those that say when they ended; `late`: received more than a day after that; `tagged`: linked
    to a case; `reviewed`: with a review that stands; `duration_ms` as measured.
    """

    items: int = 0
    recordings: int = 0
    duration_ms: int = 0
    bytes: int = 0
    tagged: int = 0
    timed: int = 0
    late: int = 0
    held: int = 0
    reviewed: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    def __neg__(self) -> Sums:
        return Sums(*(-one for one in astuple(self)))


#: The names of what is counted, in order.
MEASURES = tuple(one.name for one in fields(Sums))


@dataclass(frozen=True, slots=True, order=True)
class DeviceDay:
    """A device's day by its own clock."""

    unit: str
    device: str
    day: int


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a device's day does not cover: holes in time, and file numbers of which nothing is there."""

    holes: int = 0
    missing: int = 0

    def __add__(self, other: Gaps) -> Gaps:
        return Gaps(self.holes + other.holes, self.missing + other.missing)


@dataclass(frozen=True, slots=True)
class FigureQuery:
    """Which items are counted, and by what. Days are inclusive; None: whatever it is."""

    by: Dimension
    since: date | None = None
    until: date | None = None
    unit: str | None = None
    officer: str | None = None
    device: str | None = None
    category: str | None = None
    kind: str | None = None

    def checked(self) -> FigureQuery:
        """Itself; raises Invalid("bad-period") for one that ends before it begins."""
        if self.since is not None and self.until is not None and self.until < self.since:
            raise Invalid("bad-period", "The period ends before it begins.")
        return self

    @property
    def has_gaps(self) -> bool:
        """Whether gaps can be told by this: they belong to a device's day, not to an officer."""
        narrowed = (self.officer, self.category, self.kind)
        by = (Dimension.UNIT, Dimension.DEVICE, Dimension.DAY, Dimension.MONTH)
        return self.by in by and narrowed == (None, None, None)


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One value of the dimension. `gaps` None: they cannot be told by it."""

    value: str
    sums: Sums
    gaps: Gaps | None


@dataclass(frozen=True, slots=True)
class FigureTable:
    """The rows, their total over all there are, and whether there are more than these."""

    rows: tuple[FigureRow, ...]
    total: FigureRow
    more: bool


def day_of(at_us: int, zone: timedelta) -> int:
    """The day of an instant in the office's zone, counted from 1970-01-01."""
    return (at_us + zone // timedelta(microseconds=1)) // _DAY_US


def day_number(day: date) -> int:
    """A date as it is counted here."""
    return day.toordinal() - _EPOCH


def day_text(day: int, *, month: bool) -> str:
    """YYYY-MM-DD, or YYYY-MM."""
    text = date.fromordinal(day + _EPOCH).isoformat()
    return text[:7] if month else text


def changes(before: Iterable[tuple[Cell, Sums]], after: Iterable[tuple[Cell, Sums]]) -> Mapping[Cell, Sums]:
    """What has to be added to each cell when the first becomes the second; cells that stay are left out."""
    found: dict[Cell, Sums] = {}
    for cell, sums in before:
        found[cell] = found.get(cell, Sums()) + -sums
    for cell, sums in after:
        found[cell] = found.get(cell, Sums()) + sums
    return {cell: sums for cell, sums in found.items() if sums != Sums()}


def table(
    by: Dimension, counted: Mapping[str | int, Sums], gaps: Mapping[str | int, Gaps] | None
) -> FigureTable:
    """Rows in order: days and months by time, everything else by how many items, most first."""
    names = [*counted, *(name for name in gaps or () if name not in counted)]
    rows: dict[str, FigureRow] = {}
    for name in names:
        text = str(name)
        if isinstance(name, int):
            text = day_text(name, month=by is Dimension.MONTH)
        row = rows.get(text, FigureRow(text, Sums(), None if gaps is None else Gaps()))
        more = None if gaps is None or row.gaps is None else row.gaps + gaps.get(name, Gaps())
        rows[text] = FigureRow(text, row.sums + counted.get(name, Sums()), more)
    if by in (Dimension.DAY, Dimension.MONTH):
        ordered = sorted(rows.values(), key=lambda row: row.value)
    else:
        ordered = sorted(rows.values(), key=lambda row: (-row.sums.items, row.value))
    total = FigureRow("", Sums(), None if gaps is None else Gaps())
    for row in ordered:
        both = None if row.gaps is None or total.gaps is None else total.gaps + row.gaps
        total = FigureRow("", total.sums + row.sums, both)
    return FigureTable(tuple(ordered[:MOST_ROWS]), total, len(ordered) > MOST_ROWS)
