"""Dispatch lists 警情/任务清单: who was where, when, on which case; and which recordings fit. Pure.

Invariants: a recording is only linked by itself if exactly one case fits it wholly; whatever else fits is a
candidate for a person to choose from, never a guess; reading a list twice says the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum

from evidence.cases import LONGEST_TEXT, checked_number
from evidence.csv_lists import Fault, lines_of
from evidence.errors import Invalid
from evidence.items import Category

#: Clocks and people are not exact: a recording may begin so long before or after what it belongs to.
LEEWAY = timedelta(minutes=5)
COLUMNS = (
    "reference", "case_number", "officer", "device", "begins", "ends", "category", "title", "place",
)  # fmt: skip
REQUIRED = ("reference", "case_number", "begins", "ends")
_LONGEST_TASK = timedelta(days=7)
_LONGEST_NAME = 256
_ZONE = re.compile(r"([+-])(0[0-9]|1[0-4]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One line of a list. `reference` names it within its unit, so that it can be read again."""

    reference: str
    case_number: str
    officer: str | None
    device: str | None
    begins_at: datetime
    ends_at: datetime
    category: Category = Category.OTHER
    title: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What an item says of who made it, with what, and from when to when; None where it says nothing."""

    officer: str | None
    device: str | None
    begins_at: datetime | None
    ends_at: datetime | None


class Fit(IntEnum):
    """How far a dispatch and an item agree."""

    NOT = 0
    PARTLY = 1
    WHOLLY = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """The case that an item belongs to, or the cases that it may belong to."""

    case_number: str | None
    candidates: tuple[str, ...]


def fit(dispatch: Dispatch, sighting: Sighting) -> Fit:
    """Wholly: all that the dispatch names is the item's, and their times meet within the leeway.

    Partly: at least one of officer and device is, none is another, and the times meet.
    """
    if sighting.begins_at is None:
        return Fit.NOT
    ends_at = sighting.ends_at or sighting.begins_at
    if ends_at < dispatch.begins_at - LEEWAY or sighting.begins_at > dispatch.ends_at + LEEWAY:
        return Fit.NOT
    pairs = [(dispatch.officer, sighting.officer), (dispatch.device, sighting.device)]
    if any(wanted is not None and found is not None and wanted != found for wanted, found in pairs):
        return Fit.NOT
    agreed = [wanted is not None and wanted == found for wanted, found in pairs]
    if not any(agreed):
        return Fit.NOT
    missing = any(wanted is not None and found is None for wanted, found in pairs)
    return Fit.PARTLY if missing else Fit.WHOLLY


def judge(dispatches: Iterable[Dispatch], sighting: Sighting) -> Verdict:
    """Which case an item belongs to, if exactly one fits it wholly; else what may fit, in their order."""
    found: dict[Fit, dict[str, None]] = {one: {} for one in Fit}
    for dispatch in dispatches:
        found[fit(dispatch, sighting)].setdefault(dispatch.case_number)
    wholly = tuple(found[Fit.WHOLLY])
    if len(wholly) == 1:
        return Verdict(wholly[0], wholly)
    return Verdict(None, wholly or tuple(found[Fit.PARTLY]))


class Roster:
    """Many lines, by whom and with what, so that an item is compared with few."""

    def __init__(self, dispatches: Iterable[Dispatch]) -> None:
        self._by: dict[tuple[str, str], list[tuple[int, Dispatch]]] = {}
        for place, one in enumerate(dispatches):
            for kind, name in (("officer", one.officer), ("device", one.device)):
                if name is not None:
                    self._by.setdefault((kind, name), []).append((place, one))

    def judge(self, sighting: Sighting) -> Verdict:
        """As `judge` with all lines."""
        near: dict[int, Dispatch] = {}
        for kind, name in (("officer", sighting.officer), ("device", sighting.device)):
            if name is not None:
                near |= self._by.get((kind, name), ())
        return judge((near[place] for place in sorted(near)), sighting)


def zone_of(text: str) -> timedelta:
    """How far from UTC `+08:00` or `Z` is; raises Invalid("bad-zone")."""
    if text == "Z":
        return timedelta(0)
    found = _ZONE.fullmatch(text)
    if found is None:
        raise Invalid("bad-zone", "A zone is written as its distance from UTC, such as +08:00, or Z.")
    distance = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return -distance if found[1] == "-" else distance


def parse(data: bytes, zone: timezone) -> tuple[Sequence[Dispatch], Sequence[Fault]]:
    """The lines of a CSV with a header, in UTF-8 or GB 18030; `zone` is where times without one are told.

    Of two lines with one reference the second is a fault. Raises Invalid("bad-list") if it is no such list.
    """
    found: dict[str, Dispatch] = {}
    faults: list[Fault] = []
    for number, cells in lines_of(data, REQUIRED):
        try:
            one = _dispatch(cells, zone, found.keys())
            found[one.reference] = one
        except Invalid as error:
            faults.append(Fault(number, error.message))
    return list(found.values()), faults


def _dispatch(cells: Mapping[str, str], zone: timezone, known: Collection[str]) -> Dispatch:
    for name in REQUIRED:
        if not cells.get(name):
            raise Invalid("bad-line", f"{name} is empty")
    if cells["reference"] in known:
        raise Invalid("bad-line", f"the reference {cells['reference']} stands above already")
    if any(len(cells.get(name, "")) > _LONGEST_NAME for name in ("reference", "officer", "device")):
        raise Invalid("bad-line", f"reference, officer and device have at most {_LONGEST_NAME} characters")
    officer, device = cells.get("officer") or None, cells.get("device") or None
    if officer is None and device is None:
        raise Invalid("bad-line", "name an officer or a device")
    begins_at, ends_at = (_instant(cells[name], name, zone) for name in ("begins", "ends"))
    if not timedelta(0) <= ends_at - begins_at <= _LONGEST_TASK:
        raise Invalid("bad-line", "it ends before it begins, or lasts longer than a week")
    try:
        category = Category(cells.get("category") or Category.OTHER)
    except ValueError as error:
        raise Invalid("bad-line", f"category is one of {', '.join(Category)}") from error
    return Dispatch(
        cells["reference"],
        checked_number(cells["case_number"]),
        officer,
        device,
        begins_at,
        ends_at,
        category,
        cells.get("title", "")[:LONGEST_TEXT],
        cells.get("place", "")[:LONGEST_TEXT],
    )


def _instant(text: str, name: str, zone: timezone) -> datetime:
    try:
        at = datetime.fromisoformat(text.replace("/", "-"))
        return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(
            "bad-line", f"{name} is no time such as 2026-11-25 08:30 or 2026-11-25T08:30+08:00"
        ) from error
