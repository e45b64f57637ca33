"""How a worker is told that a row is waiting. Losing every ring loses no work: a sweep rings again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from evidence.jobs import Job


class Doorbell(Protocol):
    """The broker, as far as anybody else needs to know."""

    async def ring(self, jobs: Sequence[Job]) -> None:
        """Tell some worker. Never raises: a bell that cannot ring is logged and rung by the sweep."""
        ...
