"""Marks 标记: what somebody wrote beside a moment or a stretch of a recording. Pure.

Invariants: a mark stands in the time of its segments (`evidence.spans`); it is never changed, only withdrawn
with a reason, and stays in sight as withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from evidence.canonical import Json
from evidence.cases import LONGEST_TEXT
from evidence.errors import Invalid
from evidence.spans import Span

LONGEST_LABEL = 200


class MarkKind(StrEnum):
    """A moment, or a stretch."""

    MARKER = "marker"
    RANGE = "range"


@dataclass(frozen=True, slots=True)
class Mark:
    """`spans` in the recording's order when it was made; of a marker there is one, and it is a point."""

    id: str
    agent_id: str
    kind: MarkKind
    label: str
    note: str
    spans: tuple[Span, ...]
    made_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_for: str | None = None

    def told(self) -> Mapping[str, Json]:
        """What goes on record of it."""
        spans: list[Json] = [
            {"item": span.item_id, "from_ms": span.from_ms, "to_ms": span.to_ms} for span in self.spans
        ]
        return {"kind": self.kind.value, "label": self.label, "note": self.note, "spans": spans}


def kind_of(spans: tuple[Span, ...]) -> MarkKind:
    """What the spans make."""
    return MarkKind.MARKER if all(span.is_point for span in spans) else MarkKind.RANGE


def checked_words(label: str, note: str) -> tuple[str, str]:
    """Label and note without space at their ends; raises Invalid("bad-mark")."""
    label, note = label.strip(), note.strip()
    if not label or len(label) > LONGEST_LABEL or len(note) > LONGEST_TEXT:
        raise Invalid(
            "bad-mark",
            f"A mark has a label of 1 to {LONGEST_LABEL} characters, and a note of {LONGEST_TEXT} at most.",
        )
    return label, note
