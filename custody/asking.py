"""What a witness answers, and the words for when it does not: between `cosigning` and whatever carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class NoAnswer(Exception):
    """The witness gave no answer that can be used; the text says why."""


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """What it said; `stands_at` is the size that it has cosigned, where its answer is that."""

    status: int
    text: str
    stands_at: str | None


class AskWitness(Protocol):
    """Carries a request to a witness."""

    async def __call__(self, url: str, body: bytes) -> WitnessAnswer:
        """Ask, and wait for the answer, seconds at most whatever the witness does. Raises NoAnswer."""
        ...
