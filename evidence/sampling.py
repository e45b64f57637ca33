"""Sampling 抽查: which items are looked at, so that anybody can draw them again. Pure.

Invariants: the order is that of SHA-256(seed ‖ identifier), so that it depends on the seed and on nothing
else; a sample is within its population, without repeats, and the same whatever order the population is given
in. The population's digest says which list it was drawn from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from evidence.canonical import Json, canonical
from evidence.errors import Invalid
from evidence.timekeeping import to_text

SEED_BYTES = 32
MOST_DRAWN = 2_000
MOST_POPULATION = 1_000_000
_SEED = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Frame:
    """What was drawn from: items of a unit and all below it, received in [since, until)."""

    unit: str
    since: datetime
    until: datetime
    category: str | None = None
    kind: str | None = None

    def as_json(self) -> dict[str, Json]:
        """The form in events and the catalogue."""
        return {
            "unit": self.unit,
            "since": to_text(self.since),
            "until": to_text(self.until),
            "category": self.category,
            "kind": self.kind,
        }

    @property
    def filter_digest(self) -> str:
        """The same for every frame of this unit, category and kind, whatever its period."""
        said: list[Json] = [self.unit, self.category, self.kind]
        return hashlib.sha256(canonical(said)).hexdigest()

    def meets(self, other: Frame) -> bool:
        """Whether both are of one filter and have a moment in common: the same can be drawn from both."""
        return (
            self.filter_digest == other.filter_digest
            and self.since < other.until
            and other.since < self.until
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """A draw as it is on record. `size` and `digest` are the population's; `count` is how many were drawn."""

    id: str
    frame: Frame
    seed: str
    size: int
    digest: str
    count: int
    drawn_by: str
    drawn_at: datetime
    reason: str

    def told(self) -> dict[str, Json]:
        """What goes on record of it, beside which items were drawn."""
        return {
            "frame": self.frame.as_json(),
            "seed": self.seed,
            "population": self.size,
            "population_sha256": self.digest,
            "count": self.count,
            "reason": self.reason,
        }


def checked_seed(seed: str) -> str:
    """The seed; raises Invalid("bad-seed")."""
    if _SEED.fullmatch(seed) is None:
        raise Invalid("bad-seed", "A seed is 64 hexadecimal digits, lower case: 32 bytes.")
    return seed


def population_digest(population: Collection[str]) -> str:
    """SHA-256 over the identifiers, sorted, each followed by a line feed; lower-case hex."""
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(set(population))).encode()).hexdigest()


def drawn(population: Collection[str], seed: str, count: int) -> Sequence[str]:
    """The first `count` of the population by SHA-256 of the seed's 32 bytes and the identifier's text.

    All of them if there are no more. Raises Invalid("bad-seed").
    """
    key = bytes.fromhex(checked_seed(seed))

    def place(item_id: str) -> bytes:
        return hashlib.sha256(key + item_id.encode()).digest()

    return sorted(set(population), key=place)[: max(0, count)]


def how_many(size: int, count: int | None, percent: int | None) -> int:
    """How many are drawn: so many, or so many in a hundred, rounded up; never more than there are.

    Raises Invalid("bad-count") unless exactly one of both is given and it can be drawn.
    """
    if count is not None and percent is None and count >= 1:
        wanted = count
    elif percent is not None and count is None and 1 <= percent <= 100:
        wanted = -(-size * percent // 100)
    else:
        raise Invalid("bad-count", "Say how many are drawn, from 1, or how many in a hundred, 1 to 100.")
    if min(wanted, size) > MOST_DRAWN:
        raise Invalid("bad-count", f"At most {MOST_DRAWN} are drawn at once; narrow what they come from.")
    return min(wanted, size)
