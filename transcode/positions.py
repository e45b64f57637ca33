"""Where a file says that it was recorded: positions from every source, kept apart, as GeoJSON.

Pure. Invariants: a number stays the text that the tool gave, only its sign may come from the hemisphere
written beside it; a track that is thinned says by which rule; a position that is no place on Earth is
counted and left out. `geojson` turns what is kept into GeoJSON as RFC 7946 has it, with numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evidence.canonical import Json
from transcode.tags import Tag

#: Of one source; a longer track is thinned to at most this and its last position.
MOST_POSITIONS = 1000

_HEIGHT = re.compile(r"[+-]?\d{1,9}(?:\.\d{1,20})?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,4}(?:\.\d{1,20})?", re.ASCII)
_ISO_6709 = re.compile(
    r"([+-]\d{1,2}(?:\.\d{1,20})?)([+-]\d{1,3}(?:\.\d{1,20})?)([+-]\d{1,5}(?:\.\d{1,20})?)?(?:CRS\w+)?/",
    re.ASCII,
)
_LATITUDE, _LONGITUDE, _ALTITUDE = "GPSLatitude", "GPSLongitude", "GPSAltitude"
_NEGATIVE = {"GPSLatitudeRef": "S", "GPSLongitudeRef": "W", "GPSAltitudeRef": "1"}
#: What is kept beside a position, by the names that cameras give it.
_BESIDE = {
    "time": ("GPSDateTime",),
    "at": ("SampleTime",),
    "fix": ("GPSMeasureMode", "GPSStatus"),
    "precision_m": ("GPSHPositioningError", "LocationAccuracyHorizontal"),
    "dilution": ("GPSDOP",),
}
_FORMATS = {"gpmd": "GPMF", "rtmd": "Sony rtmd", "camm": "CAMM", "mebx": "Apple timed metadata"}


@dataclass(frozen=True, slots=True)
class _Position:
    coordinates: tuple[str, ...]
    beside: Mapping[str, str | None]
    #: Shared by positions that the device wrote, and timed, together.
    group: tuple[int, ...]


def in_tags(tags: Sequence[Tag]) -> list[dict[str, Json]]:
    """One Feature for each source among exiftool's tags; coordinates are text, in GeoJSON's order."""
    documents: dict[str, dict[tuple[int, ...], dict[str, list[Tag]]]] = {}
    for tag in tags:
        names = documents.setdefault(tag.group, {}).setdefault(tag.document, {})
        names.setdefault(tag.name, []).append(tag)
    features = []
    for group, by_document in documents.items():
        if group == "Composite":
            continue
        for timed in (False, True):
            positions, strange = _of(by_document, timed)
            if positions or strange:
                features.append(_feature(_source(group, by_document, timed), positions, strange))
    return features


def in_probe(probe_data: Json) -> list[dict[str, Json]]:
    """The same from ffprobe's description, which knows one position in ISO 6709 at most."""
    about = probe_data.get("format") if isinstance(probe_data, Mapping) else None
    said = about.get("tags") if isinstance(about, Mapping) else None
    for name in ("location", "com.apple.quicktime.location.ISO6709"):
        value = said.get(name) if isinstance(said, Mapping) else None
        match = _ISO_6709.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            continue
        latitude, longitude, *higher = (part for part in match.groups() if part is not None)
        found = _Position((longitude, latitude, *higher), {}, ())
        positions = [found] if _is_on_earth(found) else []
        return [_feature(f"{name} (as ffprobe prints it)", positions, 1 - len(positions))]
    return []


def _of(
    by_document: Mapping[tuple[int, ...], Mapping[str, Sequence[Tag]]], timed: bool
) -> tuple[list[_Position], int]:
    found: list[_Position] = []
    for document, names in by_document.items():
        if bool(document) == timed:
            found.extend(_pairs(document, names))
            found.extend(_joined(document, names))
    good = [position for position in found if _is_on_earth(position)]
    return good, len(found) - len(good)


def _pairs(document: tuple[int, ...], names: Mapping[str, Sequence[Tag]]) -> list[_Position]:
    """Latitudes and longitudes by their order; an altitude only where each position has one."""
    latitudes, longitudes = names.get(_LATITUDE, ()), names.get(_LONGITUDE, ())
    altitudes = names.get(_ALTITUDE, ())
    if len(latitudes) != len(longitudes):
        return []
    axes = [_signed(longitudes, names), _signed(latitudes, names)]
    if len(altitudes) == len(latitudes):
        axes.append(_signed(altitudes, names))
    beside = _beside(names)
    return [_Position(coordinates, beside, document) for coordinates in zip(*axes, strict=True)]


def _joined(document: tuple[int, ...], names: Mapping[str, Sequence[Tag]]) -> list[_Position]:
    """Positions in one tag, "latitude longitude altitude": QuickTime's ISO 6709 as exiftool prints it."""
    found = []
    for tag in names.get("GPSCoordinates", ()):
        parts = str(tag.value).split()
        if len(parts) in (2, 3):
            found.append(_Position((parts[1], parts[0], *parts[2:]), _beside(names), document))
    return found


def _signed(tags: Sequence[Tag], names: Mapping[str, Sequence[Tag]]) -> list[str]:
    reference = f"{tags[0].name}Ref" if tags else ""
    marks = names.get(reference, ())
    is_negative = bool(marks) and str(marks[0].value) == _NEGATIVE[reference]
    values = [str(tag.value) for tag in tags]
    return [f"-{value}" if is_negative and value[:1] not in "+-" else value for value in values]


def _beside(names: Mapping[str, Sequence[Tag]]) -> dict[str, str | None]:
    said: dict[str, str | None] = {}
    for what, candidates in _BESIDE.items():
        tags = next((names[name] for name in candidates if name in names), None)
        said[what] = None if tags is None else str(tags[0].value)
    if said["time"] is None and "GPSTimeStamp" in names:
        date = names.get("GPSDateStamp")
        said["time"] = " ".join(str(part[0].value) for part in (date, names["GPSTimeStamp"]) if part)
    return said


def _is_on_earth(position: _Position) -> bool:
    if not all(_NUMBER.fullmatch(part) for part in position.coordinates[:2]):
        return False
    longitude, latitude = (float(part) for part in position.coordinates[:2])
    return abs(longitude) <= 180 and abs(latitude) <= 90


def _source(
    group: str, by_document: Mapping[tuple[int, ...], Mapping[str, Sequence[Tag]]], timed: bool
) -> str:
    if group == "GPS":
        return "EXIF GPS"
    if not timed:
        return f"{group} position"
    forms = by_document.get((), {}).get("MetaFormat", ())
    form = str(forms[0].value) if forms else "timed metadata"
    return f"{_FORMATS.get(form, form)} ({group})"


def _axes(position: _Position) -> list[Json]:
    """Longitude, latitude, and an altitude that is one."""
    return [part for part in position.coordinates if _HEIGHT.fullmatch(part)]


def _feature(source: str, positions: Sequence[_Position], strange: int) -> dict[str, Json]:
    kept, rule = _thinned(positions)
    coordinates: list[Json] = [_axes(position) for position in kept]
    shared = len({position.group for position in positions}) < len(positions)
    geometry: Json = None
    if coordinates:
        is_line = len(coordinates) > 1
        geometry = {
            "type": "LineString" if is_line else "Point",
            "coordinates": coordinates if is_line else coordinates[0],
        }
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "source": source,
            "found": len(positions),
            "thinned": rule,
            "not_on_earth": strange,
            "timed_by": "group" if shared else "position",
            **{what: [position.beside.get(what) for position in kept] for what in _BESIDE},
        },
    }


def _thinned(positions: Sequence[_Position]) -> tuple[Sequence[_Position], str | None]:
    step = -(-len(positions) // MOST_POSITIONS)
    if step <= 1:
        return positions, None
    kept = [*positions[::step]]
    if kept[-1] is not positions[-1]:
        kept.append(positions[-1])
    return kept, f"every {_ordinal(step)} of {len(positions):,} positions and the last"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def geojson(facts: Mapping[str, Json]) -> dict[str, object]:
    """The positions among `Description.facts` as a FeatureCollection of RFC 7946, coordinates as numbers."""
    features = facts.get("positions")
    return {
        "type": "FeatureCollection",
        "features": [_with_numbers(one) for one in features if isinstance(one, Mapping)]
        if isinstance(features, Sequence) and not isinstance(features, str)
        else [],
    }


def _with_numbers(feature: Mapping[str, Json]) -> dict[str, object]:
    geometry = feature.get("geometry")
    if isinstance(geometry, Mapping):
        geometry = {**geometry, "coordinates": _numbers(geometry.get("coordinates"))}  # type: ignore[dict-item]
    return {**feature, "geometry": geometry}


def _numbers(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_numbers(part) for part in value]
    return float(str(value))
