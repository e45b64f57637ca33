"""Rounds in which the custody log is read again where it lies: when one is due, and what it found so far.

A place is a store that has the log's files: the store itself, or a replica. Invariants: a round that was left
goes on where it was; what it found is told as it is found, and all of it once it is through.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.canonical import Json
from evidence.events import EventDraft, EventType
from evidence.ports.catalogue import Transaction
from evidence.timekeeping import from_text, is_live, to_text

#: Of the alarms: files of the log are not what its rows make, and rows do not make what was signed.
DAMAGED, ROWS = "log-damaged", "log-rows-differ"
#: What the second is about, and what stops the log: rows are the same for every place.
THE_LOG = "log"
#: A finding is looked at again so soon.
AGAIN_AFTER = timedelta(days=7)
#: Names that an alarm or an event tells; the others are counted.
MOST_NAMES = 20
_ASKED = "log audit asked"


@dataclass(frozen=True, slots=True)
class Found:
    """Files by what became of them, and the first leaves whose rows are not what was signed.

    `missing` were laid there again; `wrong` have other bytes; the disk refused to read what is `unreadable`;
    `covered` have something laid over them. What is `gone` stays so: no hash that was signed tells of it.
    """

    missing: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    covered: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    #: How many there were, named or not.
    count: int = 0

    @property
    def has_files(self) -> bool:
        """Whether anything is to be said of the store."""
        return bool(self.missing or self.wrong or self.unreadable or self.covered or self.gone)

    def __add__(self, other: Found) -> Found:
        return Found(
            _some(self.missing, other.missing),
            _some(self.wrong, other.wrong),
            _some(self.unreadable, other.unreadable),
            _some(self.covered, other.covered),
            _some(self.rows, other.rows),
            _some(self.gone, other.gone),
            self.count + other.count,
        )


def _some(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    return (*one, *other)[:MOST_NAMES]


@dataclass(frozen=True, slots=True)
class Round:
    """How far one place is. `size`: leaves that the round is about, 0 between two; `at`: those behind it.

    `stamped`: the largest tree whose stamps are behind it.
    """

    began_at: datetime
    ended_at: datetime | None = None
    size: int = 0
    at: int = 0
    files: int = 0
    found: Found = Found()
    #: When somebody had last asked as it began.
    asked_at: datetime | None = None
    stamped: int = 0

    @property
    def goes_on(self) -> bool:
        """Whether it is not through."""
        return self.size > 0

    def as_text(self) -> str:
        """As it is kept."""
        kept = asdict(self)
        kept["began_at"] = to_text(self.began_at)
        for name in ("ended_at", "asked_at"):
            kept[name] = None if kept[name] is None else to_text(kept[name])
        return json.dumps(kept)


def parse_round(text: str) -> Round:
    """The inverse of `Round.as_text`."""
    kept = json.loads(text)
    times = {name: kept[name] and from_text(kept[name]) for name in ("began_at", "ended_at", "asked_at")}
    found: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in kept["found"].items()
    }
    return Round(**{**kept, **times, "found": Found(**found)})


def is_due(last: Round, every: timedelta | None, asked: datetime | None, now: datetime) -> bool:
    """Whether another round is to begin. `last` is through, or never began: then its `began_at` counts.

    `asked`: when somebody last asked. What claims to have ended later than now ended under another clock, and
    is due.
    """
    if asked != last.asked_at:
        return True
    if every is None:
        return False
    ended = last.ended_at or last.began_at
    wait = every if last.found == Found() else min(every, AGAIN_AFTER)
    return not is_live(ended + wait, now, wait)


def _mark(name: str) -> str:
    # A place's name may be longer than that of a mark.
    return f"log audit {hashlib.sha256(name.encode()).hexdigest()[:32]}"


def round_of(tx: Transaction, name: str) -> Round | None:
    """How far the store of that name is; None if nobody ever looked."""
    text = tx.journal.mark(_mark(name))
    return None if text is None else parse_round(text)


def keep_round(tx: Transaction, name: str, kept: Round) -> None:
    """Put it in the place of what was kept."""
    tx.journal.keep_mark(_mark(name), kept.as_text())


def ask_log_audit(tx: Transaction, agent_id: str | None, now: datetime) -> None:
    """Ask for a round in every place, on record."""
    tx.journal.keep_mark(_ASKED, to_text(now))
    tx.events.append(EventDraft(EventType.AUDIT_ASKED, agent_id, now, detail={"log": True}))


def asked_at(tx: Transaction) -> datetime | None:
    """When somebody last asked."""
    text = tx.journal.mark(_ASKED)
    return None if text is None else from_text(text)


def as_detail(name: str, kept: Round) -> dict[str, Json]:
    """What the event of a round says."""
    found = kept.found
    return {
        "store": name,
        "leaves": kept.at,
        "files": kept.files,
        "findings": found.count,
        "missing": list(found.missing),
        "wrong": list(found.wrong),
        "unreadable": list(found.unreadable),
        "covered": list(found.covered),
        "rows": list(found.rows),
        "gone": list(found.gone),
    }


def files_say(place: str, found: Found) -> str:
    """The alarm's words about the files in a place."""
    said = [
        f"{words} {_named(names)}"
        for words, names in (
            ("other bytes lie where the log's have to:", found.wrong),
            ("the disk refuses to read", found.unreadable),
            ("something was laid over", found.covered),
            ("what was missing was laid there again:", found.missing),
            ("of what stamped it is gone", found.gone),
        )
        if names
    ]
    return (
        f"The custody log in {place} was read again, and {'; '.join(said)}. {found.count} findings in all. "
        "The catalogue has what the log says, and nothing there was replaced. Find out what happened to "
        "that store, and who can write there; docs/fixity.md says how to go on."
    )


def rows_say(found: Found) -> str:
    """The alarm's words about the catalogue's rows."""
    return (
        f"The catalogue does not have what the custody log published any more: {_named(found.rows)}. "
        "Somebody changed its rows, or its disk did. The store has them as they were: keep the catalogue as "
        "it is for whoever looks into it, and rebuild one from the store; docs/fixity.md says how."
    )


def _named(names: Iterable[str]) -> str:
    return ", ".join(names)
