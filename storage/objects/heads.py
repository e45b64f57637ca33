"""Files with a head that is exchanged: those of the custody log, and those of the journal."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.keys import JOURNAL, JOURNAL_TAIL


@dataclass(frozen=True, slots=True)
class Files:
    """Below which name they lie, and which of them is the head."""

    prefix: str
    head: str


LOG = Files("log", "checkpoint")
CATALOGUE = Files(JOURNAL, JOURNAL_TAIL)
