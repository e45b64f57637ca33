"""Places on Earth as searches ask for them: whole millionths of a degree, boxes, circles, a grid. Pure.

Invariants: a place in a box lies in one of the cells that `covering` names; a place in a circle lies in one
of its boxes. The grid needs no extension of a database: a cell is one number, on one of four levels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MICRO = 1_000_000
EARTH_RADIUS_M = 6_371_008.8
_HALF, _QUARTER = 180 * MICRO, 90 * MICRO
#: Sides of the cells in millionths of a degree: about 1.1 km, 11 km, 111 km, 1,113 km.
_SIDES = (10_000, 100_000, 1_000_000, 10_000_000)
_MOST_CELLS = 64
_ROW = 100_000
#: One position is kept of each square of this side, about ten metres: less than receivers are wrong by.
_THIN = 100


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Latitude and longitude in millionths of a degree."""

    latitude: int
    longitude: int


@dataclass(frozen=True, slots=True)
class Box:
    """Edges included; `west` greater than `east` crosses the 180th meridian."""

    west: int
    south: int
    east: int
    north: int

    def boxes(self) -> tuple[Box, ...]:
        """This box, as two where it crosses the 180th meridian."""
        if self.west <= self.east:
            return (self,)
        return (
            Box(self.west, self.south, _HALF, self.north),
            Box(-_HALF, self.south, self.east, self.north),
        )

    def holds(self, place: Place) -> bool:
        """Whether the place lies in it."""
        return any(
            box.south <= place.latitude <= box.north and box.west <= place.longitude <= box.east
            for box in self.boxes()
        )


@dataclass(frozen=True, slots=True)
class Circle:
    """All that lies within `radius_m` of `centre`, along the sphere."""

    centre: Place
    radius_m: int

    def boxes(self) -> tuple[Box, ...]:
        """Boxes that hold all of it."""
        reach = math.degrees(self.radius_m / EARTH_RADIUS_M)
        up = math.ceil(reach * MICRO) + 1
        south, north = self.centre.latitude - up, self.centre.latitude + up
        if south <= -_QUARTER or north >= _QUARTER:
            return (Box(-_HALF, max(south, -_QUARTER), _HALF, min(north, _QUARTER)),)
        # The meridians that touch the circle lie further out than its width at the centre.
        ratio = math.sin(math.radians(reach)) / math.cos(math.radians(self.centre.latitude / MICRO))
        aside = _HALF if ratio >= 1 else math.ceil(math.degrees(math.asin(ratio)) * MICRO) + 1
        if aside >= _HALF:
            return (Box(-_HALF, south, _HALF, north),)
        west, east = self.centre.longitude - aside, self.centre.longitude + aside
        wrapped = Box(
            west + 2 * _HALF if west < -_HALF else west,
            south,
            east - 2 * _HALF if east > _HALF else east,
            north,
        )
        return wrapped.boxes()

    def holds(self, place: Place) -> bool:
        """Whether the place lies in it."""
        return haversine(self.centre, place) <= haversine_of(self.radius_m)


def haversine(one: Place, other: Place) -> float:
    """The square of half the chord between two places on a sphere of radius one."""
    first, second = math.radians(one.latitude / MICRO), math.radians(other.latitude / MICRO)
    across = math.radians((other.longitude - one.longitude) / MICRO)
    return float(
        math.sin((second - first) / 2) ** 2 + math.cos(first) * math.cos(second) * math.sin(across / 2) ** 2
    )


def haversine_of(distance_m: float) -> float:
    """The same for a distance along the sphere; of half the way around and more, the greatest there is."""
    return math.sin(min(distance_m / (2 * EARTH_RADIUS_M), math.pi / 2)) ** 2


def cells(place: Place) -> tuple[int, ...]:
    """The cells that the place lies in, one a level."""
    return tuple(
        _cell(level, (place.latitude + _QUARTER) // side, (place.longitude + _HALF) // side)
        for level, side in enumerate(_SIDES)
    )


def covering(boxes: Iterable[Box]) -> tuple[int, ...]:
    """Cells of the finest level on which few are enough; of all the Earth, those of the coarsest."""
    wanted = tuple(boxes)
    for level, side in enumerate(_SIDES):
        found: set[int] = set()
        for box in wanted:
            rows = range((box.south + _QUARTER) // side, (box.north + _QUARTER) // side + 1)
            columns = range((box.west + _HALF) // side, (box.east + _HALF) // side + 1)
            if len(rows) * len(columns) > _MOST_CELLS and level < len(_SIDES) - 1:
                break
            found.update(_cell(level, row, column) for row in rows for column in columns)
        else:
            return tuple(sorted(found))
    raise AssertionError("the coarsest level covers everything")


def thinned(places: Iterable[Place]) -> tuple[Place, ...]:
    """One place of each square of about ten metres, sorted."""
    kept: dict[tuple[int, int], Place] = {}
    for place in sorted(places):
        kept.setdefault((place.latitude // _THIN, place.longitude // _THIN), place)
    return tuple(kept.values())


def _cell(level: int, row: int, column: int) -> int:
    return (level * _ROW + row) * _ROW + column
