"""What a submitted file name says, by the templates that makers use.

Pure. Invariants: the name opens nothing and is never believed; what it says are statements beside all
others, as written. A name whose time is no time does not fit a template, whatever else fits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath

from evidence.canonical import Json
from evidence.timekeeping import TimeStatement
from transcode.clocks import Clock, reading

_LONGEST = 255
#: Groups that are times, and what they mark where the template does not say.
_TIMES = {"time": None, "start": "start", "end": "end"}
_WITH_A_CLOCK = 12


@dataclass(frozen=True, slots=True)
class Template:
    """One maker's way to name files.

    `pattern` is matched with the whole name without its ending; its groups name what they hold: "device",
    "officer", "sequence" (which recording), "segment" (which part of it), "channel", "time", "start",
    "end". `basis` is where the template is known from, `marks` what "time" marks.
    """

    name: str
    pattern: re.Pattern[str]
    basis: str
    marks: str = "start"


_DAY = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_HOUR = r"(?:[01]\d|2[0-3])"
_TIME = rf"{_HOUR}[0-5]\d[0-5]\d"
_DOTTED = rf"{_HOUR}\.[0-5]\d\.[0-5]\d"
_SUPPORT = "the maker's support pages"
_SEEN = "as such devices commonly name files; no document of the maker was at hand"


def _of(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII | re.IGNORECASE)


#: The first that fits counts: narrow ones stand before wide ones.
TEMPLATES: tuple[Template, ...] = (
    Template(
        "body camera: device, officer, time, number",
        _of(
            rf"(?P<device>[A-Z0-9-]{{5,24}})_(?P<officer>\d{{6,8}})_(?P<time>{_DAY}_?{_TIME})"
            r"(?:_(?P<sequence>\d{1,6}))?"
        ),
        "as GA/T 947 body cameras commonly name files; makers vary it, the standard was not at hand",
    ),
    Template(
        "body camera: device, time, number",
        _of(rf"(?P<device>DSJ-?[A-Z0-9-]{{1,24}})_(?P<time>{_DAY}_?{_TIME})(?:_(?P<sequence>\d{{1,6}}))?"),
        "the same without an officer; DSJ begins the numbers of that class",
    ),
    Template(
        "Axon body camera, as exported",
        _of(
            rf"Axon[ _](?:Body|Flex)[ _]?\d*[ _]Video[ _](?P<time>\d{{4}}-\d\d-\d\d[ _]{_HOUR}[0-5]\d)"
            r"(?:-(?P<segment>\d{1,3}))?"
        ),
        _SEEN,
    ),
    Template("GoPro, chaptered", _of(r"G[HXLSG](?P<segment>\d\d)(?P<sequence>\d{4})"), _SUPPORT),
    Template("GoPro, looping", _of(r"G[HXL](?P<sequence>[A-Z]{2})(?P<segment>\d{4})"), _SUPPORT),
    Template("GoPro until HERO5, first chapter", _of(r"GOPR(?P<sequence>\d{4})"), _SUPPORT),
    Template("GoPro until HERO5, later chapter", _of(r"GP(?P<segment>\d\d)(?P<sequence>\d{4})"), _SUPPORT),
    Template(
        "DJI with time",
        _of(rf"DJI_(?P<time>{_DAY}{_TIME})_(?P<sequence>\d{{4}})(?:_[A-Z]{{1,3}})?"),
        _SEEN,
    ),
    Template("DJI", _of(r"DJI_(?P<sequence>\d{4})"), _SEEN),
    Template(
        "Insta360",
        _of(rf"(?:VID|LRV|IMG)_(?P<time>{_DAY}_{_TIME})_(?P<channel>\d\d)_(?P<sequence>\d{{3}})"),
        _SEEN,
    ),
    Template(
        "Pixel phone",
        _of(rf"PXL_(?P<time>{_DAY}_{_TIME}(?:\d{{3}})?)(?:[._~-].*)?"),
        f"{_SEEN}; the time is said to be UTC",
    ),
    Template(
        "messenger",
        _of(rf"(?:VID|IMG|AUD|PTT|DOC)-(?P<time>{_DAY})-WA(?P<sequence>\d{{4}})"),
        _SEEN,
        "unknown",
    ),
    Template("phone, film", _of(rf"(?:VID|MOV)_(?P<time>{_DAY}_{_TIME})(?:[._~-].*)?"), _SEEN),
    Template("phone, picture", _of(rf"M?V?IMG_(?P<time>{_DAY}_{_TIME})(?:[._~-].*)?"), _SEEN, "moment"),
    Template(
        "dashboard camera",
        _of(
            rf"(?P<time>(?:19|20)\d\d_(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])_{_TIME})"
            r"_(?P<sequence>\d{3,6})(?P<channel>[A-Z])?"
        ),
        _SEEN,
    ),
    Template(
        "time, number",
        _of(rf"(?P<time>{_DAY}[_-]?{_TIME})(?:[_-](?P<sequence>\d{{1,6}}))?(?P<channel>[A-Z])?"),
        _SEEN,
    ),
    Template(
        "recorder: from, to",
        _of(
            rf"(?P<start>{_DOTTED})-(?P<end>{_DOTTED})\[[A-Z]\](?:\[\d@\d\])?(?:\[(?P<channel>\d{{1,3}})\])?"
        ),
        "as Dahua recorders commonly name files; no document of the maker was at hand",
    ),
    Template(
        "voice recorder",
        _of(
            rf"(?P<time>\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])_{_HOUR}[0-5]\d)(?:_(?P<sequence>\d{{2,3}}))?"
        ),
        _SEEN,
    ),
    Template(
        "DCF camera",
        _of(r"(?=.{0,3}[A-Z])[A-Z0-9_]{4}(?P<sequence>\d{4})"),
        "JEITA CP-3461 (DCF)",
    ),
)


@dataclass(frozen=True, slots=True)
class NameSays:
    """The template that a name fits, its statements as written, and its clocks."""

    template: Template
    statements: Mapping[str, str]
    clocks: tuple[Clock, ...]

    def as_json(self) -> dict[str, Json]:
        """The form in `Description.facts`."""
        return {
            "template": self.template.name,
            "basis": self.template.basis,
            "statements": dict(self.statements),
        }


def read_name(filename: str) -> NameSays | None:
    """What `filename` says, None if it fits no template. Only its last part is looked at."""
    name = PureWindowsPath(filename[-_LONGEST:]).stem
    for template in TEMPLATES:
        match = template.pattern.fullmatch(name)
        if match is None:
            continue
        said = {key: value for key, value in match.groupdict().items() if value is not None}
        clocks = tuple(
            Clock(TimeStatement("file name", said[group], None, marks or template.marks))
            for group, marks in _TIMES.items()
            if group in said
        )
        if all(_is_sane(clock) for clock in clocks):
            statements = {key: value for key, value in said.items() if key not in _TIMES}
            return NameSays(template, statements, clocks)
    return None


def _is_sane(clock: Clock) -> bool:
    """Patterns cannot tell 31 February from a day; a day or a time of day alone they can."""
    digits = sum(character.isdecimal() for character in clock.statement.value)
    return digits < _WITH_A_CLOCK or reading(clock) is not None
