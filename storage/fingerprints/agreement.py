"""How far two rows of marks agree once one is moved along the other. Pure.

Marks that agree by chance do not line up; marks of a copy all do, along one offset. The stretch that is
reported is the one in which agreeing marks outnumber the others by most. What always looks or sounds the
same (a wall, silence, a tone) agrees along every offset, so a stretch also has to change. Steady noise (an
engine, wind, a street from a fixed camera) changes, and yet every moment is somewhat like every other; so
the two have to be much nearer to each other than the found one is to itself at another time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evidence.copies import FingerprintKind
from storage.fingerprints.marks import Bits, Ints, Marks, distances


@dataclass(frozen=True, slots=True)
class Rules:
    """When marks of a kind agree, and what a stretch needs; docs/copies.md says what was measured."""

    #: Marks that differ in no more bits agree.
    agree_bits: int
    #: Marks that lie no further apart, once moved, are compared.
    near_ms: int
    #: So many marks have to agree, of which so many, each in turn, differ from the last by more than
    #: `apart_bits`, over so long.
    least: int
    least_distinct: int
    apart_bits: int
    least_ms: int
    #: Of 1000.
    least_score: int
    #: So many times nearer, on average, than the found one is to itself half its length away.
    times_nearer: float
    #: An offset is tried as voted for, and one and two such steps before and after.
    step_ms: int


RULES: Mapping[FingerprintKind, Rules] = {
    FingerprintKind.VIDEO: Rules(48, 120, 3, 3, 16, 1_000, 600, 2.5, 60),
    FingerprintKind.AUDIO: Rules(6, 62, 16, 4, 8, 1_000, 600, 2.5, 60),
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """A stretch: `score` of 1000, how many marks agree in it, and where it lies in both."""

    score: int
    agreeing: int
    at_ms: int
    asked_at_ms: int
    length_ms: int


def agreement(rules: Rules, asked: Marks, found: Marks, offset_ms: int) -> Agreement | None:
    """The best stretch with `found` about `offset_ms` behind `asked`; None if none is enough."""
    tried = (_along(rules, asked, found, offset_ms + way * rules.step_ms) for way in (0, -1, 1, -2, 2))
    return max(
        (one for one in tried if one is not None), key=lambda one: (one.agreeing, one.score), default=None
    )


def _along(rules: Rules, asked: Marks, found: Marks, offset_ms: int) -> Agreement | None:
    """Each mark of the one that has fewer in the time that both cover, against the nearest of the other."""
    moved = asked.at + offset_ms
    if len(asked) == 0 or len(found) == 0:
        return None
    first, last = max(moved[0], found.at[0]), min(moved[-1], found.at[-1])
    reach = rules.near_ms
    in_asked = np.flatnonzero((moved >= first - reach) & (moved <= last + reach))
    in_found = np.flatnonzero((found.at >= first - reach) & (found.at <= last + reach))
    if len(in_asked) == 0 or len(in_found) == 0:
        return None
    if len(in_found) <= len(in_asked):
        one, other = in_found, in_asked[_nearest(moved[in_asked], found.at[in_found])]
        near = np.abs(found.at[one] - moved[other]) <= reach
        places, asked_places = one[near], other[near]
    else:
        one, other = in_asked, in_found[_nearest(found.at[in_found], moved[in_asked])]
        near = np.abs(moved[one] - found.at[other]) <= reach
        places, asked_places = other[near], one[near]
    agree = distances(asked.bits[asked_places], found.bits[places]) <= rules.agree_bits
    if not agree.any():
        return None
    start, end = _best_stretch(agree)
    agreeing = places[start:end][agree[start:end]]
    score = 1000 * len(agreeing) // (end - start)
    stretch = places[start:end]
    at, until = int(found.at[stretch[0]]), int(found.at[stretch[-1]])
    if len(agreeing) < rules.least or until - at < rules.least_ms or score < rules.least_score:
        return None
    between = distances(asked.bits[asked_places[start:end]], found.bits[stretch])
    elsewhere = distances(np.roll(found.bits, len(found) // 2, axis=0)[stretch], found.bits[stretch])
    if between.mean() * rules.times_nearer > elsewhere.mean() or not _changes(found.bits[agreeing], rules):
        return None
    return Agreement(score, len(agreeing), at, max(0, at - offset_ms), until - at)


def _nearest(sorted_times: Ints, wanted: Ints) -> Ints:
    """For each wanted time the place of the nearest one."""
    after = np.searchsorted(sorted_times, wanted).clip(1, max(1, len(sorted_times) - 1))
    after = np.minimum(after, len(sorted_times) - 1)
    before = np.maximum(after - 1, 0)
    closer = np.abs(sorted_times[before] - wanted) <= np.abs(sorted_times[after] - wanted)
    nearest: Ints = np.where(closer, before, after)
    return nearest


def _best_stretch(agree: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Start and end of the stretch in which agreeing marks outnumber the others by most."""
    sums = np.concatenate([[0], np.cumsum(np.where(agree, 1, -1))])
    lowest = np.minimum.accumulate(sums)
    end = int(np.argmax(sums - lowest))
    return int(np.flatnonzero(sums[: end + 1] == lowest[end])[-1]), end


def _changes(bits: Bits, rules: Rules) -> bool:
    """Whether so many of the marks differ, each from the one before it that counted."""
    place = 0
    for _ in range(rules.least_distinct - 1):
        far = distances(bits[place:], bits[place]) > rules.apart_bits
        if not far.any():
            return False
        place += int(far.argmax())
    return True
