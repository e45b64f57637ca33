"""Boxes, circles and the grid agree about what lies where."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evidence.places import MICRO, Box, Circle, Place, cells, covering, haversine, haversine_of, thinned

PLACES = st.builds(
    Place,
    st.integers(-90 * MICRO, 90 * MICRO),
    st.integers(-180 * MICRO, 180 * MICRO),
)
BEIJING = Place(39_904_200, 116_407_400)
TIANJIN = Place(39_084_200, 117_200_900)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    one, other = draw(PLACES), draw(PLACES)
    south, north = sorted((one.latitude, other.latitude))
    return Box(one.longitude, south, other.longitude, north)


@st.composite
def near(draw: st.DrawFn) -> tuple[Place, Place]:
    """Two places, often close to each other, at the edges of the map too."""
    one = draw(PLACES)
    spread = draw(st.sampled_from([100, 10_000, 1_000_000, 200_000_000]))
    latitude = max(-90 * MICRO, min(90 * MICRO, one.latitude + draw(st.integers(-spread, spread))))
    longitude = one.longitude + draw(st.integers(-spread, spread))
    return one, Place(latitude, (longitude + 180 * MICRO) % (360 * MICRO) - 180 * MICRO)


@given(boxes(), PLACES)
def test_what_lies_in_a_box_lies_in_a_cell_that_covers_it(box: Box, place: Place) -> None:
    assume(box.holds(place))
    assert set(cells(place)) & set(covering(box.boxes()))


@given(near(), st.integers(1, 20_000_000))
def test_what_lies_in_a_circle_lies_in_its_boxes(places: tuple[Place, Place], radius_m: int) -> None:
    centre, place = places
    circle = Circle(centre, radius_m)
    if circle.holds(place):
        assert any(box.holds(place) for box in circle.boxes())
        assert set(cells(place)) & set(covering(circle.boxes()))


@given(st.lists(PLACES, max_size=20))
def test_what_is_thinned_out_lies_beside_what_is_kept(places: list[Place]) -> None:
    kept = thinned(places)
    assert list(kept) == sorted(set(kept))
    for place in places:
        assert any(
            abs(one.latitude - place.latitude) < 100 and abs(one.longitude - place.longitude) < 100
            for one in kept
        )


def test_a_known_distance() -> None:
    assert haversine_of(113_500) < haversine(BEIJING, TIANJIN) < haversine_of(114_500)
    assert Circle(BEIJING, 114_500).holds(TIANJIN)
    assert not Circle(BEIJING, 113_500).holds(TIANJIN)


def test_across_the_date_line_and_over_the_pole() -> None:
    fiji = Circle(Place(-17_000_000, 179_999_000), 5_000)
    assert len(fiji.boxes()) == 2
    assert fiji.holds(Place(-17_000_000, -179_990_000))
    assert Circle(Place(89_990_000, 0), 5_000).holds(Place(89_990_000, 180 * MICRO))
    assert Box(170 * MICRO, -1, -170 * MICRO, 1).holds(Place(0, 175 * MICRO))
    assert not Box(170 * MICRO, -1, -170 * MICRO, 1).holds(Place(0, 0))


@pytest.mark.parametrize("radius_m", [50, 500, 5_000, 50_000, 500_000, 20_000_000])
def test_few_cells_are_enough(radius_m: int) -> None:
    assert len(covering(Circle(BEIJING, radius_m).boxes())) <= 19 * 37
