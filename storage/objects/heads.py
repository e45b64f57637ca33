"""Files with a head that is exchanged: those of the custody log, and those of the journal."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.keys import JOURNAL, JOURNAL_TAIL


@dataclass(frozen=True, slots=True)
class Files:
    """Below which name they lie, and which of them is the head."""

    prefix: str
    head: str


def replaced(path: str) -> str:
    """The path, which has to be of what is replaced and never locked; raises ValueError."""
    if not path.endswith((".p", ".part")):
        raise ValueError("not the path of what is replaced")
    return path


LOG = Files("log", "checkpoint")
CATALOGUE = Files(JOURNAL, JOURNAL_TAIL)
