"""Reviews 审查: what somebody found when they looked through an item. Pure.

Invariants: a review is never changed, only withdrawn with a reason; several stand beside each other; with
each stands how much of the item its author had watched by then. Nobody reviews their own recording.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from evidence.canonical import Json
from evidence.cases import LONGEST_TEXT
from evidence.errors import Conflict, Invalid
from evidence.items import Item

MOST_FINDINGS = 50
LONGEST_FINDING = 500


class Outcome(StrEnum):
    """What came of it: 规范, 不规范, 需跟进."""

    IN_ORDER = "in-order"
    FLAWED = "flawed"
    TO_FOLLOW = "to-follow"


class Turn(IntEnum):
    """Where an item stands in the queue: what was drawn comes first, what was reviewed is out of it."""

    DRAWN = 0
    WAITING = 1
    REVIEWED = 2


@dataclass(frozen=True, slots=True)
class Review:
    """`covered_ms` of `length_ms` had been watched by its author; None of what has no length."""

    id: str
    item_id: str
    agent_id: str
    outcome: Outcome
    findings: tuple[str, ...]
    note: str
    covered_ms: int | None
    length_ms: int | None
    reviewed_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_for: str | None = None

    def told(self) -> Mapping[str, Json]:
        """What goes on record of it."""
        return {
            "outcome": self.outcome.value,
            "findings": list(self.findings),
            "note": self.note,
            "covered_ms": self.covered_ms,
            "duration_ms": self.length_ms,
        }


def checked_findings(findings: tuple[str, ...], note: str) -> tuple[tuple[str, ...], str]:
    """Findings and note without space at their ends; raises Invalid("bad-findings")."""
    findings, note = tuple(one.strip() for one in findings), note.strip()
    if (
        len(findings) > MOST_FINDINGS
        or len(note) > LONGEST_TEXT
        or not all(0 < len(one) <= LONGEST_FINDING for one in findings)
    ):
        raise Invalid(
            "bad-findings",
            f"A review has at most {MOST_FINDINGS} findings of 1 to {LONGEST_FINDING} characters, and a note "
            f"of {LONGEST_TEXT} at most.",
        )
    return findings, note


def check_whose(item: Item, agent_id: str) -> None:
    """Raise Conflict("own-recording") if the item is the agent's own."""
    if item.owner == agent_id:
        raise Conflict("own-recording", "This recording is your own; somebody else has to review it.")
