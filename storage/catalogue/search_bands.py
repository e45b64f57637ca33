"""In which bands of numbers the items of a time lie, so that what else is asked for is looked for only there.

Items are numbered as they come in, mostly soon after they were recorded: those of a month lie close together,
and an index that goes on by number has there what meets its criterion. Where one came in late or had a wrong
clock there is a band around it. The stretches of time know them all, so that nothing is guessed; what lies in
a band and not in the time is sorted out with what meets no other criterion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sqlalchemy import ARRAY, BigInteger, Connection, cast, func, literal, select, true

from storage.catalogue.search_tables import search_stretches
from storage.catalogue.search_ways import Way

#: Of more time than some months most of what meets a criterion is looked at anyway.
MOST_STRETCHES = 600
#: The more items there are and the more time is asked for, the wider is a band: so there are never too many.
_LEAST_WIDTH, _GRAIN = 64, 2**18
#: If all stretches together have more bands than this, they are not looked for further.
_MOST_MET = 20_000
#: So often an index is gone into for one way.
_MOST_STROKES = 4_096


@dataclass(frozen=True, slots=True)
class Band:
    """The numbers from the first up to the last, which belongs to it."""

    first: int
    last: int


def bands_of(connection: Connection, stretches: range, before: int, newest: int) -> Sequence[Band] | None:
    """All items with a lower number than `before` that begin in the stretches lie in these, which rise.

    `newest` is about the highest number that there is. None if there were too many of them.
    """
    width = max(_LEAST_WIDTH, newest * len(stretches) // _GRAIN)
    begun = search_stretches.c
    each = func.generate_series(stretches.start, stretches.stop - 1).table_valued("stretch")
    each = each.render_derived(name="each")
    zero = cast(literal(0), BigInteger).label("beyond")
    # From each band that is met in a stretch to its next: most of their rows are never looked at.
    met = select(cast(each.c.stretch, BigInteger).label("stretch"), zero).cte("met", recursive=True)
    following = (
        select(begun.seq)
        .where(begun.stretch == met.c.stretch, begun.seq >= met.c.beyond)
        .order_by(begun.seq)
        .limit(1)
        .correlate(met)
        .lateral("following")
    )
    beyond = (following.c.seq // width + 1) * width
    met = met.union_all(select(met.c.stretch, beyond).select_from(met.join(following, true())))
    found = connection.execute(select(met.c.beyond).limit(_MOST_MET)).scalars().all()
    if len(found) == _MOST_MET:
        return None
    rising = (Band(last - width, min(last, before) - 1) for last in sorted({*found} - {0}))
    return [band for band in rising if band.first <= band.last]


def narrowed(way: Way, bands: Sequence[Band]) -> Way:
    """The same where the bands are, if its index can be gone into there."""
    if not way.values:
        return way
    bands = merged(bands, max(1, _MOST_STROKES // way.values))
    ends = ([band.first for band in bands], [band.last for band in bands])
    among = func.unnest(*(cast(some, ARRAY(BigInteger)) for some in ends)).table_valued("first", "last")
    among = among.render_derived(name="band")
    (seq,) = way.found.selected_columns
    # OFFSET 0 keeps the planner from joining the other way about.
    each = way.found.where(seq >= among.c.first, seq <= among.c.last).correlate(among).offset(0).lateral()
    found = select(each.c.seq).select_from(among.join(each, true()))
    return replace(way, found=found, column=None, values=0, is_timed=True)


def merged(bands: Sequence[Band], most: int) -> Sequence[Band]:
    """Those that touch as one, and those nearest to each other, until there are at most so many."""
    gaps = sorted((later.first - one.last for one, later in pairwise(bands)), reverse=True)
    widest = max(1, gaps[most - 1]) if len(gaps) >= most else 1
    made: list[Band] = []
    for band in bands:
        if made and band.first - made[-1].last <= widest:
            made[-1] = Band(made[-1].first, band.last)
        else:
            made.append(band)
    return made
