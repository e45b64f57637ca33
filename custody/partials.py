"""What was kept of tiles and bundles while they filled, removed when nobody needs it any more.

Every head that is published leaves a partial tile of each level; without this a log that grows by single
events would take a hundred times what its leaves do. What belongs to a tile that has been full for a day
goes: until then whoever copies the store, head first, finds what that head needs. A crash leaves some, which
the next run removes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from custody.bodies import THE_STORE, mark_of, path_of
from custody.tiles import WIDTH, tiles_between
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import LogStore
from evidence.timekeeping import from_text, to_text

KEPT = timedelta(days=1)
_MARK = "partials"
#: So many leaves' at once: a log from before this has all of them still.
_STEP = 40 * WIDTH


@dataclass(frozen=True, slots=True)
class _State:
    """Of what was full in a tree of `done` leaves nothing partial is left; at `at` it had `seen`."""

    done: int
    seen: int
    at: datetime

    def __str__(self) -> str:
        return f"{self.done} {self.seen} {to_text(self.at)}"


def _state_of(text: str | None, published: int, now: datetime) -> _State:
    if text is None:
        return _State(0, published, now)
    done, seen, at = text.split()
    # A clock that was set back must not keep all of it until it has caught up.
    return _State(int(done), int(seen), min(from_text(at), now))


class Partials:
    """The use case of removing them; only while catalogue and store tell one story."""

    def __init__(self, catalogue: Catalogue, store: LogStore, clock: Clock, place: str = THE_STORE) -> None:
        """`place`: what that store is called; the catalogue keeps how far each was tidied."""
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._bodies = mark_of(place)
        self._mark = f"{_MARK} of {self._bodies}"

    async def run(self) -> bool:
        """Remove some of what is needed no more; whether there is more. Repeatable. Raises Unavailable."""
        now = self._clock.now()
        before, published, bodies = await self._catalogue.read(self._look)
        state = _state_of(before, published, now)
        if state.done >= state.seen or now - state.at < KEPT:
            if state.done >= state.seen:
                state = _State(state.done, published, now)
            await self._keep(before, state)
            return False
        through = min(state.seen, state.done + _STEP)
        for tile in tiles_between(state.done, through):
            if tile.is_full:
                await self._store.drop(f"{tile.path}.p")
            if tile.is_full and tile.level < 0 and (tile.number + 1) * WIDTH <= bodies:
                await self._store.drop(path_of(tile.number, is_full=False))
        is_done = through == state.seen
        next_one = _State(through, published, now) if is_done else _State(through, state.seen, state.at)
        await self._keep(before, next_one)
        return not is_done

    def _look(self, tx: Transaction) -> tuple[str | None, int, int]:
        head = tx.log.head()
        return (
            tx.journal.mark(self._mark),
            0 if head is None else head.published,
            int(tx.journal.mark(self._bodies) or 0),
        )

    async def _keep(self, before: str | None, state: _State) -> None:
        if str(state) != before:
            await self._catalogue.write(lambda tx: tx.journal.keep_mark(self._mark, str(state)))
